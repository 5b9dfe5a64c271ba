"""Augmentations of a whole batch at once, on the device where it lies."""

from __future__ import annotations

from archdsl.train.augment.apply import augment, crop, flip

__all__ = ["augment", "crop", "flip"]
