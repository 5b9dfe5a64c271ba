"""`evaluate_every`: the test figures of epochs are recorded, and nothing else of a run changes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.runs.events import EpochDone, Finished, event_to_json
from archdsl.runs.store.schema import check_event
from archdsl.settings.experiment import TrainSettings
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import planned
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.loop import Training, train
from archdsl.train.metrics import evaluate
from archdsl.words.train.optimizers import Sgd
from tests.train.nets import job

SETTINGS = TrainSettings(Sgd(0.1, 0.9, False), epochs=4, batch=16)
SPEC = """net conv(4, s=4) bn relu drop(0.2) gap linear(10)
data fashion-mini subset(64) flip
train sgd(0.05) epochs(2) batch(32)
"""


@pytest.mark.holds("evaluate_every")
@pytest.mark.parametrize("more", [{}, {"ema": 0.5}])
def test_the_weights_and_the_other_figures_stay(more: dict[str, float]) -> None:
    plain, looked = (job(replace(SETTINGS, **more, **own)) for own in ({}, {"evaluate_every": 2}))
    before, after = list(train(plain)), list(train(looked))
    for a, b in zip(plain.model.state_dict().values(), looked.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    epochs = [e for e in after if isinstance(e, EpochDone)]
    four = ["test_accuracy", "test_loss", "train_eval_accuracy", "train_eval_loss"]
    assert [sorted(k for k in e.figures if "grad" not in k) for e in epochs] == [[], four, [], four]
    old = [e for e in before if isinstance(e, EpochDone)]
    assert [(e.loss, e.accuracy, e.step) for e in epochs] == [(e.loss, e.accuracy, e.step) for e in old]
    assert isinstance(after[-1], Finished)
    last = epochs[-1].figures
    norms = {n: float(p.grad.norm()) for n, p in looked.model.named_parameters() if p.grad is not None}
    assert {k: v for k, v in last.items() if k.startswith("grad_norm/")} == pytest.approx(
        {f"grad_norm/{n}": v for n, v in norms.items()}
    )
    assert last["grad_norm"] == pytest.approx(sum(v**2 for v in norms.values()) ** 0.5)
    assert (last["test_loss"], last["test_accuracy"]) == (after[-1].test_loss, after[-1].test_accuracy)
    assert (last["train_eval_loss"], last["train_eval_accuracy"]) == evaluate(
        looked.model, looked.train, looked.normalise
    )
    assert "figures" not in event_to_json(old[0])
    assert event_to_json(epochs[-1])["test_loss"] == last["test_loss"]
    with pytest.raises(ValueError, match="not a number"):
        check_event({**event_to_json(epochs[-1]), "test_loss": "low"})


def test_a_checkpoint_keeps_the_figures() -> None:
    first = Training(job(replace(SETTINGS, evaluate_every=1)))
    for event in first.events():
        if isinstance(event, EpochDone):
            break
    tensors, about = first.checkpoint()
    second = Training(job(replace(SETTINGS, evaluate_every=1)))
    second.load(tensors, json.loads(json.dumps(about)))
    assert second.state.last == first.state.last


def test_identities_of_other_runs_and_what_it_declares() -> None:
    assert "evaluate_every" not in SETTINGS.shown()
    assert "evaluate_every" in replace(SETTINGS, evaluate_every=1).shown()
    assert "evaluate_every" in why_not_fusable(replace(SETTINGS, evaluate_every=1))


def test_curves_and_metrics_of_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(SPEC)
    given = [
        "tiny.arch",
        "--set",
        "train.evaluate_every=1",
        "--seeds",
        "1",
        "--metric",
        "test_accuracy",
        "--metric",
        "epochs_to(1%, test_accuracy)",
        "--metric",
        "grad_norm",
    ]
    assert main(["ablate", *given, "--quiet", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["arms"][0]["epochs_to(1%, test_accuracy)"] == 1
    assert main(["report", *given, "--curves", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 2
    assert all(0 <= float(r["test_accuracy"]) <= 1 and float(r["train_eval_loss"]) > 0 for r in rows)


def test_a_metric_of_test_epochs_is_refused_where_no_arm_records_them() -> None:
    text = "base: |\n  " + SPEC.replace("\n", "\n  ") + "\nmetric: epochs_to(50%, test_accuracy)\nseeds: 2\n"
    with pytest.raises(ArchError, match="needs evaluate_every, and no arm has it") as error:
        planned(study_of(text))
    assert "evaluate_every(1)" in error.value.help
