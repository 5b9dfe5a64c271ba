"""From a model and an experiment to a trained model in a run folder.

The folder is named by the experiment's hash: the same command finds its run again, and resumes it from the last
checkpoint, or gives the result if there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from archdsl.accelerate.threads import kept_threads
from archdsl.data.batches import Resident
from archdsl.emit.build import build
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
    plain,
    warnings_of,
)
from archdsl.runs.identify import data_changed, identified, others_said
from archdsl.runs.run import Run, check_writable, find_run, load_run
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from archdsl.train.checks import explained, is_out_of_memory
from archdsl.train.distributed import Distributed, joined, lost
from archdsl.train.loop import Training
from archdsl.train.optim import merged_state
from archdsl.train.options import FitOptions
from archdsl.train.prepare import Setup, prepare
from archdsl.train.signals import Interrupted, StopOnSignal
from archdsl.train.watchdog import watchdog
from archdsl.transfer.read import trace_of

if TYPE_CHECKING:
    from archdsl.runs.correct import Bools

SAVE_EVERY = 60.0  # seconds between two checkpoints within an epoch; one is written after every epoch anyway
Listener = Callable[[Event], object]


def fit(
    model: nn.Module,
    experiment: Experiment,
    options: FitOptions | None = None,
    listen: Listener = lambda event: None,
    **options_by_name: Any,
) -> Run:
    """Train ``model`` in place as the experiment says, and write a run folder; a run that is finished is given as it is.

    Args:
        model: takes (N, C, H, W) float32 images of the data set, gives (N, classes) logits. A run that was begun with
            another text of the experiment is resumed with a model of that one.
        experiment: data and training settings, and the canonical text to record.
        options: how to carry it out; its fields may be given by name instead.
        listen: called with every event.

    Raises:
        ArchError: model and data do not fit, or a run that is there was trained under other conditions or on other data.
        EnvError: no such device, no data, data that changes, no room on the disk, or another process is at this run.
        StoreError: the run's folder is damaged.
        Interrupted: SIGINT or SIGTERM came; the folder has a checkpoint to go on from.
    """
    options = options if options is not None else FitOptions(**options_by_name)
    known_precision(options.speed)
    out = Path(options.out)
    with StopOnSignal(options.stop) as signals, joined(options.device) as distributed, kept_threads():
        experiment = distributed.broadcast(
            identified(experiment, options.data_root, out) if distributed.leads else None
        )
        before = _before(out, experiment, options, distributed)
        if before is not None and before.done:
            return before
        text = distributed.broadcast(_begun_as(before, experiment) if distributed.leads and before is not None else "")
        if before is not None and text:
            model, experiment = build(trace_of(text, experiment.name, before.declared)), replace(experiment, text=text)
        said = (
            others_said(out, experiment, options.again or options.other_data == "begin")
            if before is None and distributed.leads
            else []
        )
        with explained(experiment):
            setup = prepare(model, experiment, options, distributed, signals.wanted, _begun(before, distributed))
            folder = RunFolder.open(out, experiment, again=options.again) if distributed.leads else None
            recorder = Recorder(folder, listen, changed=data_change(setup, experiment, options))
            try:
                # What is trained again has no result, and may have a damaged file until it is described.
                now = None if options.again else _before(out, experiment, FitOptions(out), distributed)
                if now is not None and now.done:  # another process ended it meanwhile
                    return now
                last = _train(setup, recorder, options, signals, said)
            finally:
                recorder.close()
        path: Path = distributed.broadcast(folder.path if folder is not None else None)
    if isinstance(last, Stopped):
        raise Interrupted(signals.received or 2, path)
    return load_run(path)


def _begun_as(run: Run, experiment: Experiment) -> str:
    """The text of a run that is resumed, where that of the experiment names layers otherwise, as a family and the same layers
    spelt out do: its checkpoint has the names of its own text. Else "".
    """
    if run.spec.strip() == experiment.text.strip() or not Checkpoints(run.folder).exist():
        return ""
    texts = (run.spec, experiment.text)
    begun, now = ([row.path for row in trace_of(t, experiment.name, run.declared).flat()] for t in texts)
    return run.spec if begun != now else ""


def _before(out: Path, experiment: Experiment, options: FitOptions, distributed: Distributed) -> Run | None:
    """The run as it is now, if there is one."""
    run: Run | None = None
    if distributed.leads:
        check_writable(out)
        run = find_run(out, experiment) if not options.again else None
        if run is not None and options.plan is None:
            check_conflicts(
                run, ConditionOptions(options.speed, options.device, options.compile, options.deterministic)
            )
    return distributed.broadcast(run)


def _begun(before: Run | None, distributed: Distributed) -> Run | None:
    """The run if it has a checkpoint to resume from; else None, and training begins with this call's options."""
    leading = distributed.leads and before is not None and Checkpoints(before.folder).exist()
    return before if distributed.broadcast(leading) else None


