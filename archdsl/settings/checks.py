"""What training asks of an experiment, known without torch and without data: `train` refuses what is an error here before
its first step, and `check`, the dry run of a study and the editor say it in the same words.

A finding is about a word: the value that the word gave, or the name of its slot. Its place in the text is found from
there. Facts of the network come from its trace (``archdsl.train.parameters``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, Diagnostic, Severity, Span, SpecError
from archdsl.registry.shapes import Ids
from archdsl.report.numbers import many
from archdsl.settings.finding import Finding, things
from archdsl.settings.fold import fold_data, fold_train
from archdsl.settings.no_effect import settings_effects
from archdsl.settings.schedule import check as check_schedule
from archdsl.settings.task_checks import task_findings
from archdsl.words.data.base import Augmentation, Corruption
from archdsl.words.data.parts import Subset, Valid, amount_text
from archdsl.words.data.values import Dataset
from archdsl.words.tasks import task_of

if TYPE_CHECKING:
    from archdsl.expand.graph import Setting
    from archdsl.ir.trace import Trace
    from archdsl.settings.experiment import DataSettings, Experiment, TrainSettings
    from archdsl.words.train.recipe import Tta

Shape = tuple[int, ...]
REFUSED, WITHOUT_EFFECT = "A224", "A511"


@dataclass(frozen=True, slots=True)
class Steps:
    """How long a run is. ``images`` are those that train, after ``subset`` and ``valid``."""

    images: int
    group: int

    @property
    def per_epoch(self) -> int:
        """Steps of a whole epoch; a last batch of one image joins the one before (see ``feed.batches``)."""
        whole, rest = divmod(self.images, self.group)
        joined = rest == 1 and whole > 0 and self.group > 1
        return whole + (rest > 0) - joined

    def of(self, train: TrainSettings) -> int:
        """Steps of the whole run."""
        whole = self.per_epoch * train.epochs
        return whole if train.steps is None else min(whole, train.steps)


def steps_of(data: DataSettings | None, train: TrainSettings, images: int | None = None) -> Steps | None:
    """The length of a run, where the number of its training images is known and some are left."""
    total = images if images is not None else published(data)
    if data is None or total is None:
        return None
    left = min(total, data.subset.of(total)) if data.subset is not None else total
    left -= data.valid.count(left) if data.valid is not None else 0
    return Steps(left, train.batch * train.accumulate) if left > 0 else None


def published(data: DataSettings | None) -> int | None:
    """The number of training images that a published set has; None for data of one's own, which is read later."""
    return data.dataset.train if data is not None and isinstance(data.dataset, Dataset) else None


# -- the data and the settings -------------------------------------------------------------------------------------


def settings_findings(data: DataSettings, train: TrainSettings, images: int | None = None) -> Iterator[Finding]:
    """Everything that is wrong with data and settings together.

    Args:
        images: of the training part, where they have been counted.
    """
    shape = data.dataset.input
    yield from task_findings(data, train)
    yield from augment_findings(data.augment, shape, task_of(data.dataset).simple)
    yield from views_findings(train.tta, shape)
    yield from corruption_findings(data.corrupt, shape)
    total = images if images is not None else published(data)
    if total is not None:
        yield from count_findings(total, data.valid, data.subset, data.dataset.name, things(shape))
    watching = next(((slot, word) for slot, word in train.words() if word.needs_validation), None)
    if watching is not None and data.valid is None:
        yield Finding(
            f"`{watching[1].word}` watches the validation images, and none are set aside",
            "add valid(10%) to the data statement",
            watching[0],
        )
    steps = steps_of(data, train, images)
    if steps is not None:
        yield from length_findings(train, steps)


def augment_findings(words: Iterable[Augmentation], shape: Shape, simple: bool = True) -> Iterator[Finding]:
    """Augmentations that cannot act on images of this shape, or on vectors; ``simple``: of one class each, which may be mixed."""
    for word in words:
        if len(shape) != 3:
            if not word.vectors:
                yield Finding(
                    f"`{word.name}` changes images, and this data has {_vectors(shape)}",
                    "of the augmentations, only mixup acts on vectors" if simple else "leave it out",
                    word,
                )
            continue
        if word.colours and shape[0] != 3:
            yield Finding(
                f"`{word.name}` changes colours, and these images have {shape[0]} channel",
                "leave it out, or take brightness and contrast, or jitter(saturation=0, hue=0)",
                word,
            )
        if word.mirrored >= min(shape[1:]):
            yield Finding(
                f"`{word.name}` mirrors more pixels ({word.mirrored}) than an image of {shape[1]}x{shape[2]} has",
                f"mirror at most {min(shape[1:]) - 1} pixels",
                word,
            )


def _vectors(shape: Shape) -> str:
    return f"windows of {shape[0]} characters" if isinstance(shape, Ids) else f"vectors of {shape[0]} numbers"


