"""A net with another net's weights: for ``archdsl transfer``, and for a run whose text says ``init``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from archdsl.errors import ArchError
from archdsl.transfer.copy import Status, Transfer, copy_weights
from archdsl.transfer.read import Weights, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.ir.trace import Trace
    from archdsl.words.train.tuning import Init

BEGUN_WITH: tuple[Status, ...] = ("exact", "reshaped", "new")  # what becomes of the parameters of the new net


def transferred(model: nn.Module, trace: Trace, source: Weights, reshape: bool = False) -> Transfer:
    """Give the model the weights of a source, in place; what finds no match stays as it is.

    Raises:
        ArchError: nothing fits.
    """
    found = copy_weights(model.state_dict(), trace, source, reshape)
    if not found.kept:
        raise ArchError(
            f"no weight of {source.source} fits this network",
            help="are they of another kind of network? --reshape, or `reshape` in the word `init`, takes other widths"
            if not reshape
            else "they are of another kind of network",
        )
    model.load_state_dict(found.state)
    return found


@dataclass(frozen=True, slots=True)
class Begun:
    """Which of a model's tensors come from another net, and what is to be said about it."""

    kept: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def begin(model: nn.Module, init: Init | None, trace: Callable[[], Trace]) -> Begun:
    """Give the model the weights that the word ``init`` names, if it is in the text.

    Args:
        trace: asked for the traced network of the model where there are weights to bring.

    Raises:
        ArchError: nothing fits.
        EnvError: the source is not there, or holds other weights than the text says.
    """
    if init is None:
        return Begun()
    found = transferred(model, trace(), read_weights(init.source, init.sha), init.reshape)
    return Begun(found.kept, (*_mostly_new(found), summary(found), *found.notes))


def _mostly_new(found: Transfer) -> tuple[str, ...]:
    """A warning where less than half of a network begins with the weights that were brought."""
    totals = found.totals
    new, every = totals["new"], sum(totals[s] for s in BEGUN_WITH)
    if 2 * new <= every:
        return ()
    share = f"{new:,} of {every:,} parameters are new"
    return (f"warning: most of the network does not begin with {found.source}: {share}; `archdsl transfer` lists them",)


def summary(found: Transfer) -> str:
    """The transfer in a few words."""
    totals = found.totals
    parts = [f"{totals[s]:,} {s}" for s in BEGUN_WITH if totals[s]]
    return f"begins with {found.source} ({found.sha}): {', '.join(parts)} parameters"
