from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from archdsl.search.carry_out import Search
from archdsl.search.plan import Asked, planned, search_of
from archdsl.study.execute.cell import train_cell
from archdsl.study.execute.messages import More, RunOptions, RunRequest, RunResult

MANY = 9  # candidates
SPACE = """\
net conv({width: 2 | 3 | 4}, s=4) {norm: bn | } relu gap linear(10)
data fashion-mini subset(80) valid(25%)
train sgd({lr: 5e-3..0.5 log}) epochs(4) batch(20)
"""


@dataclass
class Here:
    """An engine in this process: one run after the other, the last request first if ``backwards``; it is interrupted after
    ``most`` runs.
    """

    options: RunOptions
    many: int = 2
    backwards: bool = False
    most: int = 10_000

    def run(self, requests: Sequence[RunRequest], more: More | None = None) -> Iterator[RunResult]:
        waiting: list[RunRequest] = [*requests]
        while True:
            if more is not None and len(waiting) < self.many:
                waiting += more(self.many - len(waiting))
            if not waiting:
                return
            if not self.most:
                raise KeyboardInterrupt
            self.most -= 1
            yield train_cell(waiting.pop(-1 if self.backwards else 0), self.options, lambda epoch, share, *warned: None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a space, `space.arch`, whose arms train in a tenth of a second."""
    (tmp_path / "space.arch").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def search(place: Path, runs: str = "runs", parallel: int = 4, **asked: object) -> Search:
    """A search of the space, before its first job."""
    given = Asked(**{"space": str(place / "space.arch"), "rungs": "1,2,4", **asked})  # type: ignore[arg-type]
    options, candidates = planned(given, "space", place / runs)
    return search_of(replace(options, parallel=parallel), candidates, place / runs, MANY)


def engine(place: Path, runs: str = "runs", **how: object) -> Here:
    return Here(RunOptions(str(place / runs), device="cpu", precision="fp32"), **how)  # type: ignore[arg-type]


def facts(found: Search) -> object:
    """All that a search decided and found."""
    return found.order.jobs, found.order.learnt, [c.label for c in found.candidates.every]
