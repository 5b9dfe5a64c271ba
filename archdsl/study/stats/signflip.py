"""The exact paired sign-flip test of a mean difference (Fisher 1935), and Holm's correction (1979)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archdsl.study.stats.interval import finite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXACT_UP_TO = 20
DRAWS = 100_000
SEED = 0

# Sums that differ by less than this share of all |deltas| are ties: they differ by rounding alone. The differences of
# 20 accuracies over 10,000 images step by 5e-6 of it or more.
TIE = 1e-9


def signflip(deltas: Sequence[float]) -> float:
    """Two-sided p of the mean of paired differences, under flips of their signs.

    Exact up to 20 differences other than zero; beyond that by 100,000 seeded draws, as (b + 1) / (m + 1)
    (Phipson & Smyth 2010). No differences, or nothing but zeros, give 1.0. ValueError for one that is not finite.
    """
    import numpy as np

    # The null distribution knows the sizes alone: sorted, they give one p for every order, and for -deltas too.
    # A zero stays itself when flipped, so that leaving it out changes nothing.
    kept = finite(deltas)
    sizes = sorted(abs(delta) for delta in kept if delta)
    if not sizes:
        return 1.0
    observed = abs(math.fsum(kept))
    if len(sizes) <= EXACT_UP_TO:
        return float(exact_ps(np.array([sizes]), np.array([observed]))[0])
    return _drawn_p(np.array(sizes), observed)


def exact_ps(sizes: Floats, observed: Floats) -> Floats:
    """The exact p of each row: `sizes` of shape (rows, n) are |deltas|, `observed` of shape (rows,) |sums of deltas|.

    Takes rows x 2^(n - 1) floats: a sum and its negative are equally far out, so that the first sign can stay +.
    """
    import numpy as np

    sums = sizes[:, :1]
    for place in range(1, sizes.shape[1]):
        step = sizes[:, place : place + 1]
        sums = np.concatenate([sums + step, sums - step], axis=1)
    least = observed - TIE * sizes.sum(axis=1)
    return _share(np.abs(sums, out=sums) >= least[:, None])


def _share(hits: Any) -> Floats:
    import numpy as np

    return np.asarray(hits.mean(axis=1), dtype=np.float64)


def _drawn_p(sizes: Floats, observed: float) -> float:
    import numpy as np

    rng = np.random.default_rng(SEED)
    sums = np.zeros(DRAWS)
    for size in sizes:
        sums += size * (2.0 * rng.integers(0, 2, DRAWS, dtype=np.int8) - 1.0)
    hits = int(np.count_nonzero(np.abs(sums) >= observed - TIE * sizes.sum()))
    return (hits + 1) / (DRAWS + 1)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p values adjusted for all of them together (Holm 1979), in the order given.

    Rejecting where the adjusted p is <= alpha keeps the chance of any false rejection at alpha or below, whatever
    the dependence between the tests. None (a test that could not be made) stays None and does not count.
    """
    places = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(places):
        highest = max(highest, min(1.0, (len(places) - rank) * p))
        adjusted[place] = highest
    return adjusted
