"""Families: words with a stage list."""

from archdsl.words.families import plain, vgg

__all__ = ["plain", "vgg"]
