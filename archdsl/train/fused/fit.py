"""Several seeds of one experiment trained as one net, each into a run folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from archdsl.emit.build import build
from archdsl.errors import InternalError
from archdsl.ir.trace import Trace
from archdsl.runs.events import EpochDone, Event, Finished, Stopped
from archdsl.runs.identify import identified, with_data
from archdsl.runs.run import Run, find_run, load_run
from archdsl.runs.store.lock import RunLocked
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from archdsl.train.checks import explained, is_out_of_memory
from archdsl.train.distributed import World
from archdsl.train.fit import Keeper, Wish, outcome
from archdsl.train.fused.eligible import tie
from archdsl.train.fused.loop import Apart, Together
from archdsl.train.fused.model import fuse
from archdsl.train.optim import merged_state
from archdsl.train.prepare import Setup, gather
from archdsl.train.signals import Interrupted, StopOnSignal

__all__ = ["Apart", "fit_together"]


def fit_together(
    trace: Trace,
    experiments: Sequence[Experiment],
    wish: Wish,
    listen: Callable[[int, Event], object] = lambda n, e: None,
) -> list[Run]:
    """Train experiments that differ in their seed alone as one net. Every run has the folder, the log, the checkpoints, the
    weights and the result that it has when it is trained by itself; its numbers agree up to rounding.

    Args:
        trace: of the network that they share.
        listen: called with the number of the run and each event.

    Raises:
        Apart: they have to be trained one by one: some were begun before, another process has one, one diverged,
            memory does not suffice, or a setting ties the copies together. No run is worse off for the attempt.
        Interrupted: SIGINT or SIGTERM came; each folder has a checkpoint.
        EnvError, StoreError, ArchError: as ``fit``.
    """
    if wish.again or wish.limit is not None:
        raise Apart("fused seeds do not support a time limit, or --again")
    if why := tie(experiments[0].train, experiments[0].data.augment):
        raise Apart(why)
    if wish.plan is not None:  # a step of many nets is neither captured nor compiled
        wish = replace(wish, plan=replace(wish.plan, graph=False, compile=False))
    first = identified(experiments[0], wish.data_root).data.fingerprint
    experiments = [with_data(e, first) for e in experiments]  # they differ in their seed alone
    with StopOnSignal(wish.stop) as signals, ExitStack() as stack, explained(experiments[0]):
        setups = [gather(build(trace), e, wish, World(), signals.wanted) for e in experiments]
        fused = fuse(trace, len(setups), setups[0].device)
        together = Together([s.job for s in setups], fused, setups[0].plan)
        keepers = _opened(experiments, setups, wish, listen, stack)
        signals.patient = True
        try:
            stopped = _followed(together, keepers)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise Apart("memory does not suffice for all of them") from error
            raise
        folders = [k.folder.path for k in keepers if k.folder is not None]
    if stopped:
        raise Interrupted(signals.received or 2, folders[0])
    return [load_run(path) for path in folders]


def _opened(
    experiments: Sequence[Experiment], setups: Sequence[Setup], wish: Wish, listen: Callable[[int, Event], object],
    stack: ExitStack,
) -> list[Keeper]:  # fmt: skip
    """A folder for each run, none of which was begun before."""
    out = Path(wish.out)
    keepers = []
    words = f"one of {len(setups)} seeds that are trained as one net"
    for number, experiment in enumerate(experiments):
        try:
            folder = RunFolder.open(out, experiment)
        except RunLocked as error:
            raise Apart("another process has one of them") from error
        stack.callback(folder.close)
        if find_run(out, experiment) is not None:
            raise Apart("one of them was begun before")
        keepers.append(Keeper(folder, partial(listen, number)))
    for keeper, setup in zip(keepers, setups, strict=True):
        keeper.describe(setup)
        keeper.tell(replace(setup.started, notes=(*setup.started.notes, words)))
    return keepers


def _followed(together: Together, keepers: Sequence[Keeper]) -> bool:
    """Whether the runs were stopped before their end."""
    stopped = False
    for number, event in together.events():
        keeper = keepers[number]
        if keeper.folder is None:
            raise InternalError("a fused run has no folder")
        keeper.tell(event)
        if isinstance(event, EpochDone | Stopped):
            keeper.folder.save(*together.state(number))
            stopped = stopped or isinstance(event, Stopped)
        elif isinstance(event, Finished):
            keeper.folder.finish(merged_state(together.models[number]), outcome(event))
    return stopped
