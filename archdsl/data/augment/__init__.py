"""Augmentations of a whole batch at once, on its device."""

from __future__ import annotations

from archdsl.data.augment.apply import augment, augment_with_masks
from archdsl.data.augment.geometry import crop, flip
from archdsl.data.augment.layer import AugmentLayer, with_augmentations
from archdsl.data.augment.mixing import Target, mix

__all__ = ["AugmentLayer", "Target", "augment", "augment_with_masks", "crop", "flip", "mix", "with_augmentations"]
