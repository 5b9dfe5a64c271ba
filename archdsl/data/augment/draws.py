"""The draws of one word at one step.

Every word that draws has a generator of its own, keyed by the run's seed, the word and the step. So a word
that is added leaves the draws of the others as they were, and a run that is resumed at any step draws what
the straight run draws there. Draws are made for the whole batch of a step; a process that holds a part of it
takes its own rows, so that the number of processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from archdsl.errors import InternalError
from archdsl.seeds import stream


@dataclass(frozen=True, eq=False)
class Draw:
    """Draws for the rows ``start : start + count`` of a batch of ``total`` images, on ``generator``'s device.

    ``turned`` (count,) bool: which images of the batch are mirrored in this epoch, where a word alternates.
    """

    generator: torch.Generator
    count: int
    total: int
    start: int = 0
    number: int = 0
    turned: Tensor | None = None

    @property
    def mirrored(self) -> Tensor:
        """(count,) bool: which images are mirrored in this epoch; of words that alternate.

        Raises:
            InternalError: the word did not say that it ``alternates``.
        """
        if self.turned is None:
            raise InternalError("an augmentation that alternates does not know which images are mirrored in this epoch")
        return self.turned

    @cached_property
    def host(self) -> np.random.Generator:
        """Draws on the host, the same in every process: what a whole batch has in common, such as mixup's weight."""
        return np.random.default_rng(self.number)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(count,) float32 in [low, high)."""
        drawn = torch.rand(self.total, generator=self.generator, device=self.generator.device)
        return self._mine(drawn) * (high - low) + low

    def integers(self, high: int) -> Tensor:
        """(count,) int64 in [0, high)."""
        drawn = torch.randint(high, (self.total,), generator=self.generator, device=self.generator.device)
        return self._mine(drawn)

    def normal(self, *shape: int) -> Tensor:
        """(count, *shape) float32, standard normal."""
        drawn = torch.randn(self.total, *shape, generator=self.generator, device=self.generator.device)
        return self._mine(drawn)

    def signs(self) -> Tensor:
        """(count,) float32, -1 or 1."""
        return self.integers(2) * 2.0 - 1.0

    def _mine(self, drawn: Tensor) -> Tensor:
        return drawn[self.start : self.start + self.count]


class Draws:
    """Gives each word its ``Draw`` at each step. One generator a word, made once and seeded for each step."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed, self.device = seed, device
        self._made: dict[str, torch.Generator] = {}
        self._held = False
        self.mirrored: Tensor | None = None  # of the batch at hand; see Draw.turned

    def at(self, word: str, step: int, count: int, total: int | None = None, start: int = 0) -> Draw:
        """The draws of ``word`` at ``step`` for ``count`` images, the rows from ``start`` on of ``total``."""
        generator, number = self._made.setdefault(word, torch.Generator(self.device)), 0
        if not self._held:
            number = stream(self._seed, "augment", word, step)
            generator.manual_seed(number)
        return Draw(generator, count, count if total is None else total, start, number, self.mirrored)

    def hold(self, words: Iterable[str], step: int) -> list[torch.Generator]:
        """Seed the generators of these words for a step, ahead of its draws: a captured step cannot seed them itself.
        Until ``release`` each word draws once a step, for the whole of it.
        """
        self._held = True
        generators = [self._made.setdefault(word, torch.Generator(self.device)) for word in words]
        for word, generator in zip(words, generators, strict=True):
            generator.manual_seed(stream(self._seed, "augment", word, step))
        return generators

    def release(self) -> None:
        """Let each word seed its generator when it draws, as it does at first."""
        self._held = False

    def forget(self) -> None:
        """Take new generators: a capture that failed leaves those that it knew in a state of its own."""
        self._made.clear()
        self._held = False

    def alternation(self, count: int) -> Tensor:
        """(count,) bool on the host: which of the training images begin mirrored, by a fair coin for the whole run
        (Jordan 2024, arXiv:2404.00498, section 3.6).
        """
        coin = torch.Generator().manual_seed(stream(self._seed, "augment", "alternate"))
        return torch.rand(count, generator=coin) < 0.5
