"""Metrics of a package of one file: found by its entry point, computed at the end of a run, reported."""

from __future__ import annotations

import json
from pathlib import Path

from tests.plugin.test_plugin import run

PACKAGE = Path(__file__).parent / "margin"
TEXT = "net conv(4, s=4) {norm: bn | } relu gap linear(10)\ndata fashion-mini subset(64)\ntrain sgd(0.1) batch(16) epochs(2)"
METRICS = ("test_margin", "largest_weight", "drop(2)")


def test_metrics_of_a_package_are_words(tmp_path: Path) -> None:
    listed = run("-m", "archdsl", "words", "metrics", also=PACKAGE)
    assert "test|valid_margin" in listed.stdout
    done = run(
        "-m",
        "archdsl",
        "ablate",
        TEXT,
        "--runs",
        str(tmp_path),
        "--jobs",
        "1",
        "--seeds",
        "1",
        "--format",
        "json",
        *(part for name in METRICS for part in ("--metric", name)),
        also=PACKAGE,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["metric"] == "test_margin"
    stored = [json.loads(p.read_text()) for p in sorted(tmp_path.glob("*/result.json"))]
    assert sorted(a["mean"] for a in found["arms"]) == sorted(r["test_margin"] for r in stored)
    assert all(
        -1 <= a["mean"] <= 1 and a["largest_weight"] > 0 and a["drop(epochs=2)"] is not None for a in found["arms"]
    )
    bare = run("-m", "archdsl", "report", TEXT, "--runs", str(tmp_path), "--metric", "test_margin")
    assert bare.returncode == 2, "without the package there is no such word"
    assert "unknown metric `test_margin`" in bare.stderr


def test_a_metric_that_fails_is_an_error_before_the_first_step(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    text = (PACKAGE / "archdsl_margin.py").read_text().replace("probs = log_probs.exp()", "probs = log_probs.missing()")
    (broken / "archdsl_margin.py").write_text(text)
    (broken / "archdsl_margin.dist-info").symlink_to(PACKAGE / "archdsl_margin.dist-info")
    net = TEXT.replace("{norm: bn | }", "bn")
    done = run("-m", "archdsl", "train", net, "--runs", str(tmp_path / "runs"), "--device", "cpu", also=broken)
    assert done.returncode == 4
    assert "the metric `margin` of archdsl_margin fails" in done.stderr
    assert "epoch 1" not in done.stderr
