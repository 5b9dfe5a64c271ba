"""THE VOCABULARY. Importing this package registers every word; each file holds one family of words."""

from archdsl.words import data, families, modifiers, ops, train

__all__ = ["data", "families", "modifiers", "ops", "train"]
