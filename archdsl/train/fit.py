"""From a model and an experiment to a trained model in a run folder.

The folder is named by the experiment's hash: the same command finds its run again, and goes on from the last
checkpoint, or gives the result if there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from archdsl.accelerate.plan import Plan
from archdsl.data.batches import Resident
from archdsl.errors import EnvError, InternalError
from archdsl.runs.conditions import ConditionOptions, known_precision
from archdsl.runs.conflicts import check_conflicts
from archdsl.runs.events import (
    Diverged,
    EpochDone,
    Event,
    Finished,
    Oom,
    Progress,
    Resumed,
    Started,
    Stopped,
    TimedOut,
    Warned,
)
from archdsl.runs.identify import data_changed, identified, others_said
from archdsl.runs.run import Run, check_writable, find_run, load_run
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from archdsl.train.checks import explained, is_out_of_memory
from archdsl.train.distributed import World, joined, lost
from archdsl.train.loop import Training
from archdsl.train.optim import merged_state
from archdsl.train.prepare import Setup, gather
from archdsl.train.signals import Interrupted, StopOnSignal
from archdsl.train.watchdog import watchdog

SAVE_EVERY = 60.0  # seconds between two checkpoints within an epoch; one is written after every epoch anyway
Listener = Callable[[Event], object]


@dataclass(frozen=True)
class Wish:
    """How a run is carried out; none of it is part of the experiment.

    Args:
        out: the folder that gets the run folder.
        data_root: searched for the data before the other data roots.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        speed: ``auto`` lets a probe choose; ``fp32`` and ``bf16`` fix the type; ``plain`` is the reference.
        compile: torch.compile of the net: ``auto`` where it should pay, ``on`` or ``off``.
        plan: how the steps are carried out, instead of ``speed``; a run that goes on keeps the plan that it has.
        fresh: draw the initial weights from the experiment's seed; False trains on from the model's own.
        again: train again where a run is there; without it a run that was trained under other conditions than are asked
            for here is refused.
        other_data: what happens where a run of the experiment on other data was interrupted: it is refused, or a new run
            begins.
        every: seconds between two Progress events; None for none.
        limit: seconds of training after which the run stops, to be gone on with later.
        stop: asked before every step whether the run is to end with a checkpoint, as after a signal; for callers in
            threads, which no signal reaches.
        deterministic: torch's deterministic algorithms (CUDA; on a CPU they are so anyway).
    """

    out: str | Path = "runs"
    data_root: str | Path | None = None
    device: str = "auto"
    speed: str = "auto"
    compile: str = "auto"
    plan: Plan | None = None
    fresh: bool = True
    again: bool = False
    every: float | None = None
    limit: float | None = None
    deterministic: bool = False
    other_data: Literal["refuse", "begin"] = "refuse"
    stop: Callable[[], bool] | None = None


def fit(
    model: nn.Module,
    experiment: Experiment,
    wish: Wish | None = None,
    listen: Listener = lambda event: None,
    **wishes: Any,
) -> Run:
    """Train ``model`` in place as the experiment says, and write a run folder; a run that is finished is given as it is.

    Args:
        model: takes (N, C, H, W) float32 images of the data set, gives (N, classes) logits.
        experiment: data and training settings, and the canonical text to record.
        wish: how to carry it out; its fields may be given by name instead.
        listen: called with every event.

    Raises:
        ArchError: model and data do not fit, or a run that is there was trained under other conditions or on other data.
        EnvError: no such device, no data, data that changes, no room on the disk, or another process is at this run.
        StoreError: the run's folder is damaged.
        Interrupted: SIGINT or SIGTERM came; the folder has a checkpoint to go on from.
    """
    wish = wish if wish is not None else Wish(**wishes)
    known_precision(wish.speed)
    out = Path(wish.out)
    with StopOnSignal(wish.stop) as signals, joined(wish.device) as world:
        experiment = world.share(identified(experiment, wish.data_root, out) if world.leads else None)
        before = _before(out, experiment, wish, world)
        if before is not None and before.done:
            return before
        said = (
            others_said(out, experiment, wish.again or wish.other_data == "begin")
            if before is None and world.leads
            else []
        )
        with explained(experiment):
            setup = gather(model, experiment, wish, world, signals.wanted, before.plan if before is not None else None)
            folder = RunFolder.open(out, experiment, again=wish.again) if world.leads else None
            keeper = Keeper(folder, listen, changed=_watched(setup, experiment, wish))
            try:
                now = _before(out, experiment, Wish(out), world)
                if now is not None and now.done:  # another process ended it meanwhile
                    return now
                last = _train(setup, keeper, wish, signals, said)
            finally:
                keeper.close()
        path: Path = world.share(folder.path if folder is not None else None)
    if isinstance(last, Stopped):
        raise Interrupted(signals.received or 2, path)
    return load_run(path)


def _before(out: Path, experiment: Experiment, wish: Wish, world: World) -> Run | None:
    """The run as it stands, if it was begun before."""
    found: Run | None = None
    if world.leads:
        check_writable(out)
        found = find_run(out, experiment) if not wish.again else None
        if found is not None and wish.plan is None:
            check_conflicts(found, ConditionOptions(wish.speed, wish.device, wish.compile, wish.deterministic))
    return world.share(found)


def _watched(setup: Setup, experiment: Experiment, wish: Wish) -> Callable[[], str]:
    """Says at the end of a run whether its data has changed. What lies in memory was compared when it was read."""
    if isinstance(setup.job.train, Resident):
        return lambda: ""
    return lambda: data_changed(experiment, wish.data_root)


def _train(setup: Setup, keeper: Keeper, wish: Wish, signals: StopOnSignal, said: Sequence[str]) -> Event:
    world, limit = setup.job.world, setup.job.limit
    keeper.describe(setup)
    training: Training | None = None
    try:
        training = Training(setup.job)
        if (found := keeper.resumable(world)) is not None:
            training.load(*found)
        signals.patient = True
        keeper.begin(setup.started, training, said)
        with watchdog(limit):
            return keeper.follow(training)
    except RuntimeError as error:
        if world.size > 1 and lost(error):
            raise EnvError("another process of this training is gone",
                           help="the same command goes on from the last checkpoint") from error  # fmt: skip
        if not is_out_of_memory(error):
            raise
        return keeper.oom(training, error)


@dataclass
class Keeper:
    """Writes what happens into the run folder; processes that do not lead have none and only listen."""

    folder: RunFolder | None
    listen: Listener
    saved: float = field(default_factory=time.monotonic)
    changed: Callable[[], str] = lambda: ""

    def describe(self, setup: Setup) -> None:
        """What the figures depend on besides the settings."""
        if self.folder is not None:
            self.folder.describe(str(setup.device), asdict(setup.plan), setup.facts, setup.conditions)

    def close(self) -> None:
        """Let another process have the folder."""
        if self.folder is not None:
            self.folder.close()

    def resumable(self, world: World) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """The last good checkpoint of this run, in every process; None where there is none."""
        found: tuple[dict[str, torch.Tensor], dict[str, Any]] | None = None
        checkpoint = self.folder.checkpoint() if self.folder is not None else None
        if checkpoint is not None:
            *state, warnings = checkpoint
            found = (state[0], state[1])
            for text in warnings:
                self.listen(Warned(text))
        return world.share(found)

    def begin(self, started: Started, training: Training, said: Sequence[str] = ()) -> None:
        """Say what is about to happen."""
        self.tell(started)
        for text in (*said, *(self.folder.warnings if self.folder is not None else [])):
            self.tell(Warned(text))
        if training.step:
            self.tell(Resumed(training.epoch, training.step))

    def follow(self, training: Training) -> Event:
        """Run the loop to its end; write the log, the checkpoints, the weights and the result."""
        event: Event | None = None
        for event in training.events():
            self.tell(event)
            late = isinstance(event, Progress) and time.monotonic() - self.saved > SAVE_EVERY
            if late or isinstance(event, EpochDone | Stopped | TimedOut):
                self.save(training)
        if event is None:
            raise InternalError("the training loop ended without an event")
        if self.folder is not None and isinstance(event, Finished | Diverged):
            result = outcome(event)
            if text := self.changed():
                self.tell(Warned(f"{text}; it changed while the run trained"))
                result["data_changed"] = text
            self.folder.finish(merged_state(training.model), result)
        elif self.folder is not None and isinstance(event, TimedOut):
            self.folder.note(outcome(event))
        return event

    def oom(self, training: Training | None, error: RuntimeError) -> Oom:
        """Record that the memory did not suffice, and free it."""
        event = Oom(training.epoch if training else 0, training.step if training else 0, str(error).splitlines()[0])
        if training is not None:
            training.update.zero()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        elif torch.backends.mps.is_available():
            torch.mps.empty_cache()
        self.tell(event)
        if self.folder is not None:
            self.folder.note(outcome(event))
        return event

    def save(self, training: Training) -> None:
        """Write a checkpoint."""
        if self.folder is not None:
            tensors, about = training.state()
            self.folder.save(tensors, about)
        self.saved = time.monotonic()

    def tell(self, event: Event) -> None:
        """Write an event to the log, and pass it on."""
        if self.folder is not None:
            self.folder.event(event)
            self.listen(event)


def outcome(event: Finished | Diverged | TimedOut | Oom) -> dict[str, Any]:
    """How a run ended, as its result says it."""
    status = {"TimedOut": "timeout"}.get(type(event).__name__, type(event).__name__.lower())
    return {"status": status, **asdict(event)}
