from __future__ import annotations

from pathlib import Path

import pytest

TINY = "net conv(4, s=4) {norm: bn | } relu gap linear(10)\ndata fashion-mini subset(64)\ntrain sgd(0.05) epochs(2) batch(32)\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a spec of one hole, `tiny.arch`, that trains in a tenth of a second."""
    (tmp_path / "tiny.arch").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    return tmp_path