def views_findings(views: Tta | None, shape: Shape) -> Iterator[Finding]:
    """Test-time views that images of this shape do not have."""
    if views is None:
        return
    if len(shape) != 3:
        yield Finding(f"`tta` mirrors images, and this data has {_vectors(shape)}", "leave tta out", "tta")
    elif views.shift >= min(shape[1:]):
        yield Finding(
            f"`tta(shift={views.shift})` moves more pixels than an image of {shape[1]}x{shape[2]} has",
            f"shift by at most {min(shape[1:]) - 1}",
            "tta",
        )


def corruption_findings(words: Iterable[Corruption], shape: Shape) -> Iterator[Finding]:
    """Changes of the training part that this data cannot have."""
    for word in words:
        if not word.vectors and len(shape) != 3:
            yield Finding(
                f"`{word.name}` changes images, and this data has none", "take randomlabels, or leave it out", word
            )


def count_findings(
    total: int, valid: Valid | None, subset: Subset | None, source: str, what: str = "images"
) -> Iterator[Finding]:
    """A subset or a validation part that the training images do not have.

    Args:
        source: what the data set is called.
        what: images or rows.
    """
    if subset is not None and subset.of(total) > total:
        yield Finding(
            f"subset({subset.count}) asks for more than the {total} training {what} of {source}",
            f"give at most {total}",
            "subset",
        )
        return
    left = subset.of(total) if subset is not None else total
    aside = valid.count(left) if valid is not None else 0
    if valid is not None and not 0 < aside < left:
        yield Finding(
            f"valid({amount_text(valid.amount)}) sets {aside} of {left} training {what} aside",
            f"at least one {what.removesuffix('s')} must be set aside, and one left to train on",
            "valid",
        )


def length_findings(train: TrainSettings, steps: Steps) -> Iterator[Finding]:
    """Words that a run of this length has no room for."""
    count = steps.of(train)
    try:
        check_schedule(train.schedule, train.warmup, count, steps.per_epoch)
    except ArchError as error:
        yield Finding(error.message, error.help, "warmup")
    slow = train.lookahead
    if slow is not None and slow.every > count:
        yield Finding(
            f"`lookahead({slow.every})` never moves the slow weights: the run has {many(count, 'step')}, and the "
            "initial weights would be tested",
            "fewer steps between two moves, or more epochs",
            "lookahead",
        )


# -- from findings to diagnostics ----------------------------------------------------------------------------------


def refuse(findings: Iterable[Finding]) -> None:
    """Raise the first error of some findings.

    Raises:
        ArchError: there is one.
    """
    for finding in findings:
        if finding.severity == "error":
            raise ArchError(finding.message, help=finding.help)


def refuse_unfit(experiment: Experiment, images: int | None = None) -> None:
    """Refuse data and settings that do not fit each other.

    Raises:
        ArchError: it says why.
    """
    refuse(settings_findings(experiment.data, experiment.train, images))


def setting_diagnostics(
    data: tuple[Setting, ...],
    train: tuple[Setting, ...],
    trace: Trace,
    classes: int,
    images_of: Callable[[DataSettings, TrainSettings], int | None] = lambda data, train: None,
) -> tuple[Diagnostic, ...]:
    """What is wrong with the data and train words of a text, and which of them have no effect.

    A text without a data set is one that gets its data on the command line: what depends on the data is not looked at.
    Words that contradict each other (``fold_train``) hide what else there is.

    Args:
        images_of: counts the training part of data of one's own.
    """
    from archdsl.settings.network_checks import network_findings

    words = (*data, *train)
    try:
        train_settings = fold_train(train)
        data_settings = fold_data(data) if any(w.entry.slot == "dataset" for w in data) else None
    except SpecError as error:
        return error.diagnostics
    found: list[Finding] = []
    images = None
    if data_settings is not None:
        images = images_of(data_settings, train_settings)
        found += settings_findings(data_settings, train_settings, images)
    steps = steps_of(data_settings, train_settings, images)
    if not found:
        found += settings_effects(data_settings, train_settings, steps)
        found += network_findings(data_settings, train_settings, trace, classes, steps)
    # A default, which no word has set, is no word without effect.
    return tuple(_diagnostic(f, words) for f in found if f.severity == "error" or _span(f.about, words) is not None)


def _diagnostic(finding: Finding, words: Iterable[Setting]) -> Diagnostic:
    severity: Severity = finding.severity
    code = REFUSED if severity == "error" else WITHOUT_EFFECT
    return Diagnostic(code, finding.message, _span(finding.about, words), finding.help, severity)


def _span(about: Any, words: Iterable[Setting]) -> Span | None:
    """The place of the word: that gave this value, or fills this slot."""
    for word in words:
        if word.value is about or (isinstance(about, str) and about in (word.entry.slot, word.entry.name)):
            return word.span
    return next((w.span for w in words if not isinstance(about, str) and w.value == about), None)