def data_change(setup: Setup, experiment: Experiment, options: FitOptions) -> Callable[[], str]:
    """Says at the end of a run whether its data has changed. Data in memory was compared when it was read."""

    def compared() -> str:
        try:
            return data_changed(experiment, options.data_root)
        except EnvError as error:  # it was read to the end, and the run has its weights
            return f"the data of {experiment.data.dataset.name} cannot be read as it was: {error.message}"

    return compared if not isinstance(setup.job.train, Resident) else lambda: ""


def _train(setup: Setup, recorder: Recorder, options: FitOptions, signals: StopOnSignal, said: Sequence[str]) -> Event:
    distributed, limit = setup.job.distributed, setup.job.limit or setup.job.settings.timelimit
    recorder.describe(setup)
    training: Training | None = None
    try:
        training = Training(setup.job)
        if (checkpoint := recorder.resumable(distributed)) is not None:
            training.load(*checkpoint)
        signals.patient = True
        recorder.begin(setup.started, training, said)
        with watchdog(limit) as training.watch:
            return recorder.follow(training)
    except RuntimeError as error:
        if distributed.size > 1 and lost(error):
            raise EnvError(
                "another process of this training is gone", help="the same command resumes from the last checkpoint"
            ) from error
        if not is_out_of_memory(error):
            raise
        return recorder.oom(training, error)


@dataclass
class Recorder:
    """Writes what happens into the run folder; processes that do not lead have none and only listen."""

    folder: RunFolder | None
    listen: Listener
    saved: float = field(default_factory=time.monotonic)
    changed: Callable[[], str] = lambda: ""
    warned: tuple[str, ...] = ()  # before the first step: of the data, and of the weights to begin with

    def describe(self, setup: Setup) -> None:
        """What the figures depend on besides the settings."""
        if self.folder is not None:
            self.folder.describe(str(setup.device), setup.plan.record(), setup.facts, setup.conditions)

    def close(self) -> None:
        """Let another process have the folder."""
        if self.folder is not None:
            self.folder.close()

    def resumable(self, distributed: Distributed) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """The last good checkpoint of this run, in every process; None where there is none."""
        state: tuple[dict[str, torch.Tensor], dict[str, Any]] | None = None
        checkpoint = self.folder.checkpoint() if self.folder is not None else None
        if checkpoint is not None:
            *parts, warnings = checkpoint
            state = (parts[0], parts[1])
            for text in warnings:
                self.tell(Warned(text))
        return distributed.broadcast(state)

    def begin(self, started: Started, training: Training, said: Sequence[str] = ()) -> None:
        """Say what is about to happen."""
        self.tell(started)
        for text in (*said, *(self.folder.warnings if self.folder is not None else [])):
            self.tell(Warned(text))
        if training.state.step:
            self.tell(Resumed(training.epoch, training.state.step))

    def follow(self, training: Training) -> Event:
        """Run the loop to its end; write the log, the checkpoints, the weights and the result."""
        event: Event | None = None
        for event in training.events():
            training.watch.rest()  # what is written may take its time
            self.tell(event)
            late = isinstance(event, Progress) and self.late(training)
            if late or isinstance(event, EpochDone | Stopped | TimedOut):
                self.save(training)
        if event is None:
            raise InternalError("the training loop ended without an event")
        if isinstance(event, Finished | Diverged):
            self.finish(event, training.job.model, training.state.correct)
        elif self.folder is not None and isinstance(event, TimedOut):
            self.folder.note(outcome(event))
        return event

    def finish(self, event: Finished | Diverged, model: nn.Module, correct: Bools | None) -> None:
        """Write the weights, and how the run ended, with what whoever reads its figures is to be warned of."""
        if self.folder is None:
            return
        result = {**outcome(event), **({"warnings": list(self.warned)} if self.warned else {})}
        if text := self.changed():
            self.tell(Warned(f"{text}; it changed while the run trained"))
            result["data_changed"] = text
        self.folder.finish(merged_state(model), result, correct)

    def oom(self, training: Training | None, error: RuntimeError) -> Oom:
        """Record that the memory did not suffice, and free it."""
        event = Oom(
            training.epoch if training else 0, training.state.step if training else 0, str(error).splitlines()[0]
        )
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

    def late(self, training: Training) -> bool:
        """Whether it is time for a checkpoint; the leading process says so."""
        distributed = training.job.distributed
        due = distributed.leads and time.monotonic() - self.saved > SAVE_EVERY
        return distributed.votes(training.device, due)[0]

    def save(self, training: Training) -> None:
        """Write a checkpoint, which all processes make together."""
        tensors, about = training.checkpoint()
        if self.folder is not None:
            self.folder.save(tensors, about)
        self.saved = time.monotonic()

    def tell(self, event: Event) -> None:
        """Write an event to the log, and pass it on."""
        if isinstance(event, Started):
            self.warned = warnings_of(event)
        if self.folder is not None:
            self.folder.event(event)
            self.listen(event)


def outcome(event: Finished | Diverged | TimedOut | Oom) -> dict[str, Any]:
    """How a run ended, as its result says it."""
    status = {"TimedOut": "timeout"}.get(type(event).__name__, type(event).__name__.lower())
    message = {"message": event.why} if isinstance(event, TimedOut) else {}
    return {"status": status, **message, **plain(event)}
