"""The validation figures of a result are those of the weights that are kept; a result has one name for each figure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from archdsl.data import Arrays
from archdsl.data.batches import Resident, resident
from archdsl.errors import StoreError
from archdsl.runs.events import EpochDone, Finished
from archdsl.runs.run import load_run
from archdsl.settings.experiment import TrainSettings
from archdsl.train.loop import train
from archdsl.train.metrics import evaluate
from archdsl.words.train.optimizers import Sgd
from archdsl.words.train.recipe import Lookahead
from archdsl.words.train.run import Patience

from .nets import CPU, job, stripes

WILD = Sgd(1.5, 0.9, False)  # so fast that the last epoch is not the best one


def noisy(count: int) -> Resident:
    """Pictures a third of which have the wrong label, so that a net that is sure of itself does badly."""
    arrays = stripes(count, 1)
    return resident(Arrays(arrays.images, arrays.labels ^ (np.arange(count) % 3 == 0)), CPU)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"patience": Patience(9, 0.0)},
        {"patience": Patience(2, 0.0)},
        {"patience": Patience(9, 0.0, "accuracy")},
        {"ema": 0.5},
        {"ema": 0.5, "patience": Patience(9, 0.0)},
        {"lookahead": Lookahead(3, 0.5, 0.0)},
        {"lookahead": Lookahead(3, 0.5, 0.0), "patience": Patience(9, 0.0)},
        {"precise_bn": 0},
        {"precise_bn": 32, "patience": Patience(9, 0.0)},
    ],
)
def test_they_are_those_of_the_weights_that_are_kept(given: dict[str, object]) -> None:
    work = job(TrainSettings(WILD, epochs=6, batch=16, **given), valid=noisy(21))  # type: ignore[arg-type]
    *_, last = events = list(train(work))
    assert isinstance(last, Finished)
    assert work.valid is not None
    found = evaluate(work.model, work.valid, work.normalise)
    assert found == pytest.approx((last.valid_loss, last.valid_accuracy))
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert last.train_loss == epochs[-1].loss
    assert last.train_accuracy == epochs[-1].accuracy
    if "patience" in given and "precise_bn" not in given:
        best = epochs[last.best_epoch - 1]  # type: ignore[operator]
        assert (last.valid_loss, last.valid_accuracy) == (best.valid_loss, best.valid_accuracy)
        assert last.valid_accuracy == last.best_valid_accuracy


def test_early_stopping_does_not_report_the_last_epoch() -> None:
    work = job(TrainSettings(WILD, epochs=6, batch=16, patience=Patience(9, 0.0)), valid=noisy(21))
    *epochs, last = (e for e in train(work) if isinstance(e, EpochDone | Finished))
    assert isinstance(last, Finished)
    losses = [e.valid_loss for e in epochs if isinstance(e, EpochDone)]
    assert last.valid_loss == min(losses) < losses[-1]  # type: ignore[type-var]


def test_a_result_of_before_is_read_by_the_present_names(tmp_path: Path) -> None:
    (tmp_path / "spec.arch").write_text("net conv(4)\n")
    (tmp_path / "settings.json").write_text(json.dumps({"format": 1, "name": "a", "hash": "0", "identity": "0"}))
    (tmp_path / "versions.json").write_text("{}")
    same = {
        "step": 8,
        "valid_accuracy": None,
        "best_valid_accuracy": None,
        "best_epoch": None,
        "test_loss": 0.6,
        "test_accuracy": 0.8,
        "seconds": 1.5,
        "images_per_second": 9.0,
    }
    old = {"status": "finished", "loss": 0.5, "accuracy": 0.9, **same}  # all that the first version wrote
    (tmp_path / "result.json").write_text(json.dumps(old))
    assert load_run(tmp_path).result == {"status": "finished", "train_loss": 0.5, "train_accuracy": 0.9, **same}
    (tmp_path / "result.json").write_text(json.dumps({**old, "accuracy": "high"}))
    with pytest.raises(StoreError, match=r"result\.json: `accuracy` is a text, not a number"):
        load_run(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({**old, "train_loss": 0.4, "train_accuracy": 0.7}))
    both = load_run(tmp_path).result
    assert both is not None
    assert (both["train_loss"], both["train_accuracy"]) == (0.4, 0.7), "the present name counts"
