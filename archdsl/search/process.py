"""A Gaussian process over points and rungs (Rasmussen & Williams 2006), small enough to be asked thousands of times.

A value is f(x, r) = g(x) + h(x, r) + c(r) + noise: g is what all rungs share, h what a rung has of its own, c the level of a
rung. g and h are Matérn-5/2 with a length for each dimension (Snoek et al. 2012, arXiv:1206.2944); of choices without an order
the distance is 0 or 1 (Hutter et al. 2011). Lengths, variances and noise are those of the largest posterior density.
"""

from __future__ import annotations

import math
from typing import Any

LEVELS = 4.0  # the variance of c, in the unit of the values
JITTER = 1e-8
# Means and standard deviations of the normal priors on the logarithms of: an inverse squared length, the variances of g and h,
# and the noise.
INVERSE, SHARED, OWN, NOISE = (0.0, 1.5), (0.0, 1.0), (-1.6, 1.0), (-2.0, 1.0)
BOUND = 6.0  # of every logarithm
STEPS = 15  # of a fit, which begins where the last one ended


class Process:
    """Fitted to values of about unit scale.

    Args:
        choices: of each dimension, how many choices without an order it has; 0 where its numbers have an order. These are
            about in [0, 1], and choices are numbered from 0; −1 is one more choice.
    """

    def __init__(self, choices: tuple[int, ...]) -> None:
        import numpy as np

        many = len(choices)
        self.choices = choices
        # The dimension of each feature: numbers are one, and choices have one each.
        self._owner = np.repeat(np.arange(many), [n + 1 if n else 1 for n in choices])
        self._mean = np.array([INVERSE[0]] * many + [SHARED[0], OWN[0], NOISE[0]])
        self._sd = np.array([INVERSE[1]] * many + [SHARED[1], OWN[1], NOISE[1]])
        self.logs = self._mean.copy()

    def fit(self, x: Any, rungs: Any, y: Any) -> None:
        """Choose lengths, variances and noise.

        Args:
            x: (N, D) points.
            rungs: (N,) numbers.
            y: (N,) values.
        """
        import numpy as np
        from scipy.linalg import cho_solve
        from scipy.optimize import minimize

        n, many = len(y), len(self.choices)
        apart, same = self._apart(x), (rungs[:, None] == rungs[None, :]).astype(float)
        unit = np.eye(n)

        def cost(logs: Any) -> tuple[float, Any]:
            inverse, (shared, own, noise) = np.exp(logs[:many]), np.exp(logs[many:])
            r = np.sqrt(5.0 * np.tensordot(inverse, apart, 1))
            near, slope = _matern(r), -(5.0 / 6.0) * (1.0 + r) * np.exp(-r)  # in squared distances
            scale = shared + own * same
            try:
                low = np.linalg.cholesky(near * scale + LEVELS * same + (noise + JITTER) * unit)
            except np.linalg.LinAlgError:
                return math.inf, np.zeros_like(logs)
            alpha = cho_solve((low, True), y)
            outer = cho_solve((low, True), unit) - np.outer(alpha, alpha)
            off = (logs - self._mean) / self._sd
            value = 0.5 * y @ alpha + np.log(np.diag(low)).sum() + 0.5 * (off**2).sum()
            along = np.tensordot(apart, outer * slope * scale, 2) * inverse
            parts = [(outer * near).sum() * shared, (outer * near * same).sum() * own, np.trace(outer) * noise]
            return float(value), 0.5 * np.concatenate([along, parts]) + off / self._sd

        bounds = [(-BOUND, BOUND)] * len(self.logs)
        found = minimize(
            cost, self.logs, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS, "maxfun": 2 * STEPS}
        )
        if math.isfinite(found.fun):
            self.logs = found.x

    def condition(self, x: Any, rungs: Any, y: Any) -> None:
        """Take the values that predictions rest on; as in ``fit``."""
        import numpy as np
        from scipy.linalg import cho_solve

        self._x, self._rungs = self._features(x), rungs
        kernel = self._noisy(self._kernel(self._x, self._x, rungs[:, None] == rungs[None, :]))
        self._low = np.linalg.cholesky(kernel)
        self._alpha = cho_solve((self._low, True), y)
        self._count = len(y)

    def suppose(self, x: Any, rung: int) -> None:
        """Suppose that points (M, D) give on a rung what is expected of them: no mean changes, and spreads near them become
        smaller. It takes the place of an earlier supposition.
        """
        import numpy as np
        from scipy.linalg import solve_triangular

        n = self._count
        known, rungs, low, alpha = self._x[:n], self._rungs[:n], self._low[:n, :n], self._alpha[:n]
        self._x, self._rungs, self._low, self._alpha = known, rungs, low, alpha
        many = len(x)
        if not many:
            return
        more = self._features(x)
        across = solve_triangular(
            low, self._kernel(more, known, (rungs == rung)[None, :]).T, lower=True, check_finite=False
        ).T
        corner = np.linalg.cholesky(self._noisy(self._kernel(more, more, np.ones((1, many)))) - across @ across.T)
        self._x, self._rungs = np.concatenate([known, more]), np.concatenate([rungs, np.full(many, rung)])
        self._low = np.zeros((n + many, n + many))
        self._low[:n, :n], self._low[n:, :n], self._low[n:, n:] = low, across, corner
        self._alpha = np.concatenate([alpha, np.zeros(many)])

    def _noisy(self, kernel: Any) -> Any:
        import numpy as np

        kernel[np.diag_indices(len(kernel))] += math.exp(self.logs[-1]) + JITTER
        return kernel

    def predict(self, x: Any, rung: int, spread: bool = True) -> tuple[Any, Any]:
        """Mean and standard deviation, without the noise, at points (M, D) on a rung; the second is None unless asked for."""
        import numpy as np
        from scipy.linalg import solve_triangular

        kernel = self._kernel(self._features(x), self._x, (self._rungs == rung)[None, :])
        mean = kernel @ self._alpha
        if not spread:
            return mean, None
        half = solve_triangular(self._low, kernel.T, lower=True, check_finite=False)
        most = math.exp(self.logs[-3]) + math.exp(self.logs[-2]) + LEVELS
        return mean, np.sqrt(np.maximum(most - (half * half).sum(0), 1e-10))

    def _features(self, x: Any) -> Any:
        """Points such that the squared distance along a dimension is 1 between different choices, scaled by lengths."""
        import numpy as np

        columns = [x[:, [n]] if not many else _one_of(x[:, n], many) for n, many in enumerate(self.choices)]
        return np.concatenate(columns, axis=1) * np.exp(0.5 * self.logs[self._owner])

    def _apart(self, x: Any) -> Any:
        """The squared distances of points along each dimension, (D, N, N)."""
        import numpy as np

        off = x.T[:, :, None] - x.T[:, None, :]
        return np.where(np.array(self.choices)[:, None, None] > 0, off != 0, off * off)

    def _kernel(self, a: Any, b: Any, same: Any) -> Any:
        """The covariance of points with others, as ``_features`` gives them."""
        import numpy as np

        many = len(self.choices)
        found, products = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :], a @ b.T
        products *= 2.0
        found -= products
        np.maximum(found, 0.0, out=found)
        found *= 5.0
        found = _matern(np.sqrt(found, out=found))
        shared, own = np.exp(self.logs[many : many + 2])
        found *= shared + own * same
        found += LEVELS * same
        return found


def _one_of(column: Any, many: int) -> Any:
    """A feature a choice, the last of them for −1."""
    import numpy as np

    return (column[:, None] == np.array([*range(many), -1])[None, :]) * math.sqrt(0.5)


def _matern(r: Any) -> Any:
    """The Matérn-5/2 correlation at √5 times the scaled distances."""
    import numpy as np

    found = r / 3.0
    found += 1.0
    found *= r
    found += 1.0
    found *= np.exp(-r)
    return found
