"""The input that an example of a word is for."""

from archdsl.laws.network import IDS, input_of

__all__ = ["IDS", "input_of"]
