"""`archdsl ablate` and `archdsl report` as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Cli

from .conftest import WHOLE, Whole

WILD = """\
net conv(4, s=4) relu gap linear(10)
data fashion-mini subset(64)
train sgd({{lr: {rates}}}) epochs(2) batch(32)
"""
RUN = [sys.executable, "-m", "archdsl"]


def finished(runs: Path) -> dict[str, float]:
    """When each run was finished, by folder."""
    return {p.parent.name: p.stat().st_mtime_ns for p in runs.glob("*/result.json")}


def test_a_study_goes_from_nothing_to_a_table(whole: Whole) -> None:
    rows = json.loads(whole.stdout)["arms"]
    assert [(r["arm"], r["finished"], r["runs"]) for r in rows] == [("base", 2, 2), ("−norm", 2, 2)]
    assert rows[1]["delta"] == pytest.approx(rows[1]["mean"] - rows[0]["mean"])
    assert "4/4" in whole.stderr
    assert len(finished(whole.runs)) == 4


def test_a_study_again_runs_nothing_and_more_seeds_only_what_is_new(
    place: Path, cli: Cli, here: Cli, whole: Whole
) -> None:
    before = finished(whole.into(place))
    again = here(*WHOLE, cwd=place)
    assert again.stdout == whole.stdout
    assert finished(place / "runs") == before
    more = cli("ablate", "tiny.arch", "--seeds", "3", "--jobs", "1", "--format", "tsv", cwd=place)
    assert [line.split("\t")[1:3] for line in more.stdout.splitlines()] == [
        ["finished", "runs"],
        ["3", "3"],
        ["3", "3"],
    ]
    after = finished(place / "runs")
    assert len(after) == 6
    assert {name: after[name] for name in before} == before
    assert "2/2" in more.stderr
    assert "6/6" not in more.stderr


def test_train_and_ablate_share_their_runs(place: Path, cli: Cli) -> None:
    text = (place / "tiny.arch").read_text().replace("{norm: bn | }", "bn")
    (place / "tiny-bn.arch").write_text(text)
    study = ("ablate", "tiny-bn.arch", "--without", "bn", "--seeds", "1", "--jobs", "1", "--precision", "fp32")
    assert cli(*study, cwd=place).returncode == 0
    before = finished(place / "runs")
    done = cli("train", "tiny-bn.arch", "--set", "train.seed=0", cwd=place)
    assert done.returncode == 0, done.stderr
    assert finished(place / "runs") == before


def test_a_dry_run_runs_nothing(place: Path, here: Cli) -> None:
    done = here("ablate", "tiny.arch", "--seeds", "5", "--dry-run", "--format", "json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert [(r["arm"], r["runs"], r["cached"]) for r in json.loads(done.stdout)["arms"]] == [
        ("base", 5, 0),
        ("−norm", 5, 0),
    ]
    assert not (place / "runs").exists()
    shown = here("ablate", "tiny.arch", "--seeds", "5", "--dry-run", cwd=place).stdout
    assert "10 of 10 runs are missing; about" in shown
    assert "can detect (power 0.8, a single paired t test at 5 %): 1.68 standard deviations" in shown


def test_a_report_of_a_study_half_done(place: Path, here: Cli, whole: Whole) -> None:
    folder = next((whole.into(place) / "studies").iterdir())
    by_folder = here("report", str(folder), "--seeds", "4", "--format", "tsv", cwd=place)
    by_spec = here("report", "tiny.arch", "--seeds", "4", "--format", "tsv", cwd=place)
    assert by_folder.returncode == by_spec.returncode == 0, by_folder.stderr
    assert by_folder.stdout == by_spec.stdout
    assert [line.split("\t")[1:3] for line in by_spec.stdout.splitlines()] == [
        ["finished", "runs"],
        ["2", "4"],
        ["2", "4"],
    ]


def test_an_arm_that_fails_is_data_and_the_study_goes_on(place: Path, cli: Cli) -> None:
    (place / "wild.arch").write_text(WILD.format(rates="0.05 | 1e30"))
    done = cli(
        "ablate", "wild.arch", "--seeds", "1", "--jobs", "1", "--precision", "fp32", "--format", "json", cwd=place
    )
    assert done.returncode == 3, done.stderr
    rows = json.loads(done.stdout)["arms"]
    assert rows[1]["others"] == "1 diverged"
    assert rows[1]["mean"] == 0.1  # of ten classes: chance
    assert "seed 0: diverged" in done.stderr
    assert "1 run counts as chance or the worst value" in " ".join(json.loads(done.stdout)["notes"])
    shown = cli("report", "wild.arch", "--seeds", "1", "--failures", "exclude", "--format", "json", cwd=place)
    assert json.loads(shown.stdout)["arms"][1]["mean"] is None


def test_fail_fast_ends_the_study(place: Path, cli: Cli) -> None:
    (place / "wild.arch").write_text(WILD.format(rates="1e30 | 1e29"))
    done = cli(
        "ablate",
        "wild.arch",
        "--seeds",
        "4",
        "--precision",
        "fp32",
        "--jobs",
        "1",
        "--fail-fast",
        "--format",
        "json",
        cwd=place,
    )
    assert done.returncode == 3
    assert len(finished(place / "runs")) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("tiny.arch", "--without", "re"), 2, "the base has no `re`"),
        (("tiny.arch", "--design", "one-of"), 2, "one-out"),
        (("tiny.arch", "--match", "flops"), 2, "params, macs"),
        (("nothing.yaml",), 4, "cannot be read"),
        (("tiny.arch", "--where", "params >"), 2, "is not a condition"),
        (("tiny.arch", "--runs", "tiny.arch"), 4, "tiny.arch"),
        (("net {conv(8) | maxpool(99)} gap linear(10)\ndata fashion-mini",), 2, "first in the arm"),
    ],
)
def test_what_cannot_be_a_study(place: Path, here: Cli, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = here("ablate", *arguments, cwd=place)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_study_goes_on(place: Path, cli: Cli, number: signal.Signals) -> None:
    many = ["ablate", "tiny.arch", "--seeds", "16", "--jobs", "2", "--format", "tsv"]
    process = subprocess.Popen([*RUN, *many], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(finished(place / "runs")) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    begun = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, err
    assert time.monotonic() - begun < 6
    assert out == ""
    before = finished(place / "runs")
    assert 3 <= len(before) < 32
    done = cli("ablate", "tiny.arch", "--seeds", "16", "--jobs", "1", "--format", "tsv", cwd=place, timeout=200)
    assert done.returncode == 0, done.stderr
    after = finished(place / "runs")
    assert {name: after[name] for name in before} == before
    assert [line.split("\t")[1:3] for line in done.stdout.splitlines()] == [
        ["finished", "runs"],
        ["16", "16"],
        ["16", "16"],
    ]


def test_results_of_another_torch_are_foreign_until_they_are_made_anew(
    place: Path, cli: Cli, here: Cli, whole: Whole
) -> None:
    file = next(whole.into(place).glob("tiny-*-s1")) / "versions.json"
    about = json.loads(file.read_text())
    about["torch"] = "1.0.0"
    file.write_text(json.dumps(about))
    done = here(*WHOLE, "--jobs", "1", cwd=place)
    assert done.returncode == 3
    assert sorted((r["finished"], r["runs"]) for r in json.loads(done.stdout)["arms"]) == [(1, 2), (2, 2)]
    assert any(r["others"] == "1 foreign" for r in json.loads(done.stdout)["arms"])
    assert "note: --again trains the foreign run again" in done.stderr
    for option, missing in (
        ((), "0 of 4 runs are missing; nothing is left to run"),
        (("--again",), "1 of 4 runs is missing"),
    ):
        dry = " ".join(here(*WHOLE, "--dry-run", *option, cwd=place).stdout.split())
        assert missing in dry
        assert ("--again trains them again" in dry) is not bool(option)
    again = cli(*WHOLE, "--again", "--jobs", "1", cwd=place)
    assert again.returncode == 0, again.stderr
    assert [(r["finished"], r["runs"]) for r in json.loads(again.stdout)["arms"]] == [(2, 2), (2, 2)]


def test_a_shell_pipe_gets_nothing_but_data(place: Path) -> None:
    command = "python -m archdsl ablate tiny.arch --seeds 1 --jobs 1 --format tsv 2>/dev/null | sort | head -1"
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=place, capture_output=True, text=True, env=env)
    assert done.stdout.startswith(("arm\t", "base\t"))
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "arms"),
    [
        (
            ("vgg-res", "--without", "res", "--without", "bn"),
            ["base", "−res", "−bn"],
        ),  # bn is a layer and a modifier there
        (("vgg-res", "--with", "+se", "--with", "mixup(0.2)"), ["base", "+se", "+mixup(0.2)"]),
    ],
)
def test_the_commands_of_the_manual(place: Path, here: Cli, arguments: tuple[str, ...], arms: list[str]) -> None:
    done = here("ablate", *arguments, "--dry-run", "--format", "json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert [r["arm"] for r in json.loads(done.stdout)["arms"]] == arms


def test_a_row_for_each_run_and_the_seeds_that_a_difference_takes(place: Path, here: Cli, whole: Whole) -> None:
    whole.into(place)
    done = here("report", "tiny.arch", "--seeds", "3", "--each", "--format", "json", cwd=place)
    rows = json.loads(done.stdout)["runs"]
    assert [(r["arm"], r["factor norm"], r["seed"], r["status"]) for r in rows[1:4]] == [
        ("base", "bn", 1, "did not train"),
        ("base", "bn", 2, "missing"),
        ("−norm", "none", 0, "finished"),
    ]
    assert (place / rows[0]["run"] / "result.json").is_file()
    assert rows[0]["test_accuracy"] == json.loads((place / rows[0]["run"] / "result.json").read_text())["test_accuracy"]
    shown = here("report", "tiny.arch", "--seeds", "2", "--detect", "1%", cwd=place).stdout
    assert "to detect 1.00 points (power 0.8, a single paired t test at 5 %) it takes" in shown
    before = here("ablate", "tiny.arch", "--runs", "none", "--dry-run", "--detect", "1 point", cwd=place).stdout
    assert "is not known before two arms have two seeds each" in before
    assert here("report", "tiny.arch", "--detect", "much", cwd=place).returncode == 2


def test_a_run_under_way_is_seen_from_elsewhere(place: Path, here: Cli) -> None:
    slow = (place / "tiny.arch").read_text().replace("epochs(2)", "epochs(4000)")
    (place / "tiny.arch").write_text(slow)
    study = subprocess.Popen(
        [*RUN, "ablate", "tiny.arch", "--seeds", "1", "--jobs", "1"],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list((place / "runs").glob("*/checkpoint*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = here("report", "tiny.arch", "--seeds", "1", "--format", "json", cwd=place)
    study.send_signal(signal.SIGINT)
    assert study.wait(30) == 130
    after = here("report", "tiny.arch", "--seeds", "1", "--format", "json", cwd=place)
    assert [r.get("others") for r in json.loads(seen.stdout)["arms"]] == ["1 running", ""]
    assert [r.get("others") for r in json.loads(after.stdout)["arms"]] == ["1 interrupted", ""]


def test_a_run_of_a_newer_format_is_refused(place: Path, here: Cli, whole: Whole) -> None:
    file = next(whole.into(place).glob("tiny-*-s0")) / "settings.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))
    for command in ("ablate", "report"):
        done = here(command, "tiny.arch", "--seeds", "1", cwd=place)
        assert done.returncode == 5
        assert "has the format 99" in done.stderr
        assert "use the newer archdsl" in done.stderr
        assert done.stdout == ""
