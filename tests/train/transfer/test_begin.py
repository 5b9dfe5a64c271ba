"""A run that begins with another's weights: its hash, its record, resuming, and the words beside it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from archdsl.api import Spec, experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import EnvError
from archdsl.runs.events import EpochDone, Event, Started
from archdsl.runs.run import Run
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.train.fit import fit
from archdsl.train.loop import Training
from archdsl.train.signals import Interrupted
from tests.conftest import Cli

NET = "stem: (conv(4, s=2) bn relu) (conv(8, s=2) bn relu)*2 drop(0.1) gap head: linear(classes)"
LONGER = NET.replace("*2", "*3")
DATA = "fashion-mini subset(96)"
TRAIN = "sgd(0.05) epochs(2) batch(32)"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the shorter net, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return go(TRAIN, net=NET, out="runs")


def spec(train: str, net: str = LONGER, data: str = DATA) -> Spec:
    return load(f"net {net}\ndata {data}\ntrain {train}\n")


def go(train: str, net: str = LONGER, out: str = "new", heard: list[Event] | None = None, data: str = DATA) -> Run:
    known = spec(train, net, data)
    listen = heard.append if heard is not None else lambda event: None
    return fit(build(known.trace), experiment_of(known), out=out, device="cpu", speed="plain", listen=listen)


def sha(run: Run) -> str:
    return hashlib.sha256(run.weights.read_bytes()).hexdigest()


@pytest.mark.holds("init")
def test_the_run_begins_with_the_old_weights_and_says_so(old: Run) -> None:
    heard: list[Event] = []
    run = go(f'{TRAIN} init("{old.folder}") freeze(stem..block2)', heard=heard)
    kept, before = run.state(), old.state()
    same = [k for k in before if k.startswith(("stem", "block1", "block2")) and not k.endswith("tracked")]
    assert same
    assert all(torch.equal(kept[k], before[k]) for k in same)
    started = next(e for e in heard if isinstance(e, Started))
    assert any("begins with runs/" in note and "exact" in note for note in started.notes)
    assert 'sha="' in run.spec
    assert run.settings["train"]["init"]["sha"] in run.spec


def test_the_hash_is_that_of_the_content_wherever_it_lies(old: Run) -> None:
    plain, begun = spec(TRAIN), spec(f'{TRAIN} init("{old.folder}")')
    assert plain.hash != begun.hash
    shutil.copytree(old.folder, "elsewhere")
    moved = spec(f'{TRAIN} init("elsewhere")')
    assert moved.hash == begun.hash
    recorded = load(experiment_of(begun).text)
    assert recorded.hash == begun.hash
    assert load(recorded.canonical).canonical == recorded.canonical
    shutil.rmtree("elsewhere")
    assert load(experiment_of(begun).text.replace(str(old.folder), "elsewhere")).hash == begun.hash  # by its sha
    other = go(f"{TRAIN} seed(1)", net=NET, out="runs")
    assert spec(f'{TRAIN} init("{other.folder}")').hash != begun.hash
    assert spec(f'{TRAIN} init("{old.folder}", reshape)').hash != begun.hash


def test_other_content_than_was_recorded_is_refused(old: Run) -> None:
    text = experiment_of(spec(f'{TRAIN} init("{old.folder}")')).text
    other = go(f"{TRAIN} seed(1)", net=NET, out="runs")
    shutil.copyfile(other.weights, old.weights)
    known = load(text)
    with pytest.raises(EnvError, match="other weights than this experiment started with") as caught:
        fit(build(known.trace), experiment_of(known), out="new", device="cpu", speed="plain")
    assert caught.value.exit_code == 4
    assert not list(Path("new").glob("*"))


def test_a_source_that_is_not_there_stops_before_anything_is_written(old: Run) -> None:
    with pytest.raises(EnvError, match=r"there is no file gone\.pth"):
        go(f'{TRAIN} init("gone.pth")')
    assert not Path("new").exists()
    assert spec(f'{TRAIN} init("gone.pth")').hash  # which counting asks for


TUNED = (
    "ema(0.9) freeze(stem, until=1) layerdecay(0.5)",
    "spred(1e-4) freeze(stem..block1)",
    "patience(3) rate(stem, 0.1)",
)


@pytest.mark.parametrize("words", TUNED)
def test_stopped_and_resumed_it_ends_in_the_same_bits(words: str, old: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train = f'{TRAIN} init("{old.folder}") {words}'
    data = f"{DATA} valid(20%) flip"
    expected = sha(go(train, out="straight", data=data))
    stops = [1, 4]
    real = Training._step

    def step(self: Training, *args: object) -> None:
        real(self, *args)
        if stops and self.state.step == stops[0]:
            stops.pop(0)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Training, "_step", step)
    for _ in range(2):
        with pytest.raises(Interrupted):
            go(train, out="stopped", data=data)
    assert sha(go(train, out="stopped", data=data)) == expected


def test_whitened_filters_that_come_along_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = "whiten conv(4, s=4) bn relu gap linear(classes)"
    old = go(TRAIN, net=net, out="runs", data="fashion-mini subset(64)")
    new = go(f'{TRAIN} init("{old.folder}")', net=net, data="fashion-mini subset(96)")
    fresh = go(TRAIN, net=net, data="fashion-mini subset(96)")
    weight = "whiten.weight"
    assert torch.equal(new.state()[weight], old.state()[weight])
    assert not torch.equal(fresh.state()[weight], old.state()[weight])


def test_the_first_loss_is_far_under_that_from_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block put in, and one taken out: the trained weights around it are worth much from the first epoch on."""
    monkeypatch.chdir(tmp_path)
    data, train = "fashion-mini subset(400)", "adam(3e-3) epochs({}) batch(25)"
    net = "conv(8) bn relu maxpool(2) (conv(8) bn relu)*{} +res maxpool(2) gap linear(classes)"
    old = go(train.format(6), net=net.format(2), out="runs", data=data)

    def first(depth: int, more: str) -> float:
        heard: list[Event] = []
        go(f"{train.format(1)} {more}", net=net.format(depth), heard=heard, data=data)
        return next(e.loss for e in heard if isinstance(e, EpochDone))

    for depth, share in ((3, 0.75), (1, 0.9)):
        scratch, begun = first(depth, ""), first(depth, f'init("{old.folder}")')
        assert begun < share * scratch, (depth, begun, scratch)


