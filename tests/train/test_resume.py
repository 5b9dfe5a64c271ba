"""A run that goes on from any step ends in the bits of the straight run, whatever it has to carry over."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from archdsl.accelerate.plan import Plan
from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.runs.events import EpochDone, Resumed, Started, Stopped, TimedOut
from archdsl.runs.identify import identified
from archdsl.runs.index import status
from archdsl.runs.run import Run, find_run, load_run
from archdsl.train.fit import fit
from archdsl.train.job import Job
from archdsl.train.loop import Training
from archdsl.train.signals import Interrupted
from tests.fuzz.kill_train import SPECS


def sha(run: Run) -> str:
    return hashlib.sha256(run.weights.read_bytes()).hexdigest()


def go(text: str, out: Path, **more) -> Run:
    spec = load(text)
    return fit(build(spec.trace), experiment_of(spec), out=out, device="cpu", speed="plain", **more)


@pytest.mark.parametrize("name", SPECS)
def test_stopped_at_several_steps_it_ends_in_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sha(go(SPECS[name], tmp_path / "straight"))
    stops = [3, 7, 20]  # within the first epoch, and within later ones
    real = Training._step

    def step(self: Training, *args: object) -> None:
        real(self, *args)
        if stops and self.state.step == stops[0]:
            stops.pop(0)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Training, "_step", step)
    heard: list[object] = []
    for at in (3, 7, 20):
        with pytest.raises(Interrupted):
            go(SPECS[name], tmp_path / "stopped", listen=heard.append)
        assert isinstance(heard[-1], Stopped)
        assert heard[-1].step == at
    run = go(SPECS[name], tmp_path / "stopped", listen=heard.append)
    assert [e.step for e in heard if isinstance(e, Resumed)] == [3, 7, 20]
    assert sha(run) == expected
    assert run.result["status"] == "finished"


def test_a_finished_run_is_given_not_repeated(tmp_path: Path) -> None:
    heard: list[object] = []
    first = go(SPECS["ode"], tmp_path)
    again = go(SPECS["ode"], tmp_path, listen=heard.append)
    assert not heard
    assert again.result == first.result
    anew = go(SPECS["ode"], tmp_path, listen=heard.append, again=True)
    assert isinstance(heard[0], Started)
    assert sha(anew) == sha(first)


@pytest.mark.holds("timelimit")
def test_a_limit_on_the_time_leaves_a_run_to_go_on_with(tmp_path: Path) -> None:
    text = SPECS["augment"]
    expected = sha(go(text, tmp_path / "straight"))
    run = go(text, tmp_path / "limited", limit=1e-6)
    assert run.result["status"] == "timeout"
    assert not run.done
    heard: list[object] = []
    run = go(text, tmp_path / "limited", listen=heard.append)
    assert run.result["status"] == "finished"
    assert sha(run) == expected


@pytest.mark.holds("patience")
def test_patience_gives_the_best_weights_back(tmp_path: Path) -> None:
    heard: list[EpochDone] = []
    text = SPECS["stopping"].replace("epochs(8)", "epochs(60)").replace("adam(0.02)", "adam(0.05)")
    run = go(text, tmp_path, listen=heard.append)
    done = [e for e in heard if isinstance(e, EpochDone)]
    best = min(done, key=lambda e: e.valid_loss)
    assert run.result["epochs"] == len(done) == best.epoch + 1 < 60
    assert run.result["best_epoch"] == best.epoch
    assert run.result["best_valid_accuracy"] == best.valid_accuracy
    assert "no better validation loss" in run.result["why"]


@pytest.mark.holds("converged")
def test_convergence_ends_a_run(tmp_path: Path) -> None:
    text = SPECS["ode"].replace("epochs(3)", "epochs(50) converged(0.2)")
    run = go(text, tmp_path)
    assert run.result["epochs"] < 50
    assert "training loss changed by less than 0.2" in run.result["why"]


@pytest.mark.holds("steps epochs")
def test_steps_cut_the_last_epoch_short(tmp_path: Path) -> None:
    run = go(SPECS["augment"].replace("epochs(3)", "epochs(9) steps(17)"), tmp_path)
    assert run.result["step"] == 17
    assert run.result["epochs"] == 2


@pytest.mark.holds("accumulate batch")
def test_a_step_of_several_batches_is_the_step_of_their_union(tmp_path: Path) -> None:
    text = """net conv(8) relu gap linear(classes)
