"""An experiment's settings, folded from the values of its data and train words. Knows no torch.

Every word fills one slot; two words for one slot contradict each other and are an error. A slot that no
word fills has its default here, and the settings of a run record all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, SpecError, fail
from archdsl.registry.stretch import Stretch
from archdsl.words.data.base import Augmentation, Corruption, check_behaviour
from archdsl.words.data.folders import Folder
from archdsl.words.data.parts import Subset, Valid
from archdsl.words.data.tables import Table
from archdsl.words.data.values import Dataset
from archdsl.words.foreign import check_behaviour as check_train_behaviour
from archdsl.words.train.values import (
    Adam,
    Bce,
    BiasRate,
    Clip,
    Decay,
    Freeze,
    Init,
    Lamb,
    Lookahead,
    Milestones,
    OneCycle,
    Optimizer,
    PartRate,
    Patience,
    Restarts,
    Schedule,
    Step,
    Triangle,
    Views,
    Warmup,
)  # fmt: skip

if TYPE_CHECKING:
    from archdsl.expand.graph import Setting

MANY = ("freeze", "rate")  # words that may stand several times
# A slot that came into the language after runs had been recorded: a record has it only where a word fills it.
LATER = {"later": True}
ADAM = Adam(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)  # of its paper, and torch's


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which images train, validate and test, and how a training batch is changed, in the order of the text.

    ``fingerprint`` is the hash of what the data set holds (archdsl.data.fingerprint); "" where nobody has looked.
    """

    dataset: Dataset | Folder | Table
    valid: Valid | None = None
    subset: Subset | None = None
    augment: tuple[Augmentation, ...] = ()
    corrupt: tuple[Corruption, ...] = ()
    fingerprint: str = ""

    @property
    def own(self) -> bool:
        """Whether the data set is a folder or table of one's own, named by a path."""
        return isinstance(self.dataset, Folder | Table)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a net is trained: a field for each slot of the train words, with what holds where no word fills it."""

    optimizer: Optimizer = ADAM
    wd: Decay | None = None
    l2: Decay | None = None
    l1: Decay | None = None
    grouplasso: Decay | None = None
    spred: float = 0.0
    schedule: Schedule | None = None
    warmup: int | Warmup = 0
    epochs: int = 10
    steps: int | None = None
    batch: int = 128
    evalbatch: int = 500
    accumulate: int = 1
    smooth: float = 0.0
    clip: Clip | None = None
    bce: Bce | None = field(default=None, metadata=LATER)
    ema: float | None = None
    lookahead: Lookahead | None = field(default=None, metadata=LATER)
    biaslr: BiasRate | None = field(default=None, metadata=LATER)
    tta: Views | None = field(default=None, metadata=LATER)
    precise_bn: int | None = None
    patience: Patience | None = None
    converged: float | None = None
    timelimit: float | None = None
    syncbn: bool = False
    seed: int = 0
    init: Init | None = field(default=None, metadata=LATER)
    freeze: tuple[Freeze, ...] = field(default=(), metadata=LATER)
    rate: tuple[PartRate, ...] = field(default=(), metadata=LATER)
    layerdecay: float | None = field(default=None, metadata=LATER)

    def shown(self) -> list[str]:
        """The fields that the record of a run has."""
        return [f.name for f in fields(self) if f.metadata != LATER or getattr(self, f.name) != f.default]


@dataclass(frozen=True, slots=True)
class Experiment:
    """All that determines a run: the canonical text (the net is in it), and the settings folded from it.

    ``hash`` names the experiment, the same for every way to write it, and for every place in which data of one's own lies;
    left empty, it is taken of text and settings. ``written`` is the hash with that place in it, which named the runs of
    earlier versions; "" where it is the same.
    """

    name: str
    text: str
    data: DataSettings
    train: TrainSettings = field(default_factory=TrainSettings)
    hash: str = ""
    written: str = ""

    @property
    def digest(self) -> str:
        """The first 8 digits of the hash, as folders show it."""
        if self.hash:
            return self.hash[:8]
        parts = (self.text, repr(to_json(replace(self, data=replace(self.data, fingerprint="")))))
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def fold_data(words: Iterable[Setting]) -> DataSettings:
    """The data settings of the words of a ``data`` statement.

    Raises:
        ArchError: no data set.
        SpecError: A220, two words for one slot.
    """
    slots = _slots(words)
    if "dataset" not in slots:
        raise ArchError("no data set is named", help="write `data fashion-mini`, or give --data fashion-mini")
    known = {f.name for f in fields(DataSettings)}
    for word in slots.values():
        _carried_out(word, word.entry.slot in known or isinstance(word.value, Augmentation | Corruption), "data")
    augment = tuple(s.value for s in slots.values() if isinstance(s.value, Augmentation))
    corrupt = tuple(s.value for s in slots.values() if isinstance(s.value, Corruption))
    valid, subset = (slots[s].value if s in slots else None for s in ("valid", "subset"))
    return DataSettings(slots["dataset"].value, valid, subset, augment, corrupt)


def fold_train(words: Iterable[Setting]) -> TrainSettings:
    """The train settings of the words of a ``train`` statement; defaults where no word is.

    Raises:
        SpecError: A220, two words for one slot or two that contradict each other.
    """
    words = tuple(words)
    slots = _slots(w for w in words if w.entry.name not in MANY)
    known = {f.name for f in fields(TrainSettings)}
    for word in words:
        _carried_out(word, word.entry.slot in known or word.entry.name in MANY, "train")
    parts: dict[str, Any] = {n: tuple(w.value for w in words if w.entry.name == n) for n in MANY}
    settings = TrainSettings(**{slot: word.value for slot, word in slots.items()}, **parts)
    _agree(settings, slots)
    for word in words:
        if isinstance(word.value, Freeze) and (word.value.until or 0) >= settings.epochs:
            raise _clash(f"`freeze` has no end: the run has {settings.epochs} epochs", word,
                         "leave `until` out to freeze the part for the whole run")  # fmt: skip
    return settings


def _carried_out(word: Setting, known: bool, space: str) -> None:
    """Refuse a word, of another package, that nothing would carry out.

    Raises:
        SpecError: A224.
    """
    value = word.value
    try:
        if not known:
            kind = type(value)
            raise ArchError(f"nothing carries out the {space} word `{word.entry.name}`, which gives `{kind.__name__}` of "
                            f"{kind.__module__}", help="see docs/house.md for what a package can add")  # fmt: skip
        if isinstance(value, Augmentation | Corruption):
            check_behaviour(value)
        elif space == "train":
            check_train_behaviour(word.entry.slot, value)
    except ArchError as error:
        raise fail("A224", error.message, word.span, error.help) from None


def _slots(words: Iterable[Setting]) -> dict[str, Setting]:
    """The words by slot, in the order of the text."""
    slots: dict[str, Setting] = {}
    for word in words:
        slot = word.entry.slot
        if slot in slots:
            raise _clash(f"`{word.entry.name}` and `{slots[slot].entry.name}` both set the {slot}",
                         word, "keep one of them")  # fmt: skip
        slots[slot] = word
    return slots


def _clash(message: str, word: Setting, help: str) -> SpecError:
    return fail("A220", message, word.span, help)


def _agree(settings: TrainSettings, slots: Mapping[str, Setting]) -> None:
    """Refuse words that would leave each other without effect."""
    optimizer, schedule, epochs = settings.optimizer, settings.schedule, settings.epochs
    if isinstance(optimizer, Adam | Lamb) and optimizer.wd is not None and settings.wd:
        other = "adam and wd(RATE)" if isinstance(optimizer, Adam) else "leave wd out"
        raise _clash(f"`{slots['optimizer'].entry.name}` and `wd` both set the decoupled weight decay", slots["wd"],
                     f"write {slots['optimizer'].entry.name}(…, wd=RATE), or {other}")  # fmt: skip
    if isinstance(schedule, OneCycle | Triangle) and settings.warmup:
        word = slots["schedule"].entry.name
        raise _clash(f"`{word}` has its own rise, so `warmup` contradicts it", slots["warmup"],
                     f"leave warmup out; {word}(up=30%) sets the length of the rise")  # fmt: skip
    if settings.ema is not None and settings.lookahead is not None:
        raise _clash("`ema` and `lookahead` both say which averaged weights are kept", slots["lookahead"],
                     "keep one of them")  # fmt: skip
    warmup = settings.warmup if isinstance(settings.warmup, int) else 0  # of another kind: see train.schedule.check
    if warmup > epochs or (warmup == epochs and schedule is not None):
        raise _clash(f"the warm-up of {warmup} epochs leaves nothing of a run of {epochs}",
                     slots["warmup"], "fewer epochs of warm-up, or more epochs")  # fmt: skip
    if isinstance(schedule, Step) and schedule.every >= epochs:
        raise _clash(f"`step` has no effect: its first step comes after {schedule.every} epochs, the run has {epochs}",
                     slots["schedule"], f"a shorter one, such as step({max(1, epochs // 2)})")  # fmt: skip
    if isinstance(schedule, Milestones) and schedule.epochs[-1] >= epochs:
        raise _clash(f"a milestone after {schedule.epochs[-1]} epochs has no effect: the run has {epochs}",
                     slots["schedule"], "leave it out, or more epochs")  # fmt: skip
    if isinstance(schedule, Restarts) and schedule.first >= epochs:
        raise _clash(f"`restarts` has no effect: its first cosine takes {schedule.first} epochs, the run has {epochs}",
                     slots["schedule"], f"a shorter one, such as restarts({max(1, epochs // 2)}), or cosine")  # fmt: skip


def to_json(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The settings as plain values: each setting that has several fields also says its kind."""
    data, train = experiment.data, experiment.train
    return {
        "data": {
            "dataset": data.dataset.name,
            "input": list(data.dataset.input),
            "valid": data.valid.amount if data.valid else None,
            "subset": data.subset.count if data.subset else None,
            "augment": [_plain(a) for a in data.augment],
            "corrupt": [_plain(c) for c in data.corrupt],
            **({"fingerprint": data.fingerprint} if data.fingerprint else {}),
        },
        "train": {name: _plain(getattr(train, name)) for name in train.shown()},
    }


def _plain(value: object) -> object:
    if isinstance(value, Stretch):
        return str(value)
    if isinstance(value, Init):  # its path is in the text, and is no part of what the run is
        return {"kind": "init", "sha": value.sha, "reshape": value.reshape}
    if isinstance(value, Freeze | PartRate):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__.lower(), **_known(asdict(value))}
    return value


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None}
