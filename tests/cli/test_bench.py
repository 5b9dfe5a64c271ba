"""``archdsl bench``: what its table holds and what it refuses; no time is asserted."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archdsl.cli.commands.bench import batch_sizes, record, short_names, table
from archdsl.cli.main import main
from archdsl.errors import ArchError

SPEC = "input 3x8x8\nclasses 10\nnet conv(4) bn relu gap linear(10)"
FAST = ["--threads", "1", "--rounds", "3", "--warmup", "1"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_spec_in_both_engines_and_its_file(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["export", SPEC, "model.onnx"]) == 0
    capfd.readouterr()
    assert main(["bench", SPEC, "model.onnx", "--batch", "1,3", *FAST, "--format", "json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert [(r["engine"], r["batch"]) for r in report["rows"]] == [
        ("torch", 1),
        ("archdsl", 1),
        ("onnxruntime", 1),
        ("onnxruntime", 1),
        ("torch", 3),
        ("archdsl", 3),
        ("onnxruntime", 3),
        ("onnxruntime", 3),
    ]
    for row in report["rows"]:
        assert 0 < row["first_quartile"] <= row["seconds"] <= row["third_quartile"]
        assert row["images_per_second"] == pytest.approx(row["batch"] / row["seconds"])
        assert row["rounds"] == 3
        assert row["calls"] >= 1
    assert report["rows"][3]["model"] == "model.onnx"
    assert report["machine"].keys() >= {"processor", "cores", "threads", "load", "torch", "onnxruntime", "archdsl"}
    assert report["machine"]["threads"] == 1
    assert os.listdir() == ["model.onnx"]


def test_what_has_no_onnx_form_is_timed_in_torch_alone(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    text = "input 3x8x8\nclasses 10\nnet conv(4) ode(conv(4) tanh) gap linear(10)"
    assert main(["bench", text, "--batch", "2", *FAST, "--format", "csv"]) == 0
    out, err = capfd.readouterr()
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["engine"], row["batch"], row["rounds"]) == ("torch", "2", "3")  # with an ODE, `eval` runs it so, too
    assert "is not timed in onnxruntime: `ode`" in err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ([SPEC, "--batch", "0"], 2, "'0' is not a batch size"),
        ([SPEC, "--batch", "1,x"], 2, "'x' is not a batch size"),
        ([SPEC, "--batch", ""], 2, "'nothing' is not a batch size"),
        ([SPEC, SPEC], 2, "is given twice"),
        ([SPEC, "--compile", "--batch", "1,2,3,4,5,6,7,8,9"], 2, "torch.compile keeps 8"),
        (["nothing.onnx"], 4, "there is no file nothing.onnx"),
        (["text.onnx"], 2, "onnxruntime does not load text.onnx"),
    ],
)
def test_what_is_refused(args: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    Path("text.onnx").write_text("no network")
    assert main(["bench", *args]) == code
    out, err = capfd.readouterr()
    assert not out
    assert message in err
    assert "Traceback" not in err


def test_batch_sizes() -> None:
    assert batch_sizes("8, 1,8") == [8, 1]
    with pytest.raises(ArchError, match="is not a batch size"):
        batch_sizes("1,,2")


def _contender(name: str, engine: str, answer: float) -> Any:
    from archdsl.export.deploy import Form
    from archdsl.export.latency import Contender

    def prepared(x: np.ndarray) -> Any:
        return lambda: np.full((len(x), 2), answer, np.float32)

    return Contender(name, engine, prepared, Form((3,), 2))


def test_engines_that_disagree_are_not_timed() -> None:
    from archdsl.export.latency import measure

    with pytest.raises(ArchError, match="at batch 4 onnxruntime does not answer as torch"):
        measure([_contender("a", "torch", 1.0), _contender("a", "onnxruntime", 2.0)], [4], 3, 1)
    timings = measure([_contender("a", "torch", 1.0), _contender("b", "torch", 2.0)], [4], 3, 1)  # two models may
    assert [(t.model, len(t.seconds)) for t in timings] == [("a", 3), ("b", 3)]


def test_a_table_has_the_median_and_the_middle_half() -> None:
    from archdsl.export.latency import Timing, machine

    one = Timing("net", "torch", 8, (0.001, 0.002, 0.004, 0.003, 0.1), 2)
    assert (one.median, one.quartiles, one.rate) == (0.003, (0.002, 0.004), pytest.approx(8 / 0.003))
    found = table([one], machine(3))
    assert found.rows[0][:5] == ("net", "torch", 8, 3.0, "2.000–4.000")
    assert "threads an engine: 3;" in found.notes[0]
    assert record(Timing("net", "torch", 1, (0.5,), 1))["first_quartile"] == 0.5


@pytest.mark.slow
def test_torch_compile(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["bench", SPEC, "--batch", "1,2", "--compile", *FAST, "--format", "json"]) == 0
    engines = [r["engine"] for r in json.loads(capfd.readouterr().out)["rows"]]
    assert engines == ["torch", "archdsl", "torch.compile", "onnxruntime"] * 2


def test_two_models_whose_names_begin_alike(capfd: pytest.CaptureFixture[str]) -> None:
    """A long name is cut for the table; cut alike, two networks would be taken for one that answers in two ways."""
    pytest.importorskip("onnxruntime")
    models = [
        f"input 3x8x8\nclasses 10\nnet conv(4) bn relu{more} conv(8) bn relu gap linear(10)" for more in ("", " relu")
    ]
    assert main(["bench", *models, "--batch", "2", *FAST, "--format", "json"]) == 0
    rows = json.loads(capfd.readouterr().out)["rows"]
    assert [(r["model"] == rows[0]["model"]) for r in rows] == [True] * 3 + [False] * 3


def test_names_for_the_table() -> None:
    start, end = "a" * 30, "z" * 30
    found = short_names([f"{start}1{end}", f"{start}2{end}", "net", "runs/" + "x" * 40 + "/net-1"])
    assert len(set(found)) == 4
    assert found[0].startswith("aaa")
    assert found[1] == f"{found[0]} (2)"
    assert found[2] == "net"
    assert found[3].endswith("/net-1")
