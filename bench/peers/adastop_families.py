"""AdaStop's decisions on families of runs: JSON on standard input and output, with a Python that has `adastop`.

In: families, each a list of arms of 40 runs, the reference first. Out: for each family, of all arms but the reference, the sign
of the decision (0: equal) and the runs that were used. The argument is alpha.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from adastop import MultipleAgentsComparator

GROUP, GROUPS, PERMUTATIONS = 5, 8, 1000


def decided(runs: list[list[float]], alpha: float, seed: int) -> tuple[list[int], list[int]]:
    """Signs and runs of one family."""
    pairs = np.array([(0, k) for k in range(1, len(runs))])
    test = MultipleAgentsComparator(GROUP, GROUPS, PERMUTATIONS, pairs, alpha, 0.0, seed)
    used = [0] * len(runs)
    for look in range(1, GROUPS + 1):
        active = {int(k) for pair in test.current_comparisons for k in pair}
        for k in active:
            used[k] = look * GROUP
        values = {str(k): np.array(row[: used[k] or GROUP]) for k, row in enumerate(runs)}
        test.partial_compare(values, verbose=False)
        if test.is_finished:
            break
    signs = {"smaller": 1, "larger": -1}  # of the reference
    return [signs.get(test.decisions[str(pair)], 0) for pair in pairs], used[1:]


if __name__ == "__main__":
    print(json.dumps([decided(runs, float(sys.argv[1]), seed) for seed, runs in enumerate(json.load(sys.stdin))]))
