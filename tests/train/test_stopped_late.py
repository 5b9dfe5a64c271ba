"""A signal while a net is evaluated, not trained: the run stops at once, and goes on to the bits of the straight one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from archdsl.runs.events import EpochDone, Finished, Progress, Resumed, Stopped
from archdsl.runs.run import Run
from archdsl.settings.experiment import TrainSettings
from archdsl.train import loop
from archdsl.train.loop import Training
from archdsl.train.signals import Interrupted
from archdsl.words.train.optimizers import Sgd
from tests.train.nets import job
from tests.train.test_resume import go, sha

NET = "net conv(4) bn relu gap linear(classes)\n"
DATA = "data fashion-mini subset(160) valid(25%) flip\n"
KEPT = {
    "ema": "train sgd(0.05) epochs(3) batch(40) ema(0.8)",
    "best": "train adam(0.05) epochs(3) batch(40) patience(2)",
    "best of ema": "train adam(0.05) epochs(3) batch(40) ema(0.8) patience(2)",
    "precise_bn": "train sgd(0.05) epochs(3) batch(40) precise_bn",
    "ema and precise_bn": "train sgd(0.05) epochs(3) batch(40) ema(0.8) precise_bn(80)",
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Run, list[object]]]:
    """The run that nobody stops, and what it says; each made once."""

    @cache
    def made(text: str) -> tuple[Run, list[object]]:
        heard: list[object] = []
        return go(text, tmp_path_factory.mktemp("straight"), listen=heard.append), heard

    return made


def struck(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """SIGINT as the ``at``-th evaluation of this process begins."""
    real, seen = loop.evaluate, [0]

    def evaluate(*args, **more):
        seen[0] += 1
        if seen[0] == at:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*args, **more)

    monkeypatch.setattr(loop, "evaluate", evaluate)


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("at", [2, 4], ids=["validation", "test"])
def test_stopped_within_an_evaluation(
    kept: str, at: int, undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = NET + DATA + KEPT[kept]
    expected, straight = undisturbed(text)
    heard: list[object] = []
    with monkeypatch.context() as patch:
        struck(patch, at)
        with pytest.raises(Interrupted):
            go(text, tmp_path / "stopped", listen=heard.append)
    assert isinstance(heard[-1], Stopped)
    run = go(text, tmp_path / "stopped", listen=heard.append)
    assert sha(run) == sha(expected)
    same = ("status", "step", "train_accuracy", "valid_accuracy", "best_epoch", "test_loss", "test_accuracy", "why")
    assert {k: run.result[k] for k in same} == {k: expected.result[k] for k in same}
    epochs = [[(e.epoch, e.loss, e.valid_loss) for e in all_ if isinstance(e, EpochDone)] for all_ in (heard, straight)]
    assert epochs[0] == epochs[1], "each epoch is judged once"


def test_stopped_at_each_evaluation_in_turn(undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one of every process, until there is none left."""
    text = NET + DATA + KEPT["best of ema"]
    for _ in range(20):
        with monkeypatch.context() as patch:
            struck(patch, 2)  # the first one is let go on, or nothing would ever be done
            try:
                run = go(text, tmp_path / "stopped")
            except Interrupted:
                continue
            break
    assert sha(run) == sha(undisturbed(text)[0])


LATE = """net conv(4) bn relu res(conv(4) bn droppath(0.4, early)) drop(0.4, late) conv(4) bn relu gap linear(classes)
data fashion-mini subset(160) flip
train sgd(0.05) epochs(2) batch(40) precise_bn(80)"""


def test_exact_statistics_behind_dropout_are_those_of_the_straight_run(
    undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on after its last step makes no step in its process, which would seed the draws and set the rates."""
    with monkeypatch.context() as patch:
        struck(patch, 1)
        with pytest.raises(Interrupted):
            go(LATE, tmp_path)
    torch.manual_seed(4711)
    assert sha(go(LATE, tmp_path)) == sha(undisturbed(LATE)[0])


def test_a_part_that_was_frozen_to_the_end_keeps_its_statistics(tmp_path: Path) -> None:
    """The run ends in the last epoch of the freezing, and the next one would train the part."""
    text = """net stem: (conv(4) bn relu) conv(4) bn relu gap linear(classes)
data fashion-mini subset(160)
train sgd(0.05) epochs(9) batch(40) freeze(stem, until=2) converged(1000) precise_bn"""
    run = go(text, tmp_path)
    assert run.result["epochs"] == 2
    kept = run.state()
    assert torch.equal(kept["stem.bn.running_mean"], torch.zeros(4))
    (other,) = (k for k in kept if k.endswith("bn.running_mean") and not k.startswith("stem"))
    assert not torch.equal(kept[other], torch.zeros(4))


EVERY = """net conv(4) relu gap linear(classes)
data fashion-mini subset(120) valid(25%)
train sgd(0.1) epochs(2) batch(30) cosine evaluate_every(1)"""


@pytest.mark.parametrize("at", [4, 5, 6], ids=["validation", "test", "training"])
def test_an_epoch_that_was_stopped_in_its_evaluation_is_logged_as_it_was(
    at: int, undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = [e for e in undisturbed(EVERY)[1] if isinstance(e, EpochDone)]
    heard: list[object] = []
    with monkeypatch.context() as patch:
        struck(patch, at)
        with pytest.raises(Interrupted):
            go(EVERY, tmp_path, listen=heard.append)
    go(EVERY, tmp_path, listen=heard.append)
    first, last = (e for e in heard if isinstance(e, EpochDone))
    assert [e.epoch for e in heard if isinstance(e, Resumed)] == [2]
    assert [(e.lr, e.figures) for e in (first, last)] == [(e.lr, e.figures) for e in straight]
    assert last.figures["grad_norm"] > 0
    assert last.images_per_second == pytest.approx(90 / last.seconds)


def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes a second, and nothing else takes time."""
    now, real = [0.0], Training._step

    def step(self: Training, *args) -> None:
        real(self, *args)
        now[0] += 1

    monkeypatch.setattr(Training, "_step", step)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now[0])


@pytest.mark.parametrize("at", [2, 4, 6], ids=["within an epoch", "behind its last step", "within the next one"])
@pytest.mark.parametrize("killed", [True, False])
def test_the_time_of_an_epoch_that_was_not_trained_in_one_go_counts(
    at: int, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the checkpoint from which it is resumed."""
    timed(monkeypatch)
    settings = TrainSettings(Sgd(0.1, 0.9, False), epochs=2, batch=12, evaluate_every=1)

    def told(events: list[object]) -> list[object]:
        (end,) = (e for e in events if isinstance(e, Finished))
        each = [(e.seconds, e.images_per_second, e.figures) for e in events if isinstance(e, EpochDone)]
        return [*each, end.seconds, end.images_per_second]

    straight = list(Training(job(settings)).events())
    assert told(straight)[0][:2] == (4, 12)
    first = Training(job(settings, every=0.0, stop=lambda: not killed and first.state.step == at))
    heard: list[object] = []
    for event in first.events():
        heard.append(event)
        if isinstance(event, Progress) and killed and event.step == at:
            break
    kept = json.loads(json.dumps(first.checkpoint()[1]))
    second = Training(job(settings))
    second.load(first.checkpoint()[0], kept)
    assert told([*heard, *second.events()]) == told(straight)
