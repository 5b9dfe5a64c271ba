"""The benchmarks' own arithmetic; no time is asserted."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from archdsl.report import Column, Table

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def timing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_timing", REPO / "bench" / "_timing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_contenders_take_turns(timing: ModuleType) -> None:
    order: list[str] = []
    times = timing.interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=4)
    assert "".join(order) == "ba" + "abba" * 2
    assert {name: len(taken) for name, taken in times.items()} == {"a": 4, "b": 4}


def test_ratios_are_paired(timing: ModuleType) -> None:
    times = {"a": [1.0, 10.0, 1.0], "b": [2.0, 20.0, 2.0]}
    assert timing.ratios(times, "a", "b") == [0.5, 0.5, 0.5]
    row = dict(zip(["name", "median", "half", "ratio", "of"], timing.comparison("t", times, "b").rows[0], strict=True))
    assert (row["name"], row["median"], row["ratio"]) == ("a", 1000.0, 0.5)


def test_results_name_machine_and_versions(
    timing: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timing.publish("demo", [Table((Column("a"),), (("x",),))], {"a": [1.0]}, ["torch", "no-such-package"], tmp_path)
    facts = json.loads((tmp_path / "demo.json").read_text(encoding="utf-8"))
    assert facts["raw"] == {"a": [1.0]}
    assert facts["machine"]["cores"] >= 1
    assert facts["versions"]["no-such-package"] == "absent"
    assert "| x |" in (tmp_path / "demo.md").read_text(encoding="utf-8")
    assert "x" in capsys.readouterr().out