data fashion-mini subset(240) flip crop(2)
train sgd(0.1) epochs(2) batch({})"""
    whole, parts = go(text.format(60), tmp_path), go(text.format("20) accumulate(3"), tmp_path)
    assert whole.result["step"] == parts.result["step"] == 8
    first, second = whole.state(), parts.state()
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-4, atol=1e-6)


def test_memory_that_does_not_suffice_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Training, *args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", step)
        heard: list[object] = []
        run = go(SPECS["augment"], tmp_path, listen=heard.append)
        assert type(heard[-1]).__name__ == "Oom"
        assert run.result is None or run.result["status"] == "oom"
    assert go(SPECS["augment"], tmp_path).result["status"] == "finished"


def test_the_job_counts_its_steps() -> None:
    spec = load(SPECS["mix"])
    settings = experiment_of(spec).train
    job = Job(None, range(600), None, range(10), None, (), settings)
    assert (job.group, job.per_epoch, job.steps, job.epochs) == (50, 12, 36, 3)
    cut = replace(job, settings=replace(settings, steps=25))
    assert (cut.steps, cut.epochs) == (25, 3)


def slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a thirtieth of a second, of which a test can count how many fit into a limit."""
    real = Training._step

    def step(self: Training, *args: object) -> None:
        time.sleep(0.03)
        real(self, *args)

    monkeypatch.setattr(Training, "_step", step)


def test_a_limit_of_a_call_lets_each_call_get_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sha(go(SPECS["ode"], tmp_path / "straight"))
    slowed(monkeypatch)
    steps, status = [0], "timeout"
    while status == "timeout":
        run = go(SPECS["ode"], tmp_path / "limited", limit=0.1)
        steps.append(run.result["step"])
        status = run.result["status"]
        if status == "timeout":
            assert run.result["message"] == "the time limit of 0.1 s; the same command resumes it"
    assert len(steps) > 3
    assert all(b > a for a, b in pairwise(steps[:-1])), steps
    assert sha(run) == expected
    tiny = [go(SPECS["ode"], tmp_path / "tiny", limit=1e-6).result["step"] for _ in range(3)]
    assert tiny == [1, 2, 3], "however small the limit is"


@pytest.mark.holds("timelimit")
def test_the_limit_of_a_run_counts_all_calls_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch)
    text = SPECS["ode"].replace("epochs(3)", "epochs(3) timelimit(0.2)")
    first, again = go(text, tmp_path), go(text, tmp_path)
    assert first.result["step"] == again.result["step"] > 0
    heard: list[object] = []
    go(text, tmp_path, listen=heard.append)
    assert isinstance(heard[-1], TimedOut)
    assert heard[-1].of == "run"
    assert (
        "the run has had the training that `timelimit(0.2)` allows it; --time-limit SECONDS trains it on"
        in again.result["message"]
    )
    assert go(text, tmp_path, limit=60.0).result["status"] == "finished"


def test_how_a_call_ended_is_forgotten_once_the_run_goes_on(tmp_path: Path) -> None:
    """Else an interrupted run, or one that trains, still counts as one that ran out of time or of memory."""
    text, statuses = SPECS["ode"], list[str]()
    run = go(text, tmp_path, limit=1e-6)
    assert status(run) == "timeout"

    def hear(event: object) -> None:
        if isinstance(event, Resumed):
            statuses.append(status(load_run(run.folder)))
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        go(text, tmp_path, listen=hear)
    assert [*statuses, status(load_run(run.folder))] == ["running", "interrupted"]


class Broken(Exception):
    """What ends a run before its first checkpoint."""


def test_a_run_without_a_checkpoint_begins_by_the_options_of_the_new_call(tmp_path: Path) -> None:
    def breaks(event: object) -> None:
        if isinstance(event, EpochDone):
            raise Broken

    spec = load(SPECS["ode"])
    experiment, begun = experiment_of(spec), Plan(channels_last=True, threads=torch.get_num_threads())
    with pytest.raises(Broken):
        fit(build(spec.trace), experiment, out=tmp_path, device="cpu", plan=begun, listen=breaks)
    found = find_run(tmp_path, identified(experiment))
    assert found is not None
    assert found.plan == begun.record()
    run = fit(build(spec.trace), experiment, out=tmp_path, device="cpu")
    straight = fit(build(spec.trace), experiment, out=tmp_path / "straight", device="cpu")
    assert run.plan == straight.plan
    assert sha(run) == sha(straight)


def test_an_option_that_agrees_with_the_run_resumes_it(tmp_path: Path) -> None:
    """Threads and layout are measured again by a new run of that precision, and the one that is resumed has its own."""
    spec = load(SPECS["ode"])
    experiment, own = experiment_of(spec), Plan(channels_last=True, threads=torch.get_num_threads(), fused=True)
    run = fit(build(spec.trace), experiment, out=tmp_path, device="cpu", plan=own, limit=1e-6)
    again = fit(build(spec.trace), experiment, out=tmp_path, device="cpu", speed="fp32", compile="off")
    assert (again.folder, again.plan, again.result["status"]) == (run.folder, own.record(), "finished")
