"""What goes to a worker and what comes back, as plain values that travel as a line of JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

# Causes that have nothing to do with the experiment: a run that ended so may be tried again.
INFRASTRUCTURE = ("died", "environment")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run to execute. ``key`` names it; ``text`` is the canonical text of its experiment, ``name`` its name, ``data``
    the fingerprint of its data, which a worker compares with what it reads.
    ``others`` are other seeds of it that are trained with it as one net, if that is possible. ``needs`` are keys of runs that
    must have ended before: an engine does not begin the request while one of them is requested. ``begins`` is the folder of
    the run whose weights this one begins with, ``evaluation`` what an ``evaluate`` statement says: the run of ``text`` is there,
    and is evaluated. ``until`` is the epoch after which the run pauses with a checkpoint; 0 for the end of the run.
    """

    key: str
    name: str
    text: str
    label: str = ""
    data: str = ""
    others: tuple[RunRequest, ...] = ()
    needs: tuple[str, ...] = ()
    begins: str = ""
    evaluation: str = ""
    until: int = 0

    @property
    def each(self) -> tuple[RunRequest, ...]:
        """Every run of the request by itself."""
        return (replace(self, others=()), *self.others)


class Tell(Protocol):
    """Hears from a run under way: its epoch, the share that is done, and what it warns of now."""

    def __call__(self, epoch: int, share: float, *warnings: str) -> None: ...


More = Callable[[int], Sequence[RunRequest]]  # idle workers → requests for them


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How all runs of a study are executed; equal for all, so that runs can be compared.

    Args:
        out: the folder of runs.
        precision: ``auto`` takes bf16 where the processor has it.
        limit: seconds of training in this call after which a run is stopped.
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
class RunResult:
    """How a run ended. ``status`` is that of its result, or ``failed``, ``busy`` (another process is at it), ``paused`` or
    ``interrupted``; ``cause`` of a failure is ``experiment``, or one of INFRASTRUCTURE; ``folder`` is the run's.
    ``others`` are the results of the request's other runs.
    """

    key: str
    status: str
    message: str = ""
    cause: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    others: tuple[RunResult, ...] = ()

    def of(self, request: RunRequest) -> tuple[tuple[RunRequest, RunResult], ...]:
        """Each run of the request with its result; those without one of their own get this one."""
        alone = replace(self, others=())
        by_key = {o.key: o for o in (alone, *self.others)}
        return tuple((one, by_key.get(one.key) or replace(alone, key=one.key)) for one in request.each)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run on its way: the epoch and the fraction that is done."""

    key: str
    worker: int
    epoch: int = 0
    share: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker is up, under these conditions; ``notes`` are for a person."""

    worker: int
    conditions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def request_of(values: dict[str, Any]) -> RunRequest:
    """A request from the values that travelled."""
    return RunRequest(**{**values, "others": tuple(map(request_of, values["others"])), "needs": tuple(values["needs"])})


def progress_of(values: dict[str, Any]) -> RunProgress:
    """Progress from the values that travelled."""
    return RunProgress(**{**values, "warnings": tuple(values["warnings"])})


def result_of(values: dict[str, Any]) -> RunResult:
    """A result from the values that travelled."""
    return RunResult(**{**values, "others": tuple(map(result_of, values["others"]))})


def line(kind: str, value: Any) -> dict[str, Any]:
    """A message as plain values."""
    return {"kind": kind, **asdict(value)}
