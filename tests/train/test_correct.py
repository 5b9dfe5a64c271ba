"""Which test images a run classified correctly: the bits agree with the recorded accuracy, and damage is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from archdsl.errors import StoreError
from archdsl.evaluate.load import part_of
from archdsl.runs.correct import CORRECT, correct, packed
from archdsl.runs.run import Run, load_run
from archdsl.train.distributed import Distributed
from archdsl.train.fit import fit
from archdsl.train.metrics import HitMeter
from tests.cli.folders import finished, made

from .nets import experiment, small_net


def stored(out: Path, hits: list[bool], **more: object) -> Run:
    hit = np.array(hits)
    folder = made(out, "run", result=finished(accuracy=float(hit.mean()), test_images=len(hits), **more))
    (folder / CORRECT).write_bytes(packed(hit))
    return replace(load_run(folder), folder=folder)


def test_a_run_says_which_images_its_weights_classify_correctly(tmp_path: Path) -> None:
    model, what = small_net(), experiment()
    run = fit(model, what, out=tmp_path, device="cpu", speed="plain")
    hits = correct(run)
    assert hits is not None
    assert run.result is not None
    assert (len(hits), hits.mean()) == (run.result["test_images"], run.result["test_accuracy"])
    facts = run.facts
    images, labels = map(torch.cat, zip(*part_of(what.data, 0, "test").blocks(500), strict=True))
    scale = 255 * torch.tensor(facts.std).view(-1, 1, 1)
    with torch.no_grad():
        logits = model.eval()((images - 255 * torch.tensor(facts.mean).view(-1, 1, 1)) / scale)
    assert ((logits.argmax(1) == labels).numpy() == hits).mean() > 0.999  # the order is that of the test set


@pytest.mark.parametrize("count", [1, 7, 8, 9, 200])
def test_bits_come_back_as_they_were(tmp_path: Path, count: int) -> None:
    hits = (np.random.default_rng(count).random(count) < 0.7).tolist()
    found = correct(stored(tmp_path, hits))
    assert found is not None
    assert found.tolist() == hits


def test_runs_of_earlier_versions_have_none(tmp_path: Path) -> None:
    old = load_run(made(tmp_path, "old", result=finished()))
    unfinished = load_run(made(tmp_path, "unfinished"))
    assert (correct(old), correct(unfinished)) == (None, None)
    lost = stored(tmp_path, [True, False])
    (lost.folder / CORRECT).unlink()
    assert correct(lost) is None


@pytest.mark.parametrize("data", [b"", b"\x80\x00", b"\x81", b"\xc0"], ids=["short", "long", "beyond", "other count"])
def test_bits_that_do_not_agree_with_the_result_are_refused(tmp_path: Path, data: bytes) -> None:
    run = stored(tmp_path, [True, False, False, False])
    (run.folder / CORRECT).write_bytes(data)
    with pytest.raises(StoreError, match="does not agree with the accuracy"):
        correct(run)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    run = stored(tmp_path, [True, False])
    (run.folder / CORRECT).unlink()
    (run.folder / CORRECT).mkdir()
    with pytest.raises(StoreError, match=r"correct\.bits cannot be read"):
        correct(run)


@pytest.mark.parametrize("images", ["200", 1.5, None])
def test_a_number_of_images_that_is_none_is_damage(tmp_path: Path, images: object) -> None:
    folder = made(tmp_path, "run", result=finished(test_images=images))
    with pytest.raises(StoreError, match="`test_images` is"):
        load_run(folder)


def test_each_process_counts_its_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = torch.randn(10, 3), torch.randint(0, 3, (10,))
    parts = []
    for rank in (0, 1):
        place = Distributed(rank, 2)
        meter, (start, stop) = HitMeter(torch.device("cpu")), place.part(10)
        own, theirs = logits[start:stop], labels[start:stop]
        meter.add(functional.cross_entropy(own, theirs), own, theirs, 0)
        monkeypatch.setattr(Distributed, "total", lambda self, value: parts.append(value.clone()))
        meter.correct(10, place)
    assert torch.equal(sum(parts).bool(), logits.argmax(1) == labels)
