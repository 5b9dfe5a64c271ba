"""The difference of two arms on a test set, and on new images: two claims with two intervals.

Seeds vary, and so do the images that happen to be in a test set. Runs of one arm differ on a fixed test set although they
hardly differ on its distribution (Jordan 2023, arXiv:2304.01910). With D_ij = 1, 0 or -1 the difference of two arms on
seed i and image j, seeds and images are crossed random effects, D_ij = mu + s_i + t_j + e_ij, and the mean of n seeds
and m images has the variance

    V = var(s) / n + var(t) / m + var(e) / (n m),

estimated without bias by (MS_seeds + MS_images - MS_rest) / (n m), the mean squares of a two-way table (Cornfield & Tukey
1956, Annals of Mathematical Statistics 27:907-949). It needs neither equal variances nor normal effects. It is what the
pigeonhole bootstrap (Owen & Eckles 2012, arXiv:1106.2125) aims at from above, without its draws. Where a component is
negative it counts as 0, so that V is at least what seeds alone, or images alone, give. Degrees of freedom are those of
Satterthwaite (1946), rounded down.

The number of seeds is fixed in advance in ``image_difference``: its intervals are not valid where a study is stopped by what it
shows. ``anytime_bounds`` are. The images are drawn once, before the first seed, so that only the seeds' part is sequential: with
mu(T) the difference on these images, the confidence sequence holds mu(T) at all looks, and mu(T) - mu = mean of t_j is one normal
error of variance var(t) / m. Each has half of the level (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from archdsl.study.stats.interval import t_quantile
from archdsl.study.stats.sequential import half_width

if TYPE_CHECKING:
    from archdsl.runs.correct import Bools


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """Two arms on ``seeds`` shared seeds and ``images`` test images; accuracies and their differences are fractions.

    ``delta`` is the mean of A - B. ``low`` to ``high`` holds the difference on these images where seeds are drawn again;
    ``new_low`` to ``new_high`` holds it where both seeds and images are. ``sd_seeds`` and ``sd_images`` are the standard
    errors of ``delta`` that come from seeds alone, and from images alone. What is undefined is None: all below two seeds or two
    images, and an interval without spread.
    """

    seeds: int
    images: int
    delta: float
    sd_seeds: float | None = None
    sd_images: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    new_low: float | None = None
    new_high: float | None = None


def image_difference(a: Bools, b: Bools, alpha: float = 0.05) -> ImageDifference:
    """Compare two arms by which images each seed classified correctly.

    Args:
        a, b: shape (seeds, images); row i of both is of one seed, column j of both is one image.
        alpha: the intervals are of level 1 - alpha.

    Raises:
        ValueError: the shapes differ, or are empty; alpha is not in (0, 1).
    """
    if a.shape != b.shape or a.ndim != 2 or not a.size:
        raise ValueError(f"two arms need equal arrays (seeds, images), not {a.shape} and {b.shape}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
    n, m = a.shape
    rows, columns, squares = _sums(a, b)
    total = sum(rows)
    delta = total / (n * m)
    if min(n, m) < 2:
        return ImageDifference(n, m, delta)
    # Whole numbers: n m times each sum of squares. Neither order nor size costs a bit.
    between_seeds = n * sum(r * r for r in rows) - total * total
    between_images = m * sum(c * c for c in columns) - total * total
    rest = n * m * squares - between_seeds - between_images - total * total
    cells = (n * m) ** 2
    by_seeds, by_images = between_seeds / (n - 1) / cells, between_images / (m - 1) / cells
    unexplained = rest / ((n - 1) * (m - 1)) / cells
    both = max(by_seeds + by_images - unexplained, by_seeds, by_images)
    if not both:
        return ImageDifference(n, m, delta)
    spread = by_seeds**2 / (n - 1) + by_images**2 / (m - 1) + unexplained**2 / ((n - 1) * (m - 1))
    df = max(min(n, m) - 1, math.floor(both**2 / spread))
    half, new = (t_quantile(f, 1 - alpha / 2) * math.sqrt(v) for f, v in ((n - 1, by_seeds), (df, both)))
    return ImageDifference(
        n,
        m,
        delta,
        math.sqrt(by_seeds),
        math.sqrt(by_images),
        math.sqrt(both),
        delta - half if half else None,
        delta + half if half else None,
        delta - new,
        delta + new,
    )


def anytime_bounds(
    n: int, delta: float, sd: float | None, sd_images: float | None, alpha: float
) -> tuple[float | None, float | None]:
    """The interval on new images of level 1 - alpha that is valid at any look; None where it is unbounded.

    Args:
        n, delta, sd: the seeds' differences on these images: how many, their mean and standard deviation.
        sd_images: the standard error of ``delta`` that comes from images, ``ImageDifference.sd_images``. It has the noise of
            the seeds in it, too, and so is rather too large.
    """
    half = None if sd is None or sd_images is None else half_width(n, sd, alpha / 2)
    if half is None or sd_images is None:
        return None, None
    half += NormalDist().inv_cdf(1 - alpha / 4) * sd_images
    return delta - half, delta + half


def _sums(a: Bools, b: Bools) -> tuple[list[int], list[int], int]:
    """Of the differences: the sum of each seed, the sum of each image, and the sum of all squares."""
    import numpy as np

    differences = a.astype(np.int8) - b.astype(np.int8)
    rows, columns = (differences.sum(axis=axis, dtype=np.int64).tolist() for axis in (1, 0))
    return rows, columns, int((a != b).sum())
