"""Several seeds of one experiment trained as one net, each into a run folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from archdsl.emit.build import build
from archdsl.errors import InternalError
from archdsl.ir.trace import Trace
from archdsl.runs.events import EpochDone, Event, Finished, Stopped, Warned
from archdsl.runs.identify import identified, others_said, with_data
from archdsl.runs.run import Run, find_run, load_run
from archdsl.runs.store.lock import RunLocked
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from archdsl.train.checks import explained, is_out_of_memory
from archdsl.train.distributed import Distributed
from archdsl.train.fit import Recorder, data_change
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.fused.loop import FusedTrainer, NotFusable
from archdsl.train.fused.model import fuse
from archdsl.train.options import FitOptions
from archdsl.train.prepare import Setup, prepare
from archdsl.train.signals import Interrupted, StopOnSignal
from archdsl.words.tasks import task_of

__all__ = ["NotFusable", "fit_together"]


def fit_together(
    trace: Trace,
    experiments: Sequence[Experiment],
    options: FitOptions,
    listen: Callable[[int, Event], object] = lambda n, e: None,
) -> list[Run]:
    """Train experiments that differ in their seed alone as one net. Every run has the folder, the log, the checkpoints, the
    weights and the result that it has when it is trained by itself; its numbers agree up to rounding.

    Args:
        trace: of the network that they share.
        listen: called with the number of the run and each event.

    Raises:
        NotFusable: they have to be trained one by one: a run of theirs exists, another process has one, one diverged,
            memory does not suffice, or a setting mixes the replicas. No run is worse off for the attempt.
        Interrupted: SIGINT or SIGTERM came; each folder has a checkpoint.
        EnvError, StoreError, ArchError: as ``fit``.
    """
    if options.again or options.limit is not None:
        raise NotFusable("neither --time-limit nor --again is supported")
    if why := why_not_fusable(experiments[0].train, experiments[0].data.augment, task_of(experiments[0].data.dataset)):
        raise NotFusable(why)
    if options.plan is not None:  # a step of many nets is neither captured nor compiled
        options = replace(options, plan=replace(options.plan, graph=False, compile=False))
    first = identified(experiments[0], options.data_root).data.fingerprint
    experiments = [with_data(e, first) for e in experiments]  # they differ in their seed alone
    with StopOnSignal(options.stop) as signals, ExitStack() as stack, explained(experiments[0]), _enough_memory():
        setups = [prepare(build(trace), e, options, Distributed(), signals.wanted) for e in experiments]
        fused = fuse(trace, len(setups), setups[0].device)
        trainer = FusedTrainer([s.job for s in setups], fused, setups[0].plan)
        recorders = _opened(experiments, setups, options, listen, stack)
        signals.patient = True
        stopped = _followed(trainer, recorders)
        folders = [k.folder.path for k in recorders if k.folder is not None]
    if stopped:
        raise Interrupted(signals.received or 2, folders[0])
    return [load_run(path) for path in folders]


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Fewer of them may find room where all together do not: from their data on, not in a step alone."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise NotFusable("memory does not suffice for all of them") from error
        raise


def _opened(
    experiments: Sequence[Experiment],
    setups: Sequence[Setup],
    options: FitOptions,
    listen: Callable[[int, Event], object],
    stack: ExitStack,
) -> list[Recorder]:
    """A folder for each run, none of which was begun before."""
    out = Path(options.out)
    recorders = []
    # Asked before a folder is made; a run on other data that was interrupted stays as it is.
    said = [others_said(out, experiment, again=True) for experiment in experiments]
    words = f"one of {len(setups)} seeds that are trained as one net"
    for number, (experiment, setup) in enumerate(zip(experiments, setups, strict=True)):
        try:
            folder = RunFolder.open(out, experiment)
        except RunLocked as error:
            raise NotFusable("another process has one of them") from error
        stack.callback(folder.close)
        if find_run(out, experiment) is not None:
            raise NotFusable("one of them was begun before")
        recorders.append(Recorder(folder, partial(listen, number), changed=data_change(setup, experiment, options)))
    for recorder, setup, others in zip(recorders, setups, said, strict=True):
        recorder.describe(setup)
        recorder.tell(replace(setup.started, notes=(*setup.started.notes, words)))
        for text in (*others, *(recorder.folder.warnings if recorder.folder is not None else [])):
            recorder.tell(Warned(text))
    return recorders


def _followed(trainer: FusedTrainer, recorders: Sequence[Recorder]) -> bool:
    """Whether the runs were stopped before their end."""
    stopped = False
    for number, event in trainer.events():
        recorder = recorders[number]
        if recorder.folder is None:
            raise InternalError("a fused run has no folder")
        recorder.tell(event)
        if isinstance(event, EpochDone | Stopped):
            recorder.folder.save(*trainer.checkpoint(number))
            stopped = stopped or isinstance(event, Stopped)
        elif isinstance(event, Finished):
            recorder.finish(event, trainer.models[number], trainer.replicas[number].state.correct)
    return stopped
