from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from archdsl.study.execute.cell import train_cell
from archdsl.study.execute.messages import More, RunOptions, RunRequest, RunResult

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
