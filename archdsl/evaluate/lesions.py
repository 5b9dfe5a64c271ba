"""What a trained net loses with its blocks: each deleted alone, and random ones together (Veit et al. 2016, arXiv:1605.06431).

A net of n residual blocks has 2^n paths from input to output, one for each choice of block or skip; a path's length is the
number of blocks on it, which is binomial: C(n, k) paths have k. To delete a block halves the number of paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb
from random import Random
from typing import TYPE_CHECKING

from archdsl.emit.build import build
from archdsl.errors import ArchError
from archdsl.evaluate.evaluate import evaluate
from archdsl.evaluate.load import trained
from archdsl.ir.blocks import blocks, deletable, reached, without
from archdsl.seeds import stream
from archdsl.words.tasks import Several as Heads

if TYPE_CHECKING:
    import torch

    from archdsl.evaluate.load import Part
    from archdsl.ir.trace import Trace
    from archdsl.runs.run import Run

SIZES = 10  # numbers of deleted blocks that are tried, at most


@dataclass(frozen=True, slots=True)
class One:
    """A block deleted alone: its number, module and kind, and the accuracy without it, None where it cannot be deleted."""

    number: int
    path: str
    residual: bool
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Several:
    """So many random blocks deleted together: the accuracy of each draw."""

    count: int
    accuracies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lesions:
    """``whole`` is the accuracy of the net as it was trained."""

    images: int
    whole: float
    each: tuple[One, ...]
    random: tuple[Several, ...]

    @property
    def residual(self) -> int:
        """The number of residual blocks, n of the 2^n paths."""
        return sum(one.residual for one in self.each)

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many paths have 0, 1, …, n residual blocks."""
        return tuple(comb(self.residual, k) for k in range(self.residual + 1))


def sizes(count: int) -> tuple[int, ...]:
    """How many blocks of so many are deleted together: all numbers, or ten of them at equal distances, the last one too."""
    if count <= SIZES:
        return tuple(range(1, count + 1))
    return tuple(dict.fromkeys(round(1 + (count - 1) * n / (SIZES - 1)) for n in range(SIZES)))


def lesions(
    trace: Trace,
    run: Run,
    device: torch.device,
    part: Part,
    draws: int = 5,
    seed: int = 0,
    batch: int = 500,
    listen: Callable[[float], object] = lambda done: None,
) -> Lesions:
    """Delete each block of a run's net alone, and random sets of them together.

    Args:
        draws: random sets of each size; there is one of all blocks.
        seed: of the draws. Of one draw, smaller sets are parts of larger ones.
        listen: hears the fraction that is done.

    Raises:
        ArchError: no block can be deleted, or the net has no accuracy.
        StoreError: the weights are missing or damaged.
    """
    if not (task := run.facts.task).counted:
        what = "has several heads" if isinstance(task, Heads) else f"predicts {task.predicts}"
        raise ArchError(
            f"a lesion study compares accuracies, and this net {what}",
            help="write `evaluate lesion(1)` into the text of the run: archdsl train gives the other figures without that block",
        )
    known = deletable(trace)
    if not known:
        raise ArchError(
            "no block of this net can be deleted: none has a skip or keeps the shape",
            help="archdsl eval RUN --with 'lesion(LABEL)' deletes a layer by its label",
        )
    counts = sizes(len(known))
    total = 1 + len(known) + sum(1 if k == len(known) else draws for k in counts)
    done = 0

    def accuracy(deleted: tuple[int, ...]) -> float:
        nonlocal done
        net = trained(build(reached(without(trace, deleted))), run, device, part=True)
        found = evaluate(net, part, batch=batch, seed=seed).accuracy
        done += 1
        listen(done / total)
        return found

    whole = accuracy(())
    alone = {n: accuracy((n,)) for n in known}
    each = tuple(One(n, b.path, b.residual, alone.get(n)) for n, b in enumerate(blocks(trace), 1))
    orders = list(_orders(known, draws, seed))
    random = tuple(
        Several(k, tuple(accuracy(o[:k]) for o in (orders[:1] if k == len(known) else orders))) for k in counts
    )
    return Lesions(len(part), whole, each, random)


def _orders(known: tuple[int, ...], draws: int, seed: int) -> Iterator[tuple[int, ...]]:
    for draw in range(draws):
        order = list(known)
        Random(stream(seed, "lesion", "draw", draw)).shuffle(order)
        yield tuple(order)
