"""An experiment's settings. Knows no torch.

``fold`` makes them of the values of data and train words. A slot that no word fills has its default here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from archdsl.registry import Setting as Value
from archdsl.registry.shapes import Ids
from archdsl.words.data.base import Augmentation, Corruption
from archdsl.words.data.parts import Subset, Valid
from archdsl.words.data.values import Dataset, Own
from archdsl.words.train.kinds import Clipping, Loss, Optimizer, Penalty, Schedule, TrainWord
from archdsl.words.train.losses import Weigh
from archdsl.words.train.optimizers import Adam
from archdsl.words.train.penalties import Wd
from archdsl.words.train.recipe import BiasLr, Lookahead, Tta
from archdsl.words.train.run import Patience
from archdsl.words.train.schedules import Warmup
from archdsl.words.train.tuning import Freeze, Init, PartRate

if TYPE_CHECKING:
    pass

# A slot that came into the language later: the record of a run has it only where a word fills it.
LATER = {"later": True}
# A number that seeds may have in common when they are trained as one net. A value of a class says so itself (``fuses``).
COMMON = {"common": True}


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which images train, validate and test, and how a training batch is changed, in the order of the text.

    ``fingerprint`` is the hash of what the data set holds (archdsl.data.fingerprint); "" where nobody has looked.
    """

    dataset: Dataset | Own
    valid: Valid | None = None
    subset: Subset | None = None
    augment: tuple[Augmentation, ...] = ()
    corrupt: tuple[Corruption, ...] = ()
    fingerprint: str = ""

    @property
    def own(self) -> bool:
        """Whether the data set is a folder or table of one's own, named by a path."""
        return isinstance(self.dataset, Own)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a net is trained: a field for each slot of the train words, with what holds where no word fills it."""

    optimizer: Optimizer = Adam()
    wd: Wd | None = None
    l2: Penalty | None = None
    l1: Penalty | None = None
    grouplasso: Penalty | None = None
    penalties: tuple[Penalty, ...] = field(default=(), metadata=LATER)  # those of other packages
    spred: float = 0.0
    schedule: Schedule | None = None
    warmup: int | Warmup = field(default=0, metadata=COMMON)
    epochs: int = field(default=10, metadata=COMMON)
    steps: int | None = field(default=None, metadata=COMMON)
    batch: int = field(default=128, metadata=COMMON)
    evalbatch: int = field(default=500, metadata=COMMON)
    accumulate: int = 1
    smooth: float = field(default=0.0, metadata=COMMON)
    clip: Clipping | None = None
    bce: Loss | None = field(default=None, metadata=LATER)
    loss: Loss | None = field(default=None, metadata=LATER)
    weigh: tuple[Weigh, ...] = field(default=(), metadata=LATER)
    ema: float | None = None
    lookahead: Lookahead | None = field(default=None, metadata=LATER)
    biaslr: BiasLr | None = field(default=None, metadata=LATER)
    tta: Tta | None = field(default=None, metadata=LATER)
    precise_bn: int | None = None
    patience: Patience | None = None
    converged: float | None = None
    timelimit: float | None = None
    evaluate_every: int | None = field(default=None, metadata=LATER)
    syncbn: bool = False
    seed: int = field(default=0, metadata=COMMON)
    init: Init | None = field(default=None, metadata=LATER)
    freeze: tuple[Freeze, ...] = field(default=(), metadata=LATER)
    rate: tuple[PartRate, ...] = field(default=(), metadata=LATER)
    layerdecay: float | None = field(default=None, metadata=LATER)

    def words(self) -> Iterator[tuple[str, TrainWord]]:
        """The values that are of a class, each with the slot that it fills."""
        for name in slot_kinds():
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, TrainWord):
                    yield name, one

    @property
    def added(self) -> list[Penalty]:
        """The penalties, in the order in which their gradients are added."""
        return [word for _, word in self.words() if isinstance(word, Penalty)]

    @property
    def stated_loss(self) -> Loss | None:
        """The loss in the place of the task's own; no text has two."""
        return next((word for _, word in self.words() if isinstance(word, Loss)), None)

    @property
    def capturable(self) -> bool:
        """Whether a step may be recorded once and replayed."""
        return all(word.capturable for _, word in self.words())

    def shown(self) -> list[str]:
        """The fields that the record of a run has."""
        return [f.name for f in fields(self) if f.metadata != LATER or getattr(self, f.name) != f.default]


@dataclass(frozen=True, slots=True)
class Experiment:
    """All that determines a run: the canonical text (the net is in it), and the settings folded from it.

    ``hash`` names the experiment, the same for every way to write it and every place of its data; left empty, it is taken of
    text and settings. ``written`` is the hash with that place in it, which named the runs of earlier versions; "" where it is
    the same.
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


@cache
def slot_kinds() -> dict[str, tuple[type, ...]]:
    """The classes of which the value of each slot may be; for several values, those of each."""
    hints = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(TrainSettings).items()}
    return {
        name: (*(kind for kind in kinds if isinstance(kind, type)), *((int,) if float in kinds else ()))
        for name, kinds in hints.items()
    }


def to_json(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The settings as plain values: each setting that has several fields also says its kind."""
    data, train, shape = experiment.data, experiment.train, experiment.data.dataset.input
    return {
        "data": {
            "dataset": data.dataset.name,
            "input": list(shape),
            **({"vocabulary": shape.vocabulary} if isinstance(shape, Ids) else {}),
            "valid": data.valid.amount if data.valid else None,
            "subset": data.subset.count if data.subset else None,
            "augment": [_plain(a) for a in data.augment],
            "corrupt": [_plain(c) for c in data.corrupt],
            **({"fingerprint": data.fingerprint} if data.fingerprint else {}),
        },
        "train": {name: _plain(getattr(train, name)) for name in train.shown()},
    }


def _plain(value: object) -> object:
    if isinstance(value, Value | tuple):
        return value.record() if isinstance(value, Value) else [_plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__.lower(), **_known(asdict(value))}
    return value


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None}
