"""THE VOCABULARY. Importing this package registers every word; each file holds one family of words."""

from archdsl.words import blocks, data, families, modifiers, ops, train

__all__ = ["blocks", "data", "families", "modifiers", "ops", "train"]
