"""What goes to a worker and what comes back, as plain values that travel as a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

# Causes that have nothing to do with the experiment: a run that ended so may be tried again.
INFRASTRUCTURE = ("died", "environment")


@dataclass(frozen=True, slots=True)
class Order:
    """One run to carry out. ``key`` names it; ``text`` is the canonical text of its experiment, ``name`` its name, ``data``
    the fingerprint of its data, which a worker compares with what it reads.
    ``others`` are other seeds of it that are trained with it as one net, if that is possible.
    """

    key: str
    name: str
    text: str
    label: str = ""
    data: str = ""
    others: tuple[Order, ...] = ()

    @property
    def each(self) -> tuple[Order, ...]:
        """Every run of the order by itself."""
        return (replace(self, others=()), *self.others)


@dataclass(frozen=True, slots=True)
class Terms:
    """How all runs of a study are carried out; equal for all, so that they can be compared.

    Args:
        out: the folder of runs.
        precision: ``auto`` takes bf16 where the processor has it.
        limit: seconds of training after which a run is stopped.
        threads: of each worker on a CPU.
    """

    out: str
    data_root: str | None = None
    device: str = "auto"
    precision: str = "auto"
    limit: float | None = None
    threads: int = 1
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. ``status`` is that of its result, or ``failed``, ``busy`` (another process is at it) or
    ``interrupted``; ``cause`` of a failure is ``experiment``, or one of INFRASTRUCTURE; ``folder`` is the run's.
    ``others`` are the outcomes of the order's other runs.
    """

    key: str
    status: str
    message: str = ""
    cause: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    others: tuple[Outcome, ...] = ()

    def of(self, order: Order) -> tuple[tuple[Order, Outcome], ...]:
        """Each run of the order with its outcome; those of which nothing is said share this one."""
        alone = replace(self, others=())
        told = {o.key: o for o in (alone, *self.others)}
        return tuple((one, told.get(one.key) or replace(alone, key=one.key)) for one in order.each)


@dataclass(frozen=True, slots=True)
class News:
    """A run on its way: the epoch and the share that is done."""

    key: str
    worker: int
    epoch: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker is up, under these conditions; ``notes`` are for a person."""

    worker: int
    conditions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def order_of(values: dict[str, Any]) -> Order:
    """An order from the values that travelled."""
    return Order(**{**values, "others": tuple(map(order_of, values["others"]))})


def outcome_of(values: dict[str, Any]) -> Outcome:
    """An outcome from the values that travelled."""
    return Outcome(**{**values, "others": tuple(map(outcome_of, values["others"]))})


def line(kind: str, value: Any) -> dict[str, Any]:
    """A message as plain values."""
    return {"kind": kind, **asdict(value)}
