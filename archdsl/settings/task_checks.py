"""What the output of a network is for, as data and train words say it together, and which words do not fit it. Without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.ir.fans import heads_of
from archdsl.settings.finding import Finding
from archdsl.words.data.base import Augmentation, Mixing
from archdsl.words.tasks import Several, Task, task_of
from archdsl.words.train.kinds import Loss, Remark

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace
    from archdsl.settings.experiment import DataSettings, TrainSettings


def weighed(task: Task, settings: TrainSettings) -> Task:
    """The task with the weights of the losses of several heads."""
    if not isinstance(task, Several) or not settings.weigh:
        return task
    factors = {str(word.head): word.factor for word in settings.weigh}
    return replace(task, weights=tuple(factors.get(head.name, 1.0) for head in task.heads))


def task_findings(data: DataSettings, train: TrainSettings) -> Iterator[Finding]:
    """Words that do not fit what the output of the net is for."""
    task = task_of(data.dataset)
    asked = f"the task of {data.dataset.name} is {task.name}"
    for slot, word in train.words():
        if isinstance(word, Loss) and (remark := _unfit(word, task, data.dataset.classes, asked)) is not None:
            yield Finding(remark.message, remark.help, slot)
    yield from weight_findings(train, task, asked)
    if train.patience is not None and train.patience.on == "accuracy" and not task.counted:
        yield Finding(f"`patience` watches an accuracy, and {asked}", "patience(on=loss)", "patience")
    if train.smooth and not task.counted:
        yield Finding(f"`smooth` smooths classes, and {asked}", "leave it out", "smooth")
    if task.simple:
        return
    for mixing in (word for word in data.augment if isinstance(word, Mixing)):
        yield Finding(f"`{mixing.name}` mixes images of one class each, and {asked}", "leave it out", mixing)
    if not task.whole and len(data.dataset.input) == 3:
        yield from _mask_findings((w for w in data.augment if not isinstance(w, Mixing)), asked)
    for change in data.corrupt:
        yield Finding(f"`{change.name}` changes images of one class each, and {asked}", "leave it out", change)
    if train.tta is not None:
        yield Finding(f"`tta` averages the classes of whole images, and {asked}", "leave it out", "tta")


def _unfit(loss: Loss, task: Task, classes: int, asked: str) -> Remark | None:
    """Why a loss does not fit the task; whatever it says of itself, the heads of a network have the losses of their tasks."""
    if task.name not in loss.tasks:
        return Remark(f"`{loss.word}` is a loss for {' and '.join(loss.tasks)}, and {asked}")
    if isinstance(task, Several):
        what = f"`{loss.word}` is the loss of one output, and the loss of several heads is the sum of their own"
        return Remark(what, "leave it out; `weigh(HEAD, FACTOR)` multiplies the loss of a head")
    return loss.unfit(classes)


def weight_findings(train: TrainSettings, task: Task, asked: str) -> Iterator[Finding]:
    """Weights of heads that there are not, or of one head twice."""
    heads = list(task.sizes) if isinstance(task, Several) else []
    for place, word in enumerate(train.weigh):
        what = f"`weigh({word.head}, {word.factor:g})`"
        if not heads:
            yield Finding(f"{what} weighs the loss of one of several heads, and {asked}", "leave it out", word)
        elif word.head not in heads:
            yield Finding(f"{what} names no head", f"the heads are {', '.join(heads)}", word)
        elif word.head in [other.head for other in train.weigh[:place]]:
            yield Finding(f"the head `{word.head}` has two weights", "keep one of them", word)


def head_findings(train: TrainSettings, trace: Trace) -> Iterator[Finding]:
    """Words that treat the last layer apart, in a network that has several."""
    if not heads_of(trace):
        return
    several = "and a network with several heads has several"
    for slot, word in train.words():
        if not (word.alike or getattr(word, "elementwise", False)):
            what = f"`{word.word}` may treat the last layer in another way than those before it, {several}"
            yield Finding(what, "take another word, such as adam or clip", slot)
    if train.layerdecay not in (None, 1):
        yield Finding(
            f"`layerdecay` counts blocks from the last layer, {several}",
            "`rate(PART, FACTOR)` sets the learning rate of a part",
            "layerdecay",
        )


def _mask_findings(words: Iterable[Augmentation], asked: str) -> Iterator[Finding]:
    """Augmentations that have no rule for the classes of pixels."""
    fitting = (
        "take words that move whole pixels (flip, vflip, crop, shift) or change values alone (brightness, noise, …)"
    )
    for word in words:
        if word.masks == "no":
            yield Finding(f"`{word.name}` has no rule for the classes of pixels, and {asked}", fitting, word)
        elif word.where == "model":
            what = f"`{word.name}` with where=model does not see the classes of pixels"
            yield Finding(f"{what}, and {asked}", "leave where=model out", word)
