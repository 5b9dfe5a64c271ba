"""Data and train words that change nothing in a run, whatever its network is. Knows no torch.

A level of 0 in a study is meant as "off"; it is a warning all the same, since the arm equals the one without the word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from archdsl.report.numbers import many
from archdsl.settings.finding import Finding, things
from archdsl.settings.schedule import factor
from archdsl.words.data.base import Augmentation, Corruption, Mixing
from archdsl.words.data.parts import amount_text
from archdsl.words.train.kinds import Loss

if TYPE_CHECKING:
    from archdsl.settings.experiment import DataSettings, TrainSettings
    from archdsl.words.train.kinds import Schedule


class Length(Protocol):
    """How long a run is, see ``demands.Steps``."""

    @property
    def images(self) -> int: ...
    @property
    def per_epoch(self) -> int: ...
    def of(self, train: TrainSettings) -> int: ...


_PROXY = 100  # steps of an epoch where the number of images is not known
_SAMPLES = 4096  # steps at which a schedule is asked for its factor
LEAVE = "leave it out"


def settings_effects(data: DataSettings | None, train: TrainSettings, steps: Length | None) -> Iterator[Finding]:
    """The words without effect.

    Args:
        data: None where the text names no data set.
        steps: the length of the run, where it is known.
    """
    words: tuple[Augmentation | Corruption, ...] = (*data.augment, *data.corrupt) if data is not None else ()
    for word in words:
        if word.idle:
            yield _warning(f"`{word.name}` changes nothing: its strength is 0", word)
    short, said = _cut(train, steps), set[str]()
    for slot, setting in train.words():
        # `steps` may end a run before the epochs for which its words have room; what contradicts all of them is refused.
        remark = setting.idle(short) or (setting.against(short) if short.epochs < train.epochs else None)
        if remark is not None:
            said.add(slot)
            yield _warning(remark.message, setting if isinstance(getattr(train, slot), tuple) else slot, remark.help)
    yield from _numbers(short)
    if "schedule" not in said:
        yield from _schedule(train, steps)
    yield from _losses(data, train)
    if steps is not None:
        yield from _lengths(data, train, steps)


def _warning(message: str, about: object, help: str = LEAVE) -> Finding:
    return Finding(message, help, about, "warning")


def _cut(train: TrainSettings, steps: Length | None) -> TrainSettings:
    """The settings with the epochs that are begun before ``steps`` ends the run."""
    if steps is None or train.steps is None:
        return train
    return replace(train, epochs=min(train.epochs, -(-train.steps // steps.per_epoch)))


def _numbers(train: TrainSettings) -> Iterator[Finding]:
    if train.evaluate_every is not None and train.evaluate_every > train.epochs:
        yield _warning(
            f"`evaluate_every({train.evaluate_every})` has no effect: the run has {many(train.epochs, 'epoch')}",
            "evaluate_every",
            f"at most evaluate_every({train.epochs})",
        )
    if train.ema == 0:
        yield _warning("`ema(0)` has no effect: its average is the weights themselves", "ema")
    if train.layerdecay == 1:
        yield _warning("`layerdecay(1)` has no effect: every layer has the full rate", "layerdecay")


def _schedule(train: TrainSettings, steps: Length | None) -> Iterator[Finding]:
    schedule = train.schedule
    if schedule is None or schedule.needs_validation:  # what it does is not known before the run
        return
    per_epoch = steps.per_epoch if steps is not None else _PROXY
    whole = steps.of(train) if steps is not None else per_epoch * train.epochs
    if whole > 1 and constant(schedule, train.warmup if isinstance(train.warmup, int) else 0, whole, per_epoch):
        name = schedule.word
        yield _warning(
            f"`{name}` has no effect: the learning rate is the same at each of the {many(whole, 'step')}"
            if steps is not None
            else f"`{name}` has no effect: the learning rate stays the same",
            "schedule",
            f"leave {name} out, or give it other numbers",
        )


def constant(schedule: Schedule, warmup: int, whole: int, per_epoch: int) -> bool:
    """Whether a schedule leaves the learning rate as it is behind the warm-up."""
    rise = warmup * per_epoch
    every = max(1, (whole - rise) // _SAMPLES)
    places = {*range(rise, whole, every), *range(rise, whole, per_epoch), whole - 1}
    return all(factor(schedule, warmup, step, whole, per_epoch) == 1 for step in places if step >= rise)


def _losses(data: DataSettings | None, train: TrainSettings) -> Iterator[Finding]:
    mixed = data is None or any(isinstance(w, Mixing) for w in data.augment)
    for slot, word in train.words():
        if isinstance(word, Loss) and not mixed and (remark := word.idle_unmixed()) is not None:
            yield _warning(remark.message, slot, remark.help)


def _lengths(data: DataSettings | None, train: TrainSettings, steps: Length) -> Iterator[Finding]:
    whole, what = steps.per_epoch * train.epochs, things(data.dataset.input) if data is not None else "images"
    if train.steps is not None and train.steps > whole:
        yield _warning(
            f"`steps({train.steps})` has no effect: the run ends after {many(train.epochs, 'epoch')}, which "
            f"{'is' if whole == 1 else 'are'} {many(whole, 'step')}",
            "steps",
            f"add epochs({-(-train.steps // steps.per_epoch)}), or leave steps out",
        )
    if train.batch > steps.images:
        yield _warning(
            f"`batch({train.batch})` is more than the {steps.images:,} training {what}: each epoch is one step "
            "of all of them",
            "batch",
            f"at most batch({steps.images})",
        )
    elif train.accumulate > 1 and train.batch >= steps.images:
        yield _warning(f"`accumulate` has no effect: one batch holds all training {what}", "accumulate")
    total = getattr(data.dataset, "train", None) if data is not None else None
    if data is not None and data.subset is not None and total is not None and data.subset.of(total) == total:
        yield _warning(
            f"`subset({amount_text(data.subset.count)})` has no effect: these are all training {what}", "subset"
        )
