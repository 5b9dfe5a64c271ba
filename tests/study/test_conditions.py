"""A study never mixes precision, kernels, data, torch or numerics; what is legitimately different is not a difference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.runs.conditions import (
    CONDITIONS,
    PRECISIONS,
    ConditionOptions,
    conditions_of,
    differing,
    known_precision,
    usual,
    worth_saying,
)
from archdsl.study.execute import cell
from archdsl.study.execute.messages import RunOptions
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.execute.select import SelectionOptions, folder_of, select
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import StudyFile, study_of
from archdsl.study.plan.plan import Found, foreign
from tests.conftest import Cli

from .conftest import TINY

PLAN = {"precision": "fp32", "channels_last": True, "threads": 1, "compile": False, "graph": False, "fused": True}
VERSIONS = {
    "torch": "2.13",
    "numerics": "6",
    "device": "cpu",
    "processor": "AVX2",
    "kernels": "native aa",
    "plan": PLAN,
}


def made(**more: Any) -> dict[str, str]:
    plan = {k: more.pop(k) for k in list(more) if k in PLAN}
    return conditions_of({**VERSIONS, **more, "plan": {**PLAN, **plan}})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"torch": "2.14"}, "torch"),
        ({"numerics": "7"}, "numerics"),
        ({"device": "cuda:0"}, "device"),
        ({"processor": "AVX512"}, "processor"),
        ({"precision": "bf16"}, "precision"),
        ({"fused": False}, "precision"),
        ({"kernels": "torch"}, "kernels"),
        ({"kernels": "native bb"}, "kernels"),
        ({"compile": True}, "compile"),
        ({"processes": 4}, "processes"),
    ],
)
def test_each_condition_counts(change: dict[str, Any], name: str) -> None:
    assert differing(made(**change), made()) == [name]
    found = {n: Found("finished", {}, made()) for n in range(3)} | {9: Found("finished", {}, made(**change))}
    marked = foreign(found)
    assert [f.status for f in marked.values()] == ["finished"] * 3 + ["foreign"]
    assert name in marked[9].message
    assert [f.status for f in foreign(found, made(**change)).values()] == ["foreign"] * 3 + ["finished"]


@pytest.mark.parametrize("change", [{"threads": 8}, {"graph": True}, {"kernels": "unused"}, {"channels_last": False}])
def test_what_arms_may_differ_in(change: dict[str, Any]) -> None:
    assert differing(made(**change), made()) == differing(made(), made(**change)) == []


def test_the_usual_conditions_are_those_that_most_agree_with() -> None:
    free = [made(kernels="unused")] * 5
    assert usual([*free, made(torch="2.14")]) == made(kernels="unused")
    assert usual([*free, made()]) == made()
    assert usual([*free, made(), made(), made(kernels="torch")]) == made()
    assert usual([made(), made(torch="2.14")])["torch"] == "2.14"
    assert usual([]) == {}
    assert set(made()) == set(CONDITIONS)


def test_one_process_is_not_said() -> None:
    assert made()["processes"] == "1"
    assert "processes" not in worth_saying(made())
    assert worth_saying(made(processes="2, then 1"))["processes"] == "2, then 1"


def test_one_list_of_precisions(capsys: pytest.CaptureFixture[str]) -> None:
    assert PRECISIONS == ("auto", "fp32", "bf16", "plain")
    for wrong in ("fp64", "bfloat16", "fp16", "FP32", ""):
        with pytest.raises(ArchError, match="auto, fp32, bf16, plain"):
            known_precision(wrong)
        with pytest.raises(ArchError, match=r":2:12: `precision` is one of auto, fp32, bf16, plain"):
            study_of(f"base: lenet5\nprecision: '{wrong}'\n")
    assert study_of("base: lenet5\nprecision: plain\n").precision == "plain"
    for command in ("train", "ablate"):
        assert main([command, "lenet5", "--precision", "fp64"]) == 2


@pytest.mark.parametrize("wrong", ["fp64", "bfloat16"])
def test_a_wrong_precision_is_found_by_check_and_by_the_study(place: Path, wrong: str) -> None:
    Path("s.yaml").write_text(f"base: tiny.arch\nprecision: {wrong}\n")
    for command in (("check", "s.yaml"), ("ablate", "s.yaml"), ("ablate", "s.yaml", "--dry-run"), ("report", "s.yaml")):
        assert main([*command]) == 2, command
    assert not (place / "runs").exists()


def test_another_metric_or_precision_is_the_same_study(place: Path) -> None:
    places = {
        folder_of(select("tiny.arch", SelectionOptions(metric=metric, precision=precision)), place)
        for metric in ((), ("loss",), ("test_loss", "test_ece"))
        for precision in (None, "bf16", "fp32")
    }
    assert len(places) == 1
    assert folder_of(select("tiny.arch", SelectionOptions(set=["train.epochs=3"])), place) not in places


def runner(place: Path, seeds: int = 2, **more: Any) -> StudyRunner:
    arms = arms_of(StudyFile("tiny", "tiny", (("tiny", str(place / "tiny.arch")),)))
    return StudyRunner(arms, cells(arms, range(seeds), place / "runs", **more), place / "runs")


def test_a_set_is_looked_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.study.plan import cells as plan

    asked = []
    monkeypatch.setattr(plan, "fingerprint", lambda data, *_: asked.append(data.name) or "a" * 64)
    found = runner(place, 50)
    assert len(found.every) == 100
    assert asked == ["fashion-mini"]
    assert {found.request(c).data for c in found.every} == {"a" * 64}


Ablate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ablate(capfd: pytest.CaptureFixture[str]) -> Ablate:
    """`archdsl ablate tiny.arch …` in this process, where it starts no worker."""

    def call(*more: str, command: str = "ablate") -> tuple[int, str, str]:
        code = main([command, "tiny.arch", *more])
        return code, *capfd.readouterr()

    return call


def trained(place: Path, seeds: int = 1, precision: str = "fp32") -> list[dict[str, Any]]:
    """What is missing of the study, trained in this process; gives what the runs have recorded."""
    cell.plan_of.cache_clear()
    study = runner(place, seeds)
    options = RunOptions(str(place / "runs"), device="cpu", precision=precision)
    for one in study.missing:
        result = cell.train_cell(study.request(one), options, lambda epoch, share: None)
        assert result.status == "finished", result.message
    return [json.loads(p.read_text()) for p in sorted((place / "runs").glob("*/versions.json"))]


def test_runs_on_other_data_are_shown_as_such_and_trained_again(place: Path, ablate: Ablate) -> None:
    (place / "d.csv").write_text("x,y\n" + "".join(f"{i / 7},{'ab'[i % 2]}\n" for i in range(20)))
    (place / "tiny.arch").write_text(
        'net linear({w: 4 | 8}) relu linear(classes)\ndata csv("d.csv")\ntrain epochs(1)\n'
    )
    trained(place)
    (place / "d.csv").write_text("x,y\n" + "".join(f"{i / 9},{'ab'[i % 2]}\n" for i in range(20)))
    code, shown, _ = ablate("--seeds", "1", command="report")
    assert code == 0
    said = re.search(r"`?base`?, seed 0: foreign: data (\w{8}) instead of (\w{8})", shown)
    assert said
    assert "0/1" in shown
    assert len(runner(place, 1).missing) == 2
    _, _, heard = ablate("--seeds", "1", "--precision", "plain", "--jobs", "1")
    assert f"note: 2 runs are not reused: data {said[1]} instead of {said[2]}" in heard
    trained(place)
    code, again, _ = ablate("--seeds", "1", command="report")
    assert code == 0
    assert f"data {said[2]}" in again
    assert said[1] not in again
    assert len(list((place / "runs").glob("tiny-*"))) == 4


def test_asking_for_other_conditions_refuses_or_trains_again(place: Path, ablate: Ablate, cli: Cli) -> None:
    trained(place, precision="plain")
    code, out, err = ablate("--seeds", "1", "--precision", "fp32")
    assert (code, out) == (2, "")
    assert "--precision fp32 conflicts with 2 of the 2 existing runs, which have precision plain" in err
    code, out, err = ablate("--seeds", "1", "--precision", "fp32", "--dry-run", "--format", "json")
    assert [r["cached"] for r in json.loads(out)["arms"]] == [0, 0]
    conflict = "without --dry-run the command is refused: --precision fp32 conflicts with 2 of the 2 existing runs"
    assert conflict in " ".join(json.loads(out)["notes"])
    assert conflict not in ablate("--seeds", "1", "--precision", "fp32", "--dry-run", "--again", "--format", "json")[1]
    study = (
        "ablate",
        "tiny.arch",
        "--seeds",
        "1",
        "-q",
        "--precision",
        "fp32",
        "--jobs",
        "1",
        "--format",
        "json",
        "--again",
    )
    again = cli(*study, cwd=place)
    assert again.returncode == 0, again.stderr
    versions = [json.loads(p.read_text()) for p in (place / "runs").glob("*/versions.json")]
    assert [v["plan"]["fused"] for v in versions] == [True, True]
    assert ablate("--seeds", "1", "--precision", "fp32", "-q", "--format", "json")[:2] == (0, again.stdout)


def test_runs_with_and_without_kernels_are_never_in_one_table(
    place: Path, ablate: Ablate, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not any(v["kernels"].startswith("native") for v in trained(place)):
        pytest.skip("no kernels can be compiled here")
    with monkeypatch.context() as patch:
        patch.setenv("ARCHDSL_NATIVE", "0")
        code, out, err = ablate("--seeds", "2")
        assert (code, out) == (2, "")
        assert "ARCHDSL_NATIVE=0 conflicts with 1 of the 2 existing runs" in err  # one has no use for kernels
        versions = trained(place, seeds=2)
    assert sorted(v["kernels"][:6] for v in versions) == ["native", "torch", "unused", "unused"]
    rows = json.loads(ablate("--seeds", "2", "--format", "json", command="report")[1])["arms"]
    assert [(r["finished"], r["runs"], "1 foreign" in r["others"]) for r in rows] == [(1, 2, True), (2, 2, False)]


def test_data_that_is_not_here_is_said(place: Path, ablate: Ablate) -> None:
    (place / "tiny.arch").write_text(TINY.replace("fashion-mini", "mnist"))
    for command, *more in (("ablate", "--dry-run"), ("report",)):
        code, _, err = ablate("--seeds", "1", *more, command=command)
        assert code == 0, err
        assert "the data set mnist is not on this machine" in err
    code, _, err = ablate("--seeds", "1")
    assert code == 4
    assert "the data set mnist is not there" in err


def test_asked_counts_the_environment_only_where_something_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_NATIVE", "0")
    asked = ConditionOptions("bf16", "cuda:1")
    assert asked.of_options == {"precision": "bf16", "device": "cuda"}
    assert asked.wanted == {**asked.of_options, "kernels": "torch"}