def test_the_words_are_toggles_of_a_study(old: Run) -> None:
    train = f'{TRAIN} {{begin: init("{old.folder}") | }} {{still: freeze(stem) | }}'
    study = study_of(f"base: |\n  net {LONGER}\n  data {DATA}\n  train {train}\nseeds: 1\n")
    found = arms_of(study)
    assert [a.name for a in found.arms] == ["base", "−still", "−begin", "−begin, −still"]
    runs = cells(found, study.seeds)
    assert len({c.key for c in runs}) == 4
    assert ["sha=" in c.experiment.text for c in runs] == [True, True, False, False]


@pytest.mark.slow
def test_an_ablation_takes_it_out(old: Run, cli: Cli) -> None:
    """The workers of a study find the same weights."""
    train = f'{TRAIN} {{begin: init("{old.folder}") | }}'
    Path("tuned.arch").write_text(f"net {LONGER}\ndata {DATA}\ntrain {train}\n")
    done = cli("ablate", "tuned.arch", "--seeds", "1", "--format", "json", cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert [(a["arm"], a["finished"], a["runs"]) for a in json.loads(done.stdout)["arms"]] == [
        ("base", 1, 1),
        ("−begin", 1, 1),
    ]
    texts = [f.read_text() for f in Path("runs").glob("tuned-*/spec.arch")]
    assert sorted("sha=" in t for t in texts) == [False, True]
