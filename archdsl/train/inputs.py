"""What a net is given: batches of the training images, augmented, normalised and mixed.

Every draw is keyed by the seed, the word and the step, so that a run that is resumed at any step ends in the same bits
as one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from archdsl.accelerate.native.batch import Batches, takes
from archdsl.data.augment import AugmentLayer, Target, augment, augment_with_masks, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.augment.mixing import mix_by, mixing
from archdsl.errors import InternalError
from archdsl.train.job import Group, Job


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Images that are augmented together.

    Args:
        images: (B, C, H, W) uint8, or (B, D) float32, on the device.
        labels: (B,) int64, or (B, *places).
        number: of the step, counted from 1; an int, or a 0-dim tensor on the device.
        step: keys the draws; not looked at where the generators were seeded before.
        total: images of the whole step, in all its batches and in all processes.
        start: the place of the first image in the step.
        size: images of one forward pass; the batch is cut into micro-batches of this size.
        mirrored: (B,) bool, the images that ``flip(alternate)`` mirrors in this epoch.
        mixing: (7,) how images are mixed, on the device; None: it is drawn on the host.
    """

    images: Tensor
    labels: Tensor
    number: int | Tensor
    step: int
    total: int
    start: int
    size: int
    mirrored: Tensor | None = None
    mixing: Tensor | None = None


class Inputs:
    """The training images of one seed, on their way to the net."""

    def __init__(self, job: Job) -> None:
        self._job, self._device = job, job.normalise.scale.device
        self.rng = Draws(job.settings.seed, self._device)
        self._pipeline = tuple(w for w in job.augment if w.where == "pipeline")
        self.mixing = mixing(self._pipeline)
        images = job.normalise.scale.ndim == 4
        self._masked = images and not job.task.whole
        native = job.native and images and not self._masked and takes(self._pipeline)
        self._native = Batches(self._pipeline, self.rng, job.normalise) if native else None
        in_model = tuple(w for w in job.augment if w.where == "model")
        self._layer = AugmentLayer(in_model, job.mean, job.std, self.rng) if in_model else None
        alternates = any(w.alternates for w in job.augment)
        self._alternation = self.rng.alternation(len(job.train)) if alternates else None

    @property
    def alternates(self) -> bool:
        """Whether a word mirrors each image in every other epoch."""
        return self._alternation is not None

    def batches(self, epoch: int, groups: list[Group]) -> Iterator[Batch]:
        """The batches of these steps one after the other, on the device."""
        parts = [part for group in groups for part in group.parts]
        mirrored: Iterator[Tensor | None] = repeat(None)
        if self.alternates and parts:
            mirrored = iter(self.mirrored(epoch, torch.cat(parts)).to(self._device).split([len(p) for p in parts]))
        read = zip(self._job.train.batches(parts, self._device), mirrored, strict=False)
        for group in groups:
            for start in group.starts:
                (images, labels), turned = next(read)
                yield Batch(images, labels, group.step + 1, group.step, group.total, start, max(1, len(labels)), turned)

    def mirrored(self, epoch: int, images: Tensor) -> Tensor:
        """Which of the training images (any shape of int64 indices) are mirrored in an epoch by ``flip(alternate)``."""
        if self._alternation is None:
            raise InternalError("no word alternates from epoch to epoch")
        return self._alternation[images] ^ (epoch % 2 == 0)

    def augment(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The batch's images after the augmentations of the pipeline, normalised: (B, C, H, W) float32; and its labels, which
        move with the pixels where each has one.
        """
        self.rng.mirrored = batch.mirrored
        if self._native is not None:
            return self._native(batch.images, batch.step, batch.total, batch.start), batch.labels
        keyed = self._pipeline, self.rng, batch.step, batch.total, batch.start
        if self._masked:
            images, labels = augment_with_masks(batch.images, batch.labels, *keyed)
        else:
            images, labels = augment(batch.images, *keyed), batch.labels
        return self._job.normalise(images), labels

    def augment_in_model(self, images: Tensor, batch: Batch) -> Tensor:
        """Normalised images after the augmentations with ``where=model``; the shape stays."""
        if self._layer is None:
            return images
        self._layer.step, self._layer.total, self._layer.start = batch.step, batch.total, batch.start
        mixed: Tensor = self._layer(images)
        return mixed

    def mix(self, images: Tensor, labels: Tensor, batch: Batch) -> tuple[Tensor, Target]:
        """A micro-batch (N, C, H, W) with images mixed with each other, and what the net is to predict for them."""
        if batch.mixing is not None:
            return mix_by(images, labels, self.mixing, batch.mixing)
        return mix(images, labels, self._pipeline, self.rng, batch.step)
