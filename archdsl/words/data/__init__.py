"""Data words: the data sets, what part of them is used, and what is done to a training batch."""

from __future__ import annotations

from archdsl.words.data import augmentations, colours, folders, masks, mixtures, parts, pictures, sets, tables, texts

__all__ = ["augmentations", "colours", "folders", "masks", "mixtures", "parts", "pictures", "sets", "tables", "texts"]
