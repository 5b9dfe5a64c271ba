"""Schedules that change the rate between epochs: after given ones, after each, or where the validation loss stays."""

from __future__ import annotations

from typing import Annotated, ClassVar

from archdsl.errors import ArchError
from archdsl.registry import Range, setting, train_word
from archdsl.registry.types import Count, Ints, NonNegative, Positive, Share
from archdsl.report.numbers import many
from archdsl.words.train.kinds import Others, Point, Remark, Schedule, Watched


@train_word("sgd(0.1) step(30)", "sgd(0.1) step(30, gamma=0.2)", slot="schedule", paper="He et al. 2016")
@setting
class Step(Schedule):
    """The learning rate times `gamma` after each `every` epochs, counted from the start of the run."""

    every: Count
    gamma: Positive = 0.1
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        return self.gamma ** (at.epoch // self.every)

    def against(self, others: Others) -> Remark | None:
        if self.every < others.epochs:
            return None
        return Remark(
            f"`step` has no effect: its first step comes after {many(self.every, 'epoch')}, the run has {others.epochs}",
            f"a shorter one, such as step({max(1, others.epochs // 2)})",
        )


@train_word(
    "sgd(0.1) milestones([82, 123]) epochs(164)",
    "sgd(0.1) milestones([30, 60, 80], gamma=0.2) epochs(90)",
    slot="schedule",
    paper="He et al. 2016, section 4.2",
)
@setting
class Milestones(Schedule):
    """The learning rate times `gamma` after each of these epochs; `step` does so in equal distances."""

    epochs: Ints
    gamma: Positive = 0.1
    fusible: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.epochs or list(self.epochs) != sorted({*self.epochs}) or self.epochs[0] < 1:
            raise ArchError(
                f"the milestones {list(self.epochs)} are not rising numbers of epochs",
                help="write milestones([30, 60, 80])",
            )

    def scale(self, at: Point) -> float:
        return self.gamma ** sum(at.epoch >= epoch for epoch in self.epochs)

    def against(self, others: Others) -> Remark | None:
        if self.epochs[-1] < others.epochs:
            return None
        return Remark(
            f"a milestone after {many(self.epochs[-1], 'epoch')} has no effect: the run has {others.epochs}",
            "leave it out, or more epochs",
        )


@train_word(
    "sgd(0.1) epochs(60) plateau(5)",
    "adam plateau(3, factor=0.5, least=1%)",
    slot="schedule",
    unpublished="of programs (Keras, torch), not of a paper",
)
@setting
class Plateau(Schedule):
    """The learning rate times `factor` after so many epochs without a better validation loss.

    Better means lower by more than `delta`. The rate does not fall below `least` times the first one. Needs images for
    validation, such as `valid(10%)` in the data statement. May be given beside `patience` and `warmup`.
    """

    epochs: Count = 10
    factor: Annotated[Share, Range(0, 1, open=True)] = 0.1
    delta: NonNegative = 1e-4
    least: Share = 0.0
    needs_validation: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        """The rate falls by what is watched alone."""
        return 1.0

    def watched(self, before: Watched, loss: float) -> Watched:
        """Epochs are counted as Keras counts them."""
        if loss < before.loss - self.delta:
            return Watched(before.factor, loss, 0)
        if before.waited + 1 < self.epochs:
            return before._replace(waited=before.waited + 1)
        return Watched(max(before.factor * self.factor, self.least), before.loss, 0)

    def idle(self, others: Others) -> Remark | None:
        if self.least == 1:
            return Remark("`plateau` has no effect: `least` of 1 keeps the rate")
        if self.epochs + 1 < others.epochs:
            return None
        return Remark(
            f"`plateau({self.epochs})` has no effect: it acts in epoch {self.epochs + 2} at the earliest, and the run "
            f"has {others.epochs}",
            "fewer epochs of waiting, or more epochs",
        )


@train_word("adam exponential(0.95)", slot="schedule", unpublished="a formula that nobody claims")
@setting
class Exponential(Schedule):
    """The learning rate times `gamma` after each epoch."""

    gamma: Share = 0.95
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        return self.gamma**at.epoch
