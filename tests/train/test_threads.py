from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archdsl.accelerate import threads
from archdsl.accelerate.plan import PLAIN
from archdsl.accelerate.threads import LONG_SPINS, SPINS, kept_threads, yield_cores
from archdsl.settings.experiment import TrainSettings
from archdsl.train.fit import fit

from .nets import experiment, small_net


def test_waiting_threads_spin_for_a_moment_and_then_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "")
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    yield_cores()
    assert os.environ["GOMP_SPINCOUNT"] == SPINS
    monkeypatch.delenv("GOMP_SPINCOUNT")


@pytest.mark.parametrize(
    ("running", "spins"),
    [(["1/90"] * 5, LONG_SPINS), (["2/90"] * 5, SPINS), (["1/90", "2/90"] * 3, LONG_SPINS), (["?"], SPINS)],
)
def test_a_short_command_waits_longer_where_nothing_else_runs(
    running: list[str], spins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    said = iter(running)
    monkeypatch.setattr(Path, "read_text", lambda self: f"0.1 0.2 0.3 {next(said)} 123")
    monkeypatch.setattr(threads, "PAUSE", 0)
    yield_cores(short=True)
    assert os.environ["GOMP_SPINCOUNT"] == spins
    monkeypatch.delenv("GOMP_SPINCOUNT")


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")])
def test_a_users_own_setting_stays(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "")
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv(name, value)
    yield_cores()
    assert os.environ[name] == value
    assert os.environ.get("GOMP_SPINCOUNT") == (value if name == "GOMP_SPINCOUNT" else None)


def test_a_run_of_fewer_threads_leaves_the_next_one_of_the_process_all(tmp_path: Path) -> None:
    """A notebook trains several nets, and each one's plan is chosen for the threads of the machine."""
    settings = TrainSettings(epochs=1, batch=64)
    with kept_threads():
        torch.set_num_threads(3)
        fit(small_net(), experiment(settings, 64), out=tmp_path, device="cpu", plan=replace(PLAIN, threads=1))
        assert torch.get_num_threads() == 3
