"""Data that a training can meet: one class alone, a single image, cells and weights that are not numbers, pictures that do
not decode; and memory that does not suffice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError
from archdsl.runs.events import Diverged
from archdsl.train.fit import fit
from archdsl.train.loop import Training
from tests.train.conftest import write_folder
from tests.train.test_resume import go

NET = "net conv(4) bn relu gap linear(classes)\n"


@pytest.mark.parametrize(
    "data",
    ["subset(3)", "subset(2)", "subset(12) valid(1)", "subset(5) valid(4)", "subset(9)"],
    ids=lambda d: d.replace(" ", "-"),
)
def test_few_images_and_few_classes(data: str, tmp_path: Path) -> None:
    """Some of these have one class to train on, or one image to validate by; the last one ends in a batch of one."""
    run = go(f"{NET}data fashion-mini {data}\ntrain adam(0.01) epochs(2) batch(4)", tmp_path)
    assert run.result["status"] == "finished"
    assert np.isfinite(run.result["train_loss"])


def test_one_image_and_batch_norm(tmp_path: Path) -> None:
    text = "net conv(4) gap bn linear(classes)\n"
    with pytest.raises(ArchError, match="batch norm cannot train on a batch of one image") as caught:
        go(f"{text}data fashion-mini subset(1)\ntrain adam epochs(1)", tmp_path)
    assert caught.value.exit_code == 2
    assert "help: one image is left to train on: train on more, or ln or gn instead of bn" in str(caught.value)
    go(f"{NET.replace(' bn', '')}data fashion-mini subset(1)\ntrain adam epochs(1)", tmp_path)


def test_a_split_that_leaves_nothing(tmp_path: Path) -> None:
    for data, message in (("subset(3) valid(3)", "sets 3 of 3"), ("subset(2) valid(10%)", "sets 0 of 2")):
        with pytest.raises(ArchError, match=message) as caught:
            go(f"{NET}data fashion-mini {data}\ntrain adam epochs(1)", tmp_path)
        assert "help: at least one image" in str(caught.value)
    assert not list(tmp_path.glob("*/settings.json"))


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e999", ""])
def test_a_cell_that_is_no_number_is_refused_before_a_step(cell: str, tmp_path: Path) -> None:
    rows = [f"{i},{i % 3},{'xy'[i % 2]}" for i in range(20)]
    rows[4] = f"4,{cell},x"
    (tmp_path / "t.csv").write_text("a,b,c\n" + "\n".join(rows) + "\n")
    with pytest.raises(EnvError, match="row 5, column `b`") as caught:
        go(
            f'net linear(4) relu linear(classes)\ndata csv("{tmp_path}/t.csv", target="c")\ntrain adam epochs(1)',
            tmp_path / "runs",
        )
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_divergence_at_its_step(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights after the last good epoch are kept, and say so."""
    real = Training._step

    def step(self: Training, *args: object) -> None:
        real(self, *args)
        if self.state.step == 5:
            with torch.no_grad():
                next(self.job.model.parameters()).flatten()[0] = value

    monkeypatch.setattr(Training, "_step", step)
    heard: list[object] = []
    run = go(f"{NET}data fashion-mini subset(120)\ntrain sgd(0.01) epochs(3) batch(40)", tmp_path, listen=heard.append)
    (end,) = (e for e in heard if isinstance(e, Diverged))
    assert (end.epoch, end.step, end.kept_epoch) == (2, 6, 1)
    assert run.result["status"] == "diverged"
    assert all(bool(torch.isfinite(v).all()) for v in run.state().values() if v.is_floating_point())


def test_a_picture_that_breaks_between_two_epochs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a set that is read while it trains: the run ends, and goes on once the file is whole again."""
    monkeypatch.setattr("archdsl.data.folder.resident_limit", lambda: 1)
    monkeypatch.setattr("archdsl.data.stream.cores", lambda: 1)
    write_folder(tmp_path / "photos" / "train", each=8)
    write_folder(tmp_path / "photos" / "test", each=3)
    victim = tmp_path / "photos" / "train" / "cat" / "3.png"
    whole = victim.read_bytes()
    text = f'{NET}data folder("{tmp_path}/photos", size=16)\ntrain adam epochs(3) batch(8)'

    def spoil(event: object) -> None:
        if type(event).__name__ == "EpochDone":
            victim.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(EnvError, match=r"cat/3\.png does not decode") as caught:
        go(text, tmp_path / "runs", listen=spoil)
    assert caught.value.exit_code == 4
    victim.write_bytes(whole)
    heard: list[object] = []
    assert go(text, tmp_path / "runs", listen=heard.append).result["status"] == "finished"
    assert "Resumed" in [type(e).__name__ for e in heard]


def test_memory_that_really_does_not_suffice_is_an_outcome_and_the_next_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The allocator's own error, in the third step."""
    real = Training._step

    def step(self: Training, *args: object) -> None:
        if self.state.step == 2:
            torch.empty(2**55, dtype=torch.uint8)
        real(self, *args)

    text = f"{NET}data fashion-mini subset(120)\ntrain sgd(0.01) epochs(2) batch(40)"
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", step)
        run = go(text, tmp_path)
    assert run.result["status"] == "oom"
    assert run.result["step"] == 2
    spec = load(text)
    assert isinstance(build(spec.trace), nn.Module)
    assert (
        fit(build(spec.trace), experiment_of(spec), out=tmp_path, device="cpu", speed="plain").result["status"]
        == "finished"
    )
