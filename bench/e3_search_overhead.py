"""E3: what a search takes for each trial beside training: proposal, check of the arm, record.

    python bench/e3_search_overhead.py [--trials 1000] [--rungs 1,3,9] [--sampler tpe]

Runs give a made-up score at once and nothing is trained, so that all that is measured is the search itself. Times are of the
processor, of one process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from archdsl.search.candidates import Candidate
from archdsl.search.halving import rungs_of
from archdsl.search.order import Score
from archdsl.search.plan import Asked, planned, search_of
from archdsl.study.execute.messages import More, RunRequest, RunResult

SPACE = """
net vgg[{width: 4..64 log}x{layers: 1..3}, {wide: 8..64 log}x1] {norm: | +bn | +ln} gap {drop: | drop({p: 0.1..0.5 uniform})}
    linear(classes)
data fashion-mini valid(20%)
train {opt: adam({lr: 1e-4..1e-1 log}) | sgd({rate: 1e-3..1 log})} {wd: | wd(1e-4)} epochs(9) batch(64)
"""


class Made:
    """Scores that depend on the candidate alone."""

    objectives = ()

    def __init__(self, known: set[str]) -> None:
        self.known = known

    def score(self, candidate: Candidate, rung: int) -> Score | None:
        if f"{candidate.key}@{rung}" not in self.known:
            return None
        value = int(candidate.key[:8], 16) / 2**32
        return Score((-value - 0.1 * rung,))


class Instant:
    """An engine whose runs end at once."""

    def __init__(self, known: set[str], rungs: tuple[int, ...]) -> None:
        self.known, self.rungs = known, rungs

    def run(self, requests: Sequence[RunRequest], more: More | None = None) -> Iterator[RunResult]:
        while more is not None and (given := more(2)):
            for request in given:
                key, _, epochs = request.key.partition("@")
                self.known.add(f"{key}@{self.rungs.index(int(epochs))}")
                yield RunResult(request.key, "finished")


def main() -> None:
    """Search with made-up scores, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rungs", default="1,3,9")
    parser.add_argument("--sampler", default="tpe")
    given = parser.parse_args()
    rungs = rungs_of(given.rungs)
    with TemporaryDirectory() as folder:
        options, candidates = planned(Asked(SPACE, rungs=given.rungs, sampler=given.sampler), "overhead", Path(folder))
        options = type(options)(**{**options.__dict__, "parallel": 4})
        search = search_of(options, candidates, Path(folder), given.trials)
        known: set[str] = set()
        search.scores = Made(known)  # type: ignore[assignment]
        began, marks = time.process_time(), []
        original = candidates.propose

        def propose() -> int | None:
            before = time.process_time()
            found = original()
            marks.append(time.process_time() - before)
            return found

        candidates.propose = propose  # type: ignore[method-assign]
        search.run(Instant(known, rungs))
        total = time.process_time() - began
    jobs, n = len(search.order.learnt), len(candidates.every)
    last = marks[-100:]
    print(
        f"{n:,} candidates, {jobs:,} jobs: {1e3 * total / jobs:.2f} ms a job, {1e3 * total / n:.2f} ms a candidate; "
        f"proposals {1e3 * sum(marks) / n:.2f} ms, the last hundred {1e3 * sum(last) / len(last):.2f} ms"
    )


if __name__ == "__main__":
    main()
