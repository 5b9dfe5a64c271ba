"""Augmentations of a whole batch at once, on the device where it lies."""

from __future__ import annotations

from archdsl.train.augment.apply import augment
from archdsl.train.augment.geometry import crop, flip
from archdsl.train.augment.layer import AugmentLayer
from archdsl.train.augment.mixing import Target, mix

__all__ = ["AugmentLayer", "Target", "augment", "crop", "flip", "mix"]
