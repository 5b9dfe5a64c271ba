"""Which seeds of an arm are trained together, as one net (archdsl.train.fused.loop).

It pays where a run by itself leaves the device idle: on a GPU, with nets of few channels, or few images a step. A GPU
spends most of such a step on starting its kernels, and S copies start as many as one.
"""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.api import Spec
from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.cells import Cell
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.words.tasks import task_of

MOST = 8  # copies in one net
NARROW, WIDE = 32, 64  # channels up to which it pays with any batch, and from which it pays with none
SMALL = 64  # images a step up to which it pays between these
AUTO, OFF = "auto", "off"


def bundles(
    arms: Arms, cells: Sequence[Cell], fuse: str, gpu: bool, jobs: int, memory: int | None = None
) -> list[list[Cell]]:
    """The cells as groups that are trained together, in the order of their first ones; most groups are of one.

    Args:
        fuse: ``auto`` where it pays, ``off``, or the number of seeds that are trained together on any device.
        gpu: whether the runs go to one.
        jobs: workers, none of which should be without work.
        memory: bytes of memory that a worker has, where that is known.

    Raises:
        ArchError: ``fuse`` is none of these.
    """
    most = most_together(fuse, gpu)
    most = min(most, max(1, len(cells) // max(1, jobs)))
    found: list[list[Cell]] = []
    open_: dict[int, list[Cell]] = {}
    for cell in cells:
        size = min(most, _copies(arms.arms[cell.arm].spec, cell, fuse, memory)) if most > 1 else 1
        group = open_.get(cell.arm)
        if group is not None and len(group) < size:
            group.append(cell)
            continue
        open_[cell.arm] = [cell]
        found.append(open_[cell.arm])
    return found


def told(groups: Sequence[Sequence[Cell]]) -> list[str]:
    """A line on what is trained together, if anything is."""
    several = [g for g in groups if len(g) > 1]
    if not several:
        return []
    runs, most = sum(map(len, several)), max(map(len, several))
    return [
        f"{runs} runs are trained as {many(len(several), 'net')} of up to {most} seeds each (--fuse off: one by one)"
    ]


def most_together(fuse: str, gpu: bool) -> int:
    """How many seeds are trained as one net, at most.

    Raises:
        ArchError: ``fuse`` is no such number, nor ``auto`` or ``off``.
    """
    if fuse == AUTO:
        return MOST if gpu else 1
    if fuse == OFF:
        return 1
    if fuse.isascii() and fuse.isdecimal() and 2 <= int(fuse) <= 64:
        return int(fuse)
    raise ArchError(f"`--fuse {fuse}`: auto, off, or 2 to 64 seeds", help="for example --fuse 4")


def _copies(spec: Spec, cell: Cell, fuse: str, memory: int | None) -> int:
    """How many seeds of this arm one net takes: one where the cell needs another run."""
    if cell.needs:
        return 1
    train = cell.experiment.train
    data = cell.experiment.data
    if why_not_fusable(train, data.augment, task_of(data.dataset)) or (fuse == AUTO and not pays(spec, train.batch)):
        return 1
    if memory is None:
        return MOST if fuse == AUTO else 64
    return max(1, memory // max(1, spec.cost.training_bytes(train.batch, 4, 2)))


def pays(spec: Spec, batch: int) -> bool:
    """Whether a run of this net by itself leaves a GPU idle."""
    widest = max((r.layer.out[0] for r in spec.trace.flat() if "conv" in r.op.entry.traits), default=WIDE)
    return widest <= NARROW or (widest < WIDE and batch <= SMALL)
