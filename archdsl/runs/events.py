"""What a training run says of itself: typed, frozen events. Whoever listens draws, writes or collects them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Started:
    """Before the first step. ``notes`` are for a person, such as which device was taken; ``trained`` counts the parameters
    that are trained at some time, which ``freeze`` and layers with fixed weights make less than all.
    """

    device: str
    source: str
    train_images: int
    valid_images: int
    test_images: int
    params: int
    epochs: int
    steps: int
    notes: tuple[str, ...] = ()
    trained: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """A sample of the run, at a low rate. ``loss`` and ``accuracy`` are means over this epoch's images so
    far.
    """

    epoch: int
    step: int
    loss: float
    accuracy: float | None
    images_per_second: float


@dataclass(frozen=True, slots=True)
class EpochDone:
    """After an epoch. The training figures are means over the epoch, taken while the weights changed; the
    validation figures are of the weights at its end, None without a validation split. ``seconds`` are of
    the training steps. ``figures`` are others of these weights by name, such as ``test_accuracy``.
    """

    epoch: int
    step: int
    loss: float
    accuracy: float | None
    valid_loss: float | None
    valid_accuracy: float | None
    lr: float
    seconds: float
    images_per_second: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """After the last epoch; accuracies in [0, 1], None where the targets are numbers; time of the training steps.

    The training figures are those of the last epoch. The validation and test figures are of the weights that are kept:
    the best ones, the averaged ones, or those of the last step. ``best_valid_accuracy`` is that of the epoch
    ``best_epoch``, whose weights are kept where the text says `patience`. ``why`` says what ended the run before its
    last epoch. ``figures`` are other metrics by name, such as ``test_ece``; they are stored beside these.
    """

    step: int
    train_loss: float
    train_accuracy: float | None
    valid_accuracy: float | None
    best_valid_accuracy: float | None
    best_epoch: int | None
    test_loss: float
    test_accuracy: float | None
    seconds: float
    images_per_second: float
    epochs: int = 0
    why: str = ""
    valid_loss: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resumed:
    """Before the first step of a run that continues from a checkpoint; ``step`` are done."""

    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a person should know of, such as a checkpoint that was damaged."""

    text: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The run reached a time limit, in seconds of training; it can continue from ``step``. ``of`` is what has that limit: this
    `call`, or the whole `run`.
    """

    epoch: int
    step: int
    limit: float
    of: str = "call"

    @property
    def why(self) -> str:
        """Which limit it is, and how the run continues."""
        if self.of == "run":
            said = f"the run has had the training that `timelimit({self.limit:g})` allows it"
            return f"{said}; --time-limit SECONDS trains it on, for so many seconds a call"
        return f"the time limit of {self.limit:g} s; the same command resumes it"


@dataclass(frozen=True, slots=True)
class Oom:
    """The device's memory did not suffice."""

    epoch: int
    step: int
    message: str


@dataclass(frozen=True, slots=True)
class Diverged:
    """The loss stopped being finite at ``step``; the model has the weights after epoch ``kept_epoch`` again
    (0: the initial ones).
    """

    epoch: int
    step: int
    kept_epoch: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The caller asked to stop; the model has the weights after ``step``."""

    epoch: int
    step: int


Event = Started | Resumed | Progress | EpochDone | Finished | Diverged | Stopped | TimedOut | Warned | Oom


WARNING = "warning: "  # how a note begins that is one


def warnings_of(event: Event) -> tuple[str, ...]:
    """What an event warns of; progress and plain notes are left out."""
    match event:
        case Started():
            return tuple(text.removeprefix(WARNING) for text in event.notes if text.startswith(WARNING))
        case Warned():
            return (event.text,)
        case _:
            return ()


def warnings_in(result: Mapping[str, Any]) -> tuple[str, ...]:
    """What a run was warned of before its first step, as its result says it; runs of earlier versions have it in their log."""
    found = result.get("warnings")
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list | tuple) else ()


def warnings_logged(events: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same of a run that has no result yet, as its log says it."""
    notes = [event.get("notes") for event in events if event.get("event") == Started.__name__.lower()]
    every = [text for found in notes if isinstance(found, list) for text in found if isinstance(text, str)]
    return tuple(dict.fromkeys(text.removeprefix(WARNING) for text in every if text.startswith(WARNING)))


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as plain values, its kind first."""
    return {"event": type(event).__name__.lower(), **plain(event)}


def plain(event: Event) -> dict[str, Any]:
    """The fields of an event; of figures by name each is a value of its own."""
    values = asdict(event)
    return {**values.pop("figures", {}), **values}
