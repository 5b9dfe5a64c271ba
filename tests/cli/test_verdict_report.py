"""What `archdsl verdict` gives beside its table: the page, JSON, exit codes in a shell; unpaired runs, targets, filters."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Done, Run
from tests.cli.test_verdict import arms, as_csv, changed, rows
from tests.study.test_html import Checker

ASKED = ("--arm", "model", "--metric", "acc", "--reference", "base")
KEYS = {
    "reference",
    "metric",
    "alpha",
    "same",
    "lower_is_better",
    "paired",
    "method",
    "sha256",
    "mean",
    "runs",
    "notes",
    "arms",
}
ARM = {
    "arm",
    "runs",
    "mean",
    "pairs",
    "delta",
    "low",
    "high",
    "p",
    "p_symmetric",
    "verdict",
    "decided_after",
    "needed",
    "words",
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    path.write_text(as_csv(rows()))
    return path


def answer(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_table_says_it_in_words(run: Run, table: Path) -> None:
    out = run("verdict", str(table), *ASKED, "--pair", "seed", "--same", "1%").out
    assert re.search(
        r"new +92\.01 % +better: \+2\.\d+ points \[\+1\.\d+, \+2\.\d+\]; decided after \d of 12 pairs", out
    )
    assert re.search(r"worse .* worse: −\d\.\d+ points \[−\d\.\d+, −\d\.\d+\]; decided after", out)
    assert re.search(r"equal .* same, within ±1\.\d+ points: ", out)
    odd = run("verdict", str(table), *ASKED, "--pair", "seed", "--same", "1.2345%").out
    assert "same, within ±1.2345 points: " in odd  # as it was stated
    assert "acc, higher is better; reference `base`: 90." in out
    assert "a wrong verdict has a probability of at most 5 %, at any look; the intervals are simultaneous" in out


def test_json_has_the_keys_that_are_documented(run: Run, table: Path, repo: Path) -> None:
    found = answer(run("verdict", str(table), *ASKED, "--pair", "seed", "--format", "json"))
    assert set(found) == KEYS
    assert all(set(arm) == ARM for arm in found["arms"])
    assert found["sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    page = (repo / "docs" / "verdict.md").read_text("utf-8")
    assert not [key for key in KEYS | ARM if f"`{key}`" not in page]


def test_runs_without_pairs_are_said_to_be_unpaired(run: Run, table: Path) -> None:
    found = answer(run("verdict", str(table), *ASKED, "--format", "json"))
    assert not found["paired"]
    assert {arm["arm"]: arm["verdict"] for arm in found["arms"]} == {"new": "better", "worse": "worse", "equal": "open"}
    assert {arm["pairs"] for arm in found["arms"]} == {None}
    assert any(note.startswith("not paired: ") for note in found["notes"])
    alone = [row for row in rows() if row["model"] != "new" or row["seed"] < 9]  # unequal sizes
    table.write_text(as_csv(alone))
    assert "better: " in run("verdict", str(table), *ASKED).out


def test_the_page_is_whole_and_the_same_each_time(run: Run, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pages = []
    for name in ("a.html", "b.html"):
        done = run("verdict", str(table), *ASKED, "--pair", "seed", "--same", "0.01", "--html", name)
        assert done.code == 0, done.err
        pages.append((tmp_path / name).read_text("utf-8"))
    assert pages[0] == pages[1]
    checker = Checker()
    checker.feed(pages[0])
    assert not checker.open
    assert "script" not in checker.seen
    for text in (
        "Of 3 compared with “base”: 1 better, 1 worse, 1 same.",
        hashlib.sha256(table.read_bytes()).hexdigest(),
        "SHA-256",
        "results.csv",
        "same within",
        "Evidence",
        "Differences",
        "simultaneous",
    ):
        assert text in pages[0]
    assert pages[0].count("<svg") == 6  # for wide and for narrow pages: the differences in two scales, and the evidence
    for svg in re.findall(r"<svg.*?</svg>", pages[0], re.DOTALL):
        ElementTree.fromstring(svg)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_page_holds_any_names(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text = arms([(n, 0.8 + n / 100) for n in range(8)], [(n, 0.9 + n / 90) for n in range(8)])
    (tmp_path / "t.csv").write_text(text.replace("new", "<b>&$x$"))
    done = run("verdict", "t.csv", *ASKED, "--html", "p.html")
    assert done.code == 0, done.err
    page = (tmp_path / "p.html").read_text("utf-8")
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page
    assert page.count("<svg") == 2  # for wide and for narrow pages; without pairs there is no path of evidence


def test_a_page_that_cannot_be_written_is_refused_first(run: Run, table: Path) -> None:
    done = run("verdict", str(table), *ASKED, "--html", "no/such/folder.html")
    assert done.code != 0
    assert done.out == ""


def test_a_claim_in_a_shell(table: Path) -> None:
    script = (
        'if archdsl verdict "$1" --arm model --pair seed --metric acc --claim "new better than base" > /dev/null\n'
        "then echo keep; else echo discard; fi\n"
        'archdsl verdict "$1" --arm model --pair seed --metric acc --claim "equal better than base" > /dev/null || echo $?\n'
        'archdsl verdict "$1" --arm model --pair seed --metric acc --claim "new worse than base" > /dev/null || echo $?\n'
    )
    folder = table.parent / "bin"
    folder.mkdir()
    (folder / "archdsl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m archdsl "$@"\n')
    (folder / "archdsl").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(table)], capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert done.stdout.split() == ["keep", "3", "6"], done.stderr


def test_only_takes_the_rows_that_are_meant(run: Run, tmp_path: Path) -> None:
    both = [{**row, "data": data} for data in ("cifar", "mnist") for row in rows()]
    (tmp_path / "t.csv").write_text(as_csv(both))
    assert "rows 1 and 49 both have model `base`" in run("verdict", "t.csv", *ASKED, "--pair", "seed").err
    found = answer(run("verdict", "t.csv", *ASKED, "--pair", "seed", "--only", "data=mnist", "--format", "json"))
    assert "48 rows left out by --only" in found["notes"]
    assert run("verdict", "t.csv", *ASKED, "--only", "data").code == 2
    assert "96 rows left out by --only" in run("verdict", "t.csv", *ASKED, "--only", "data=other").err


def test_a_target_compares_the_cost_to_get_there(run: Run, tmp_path: Path) -> None:
    rates = {"base": 1.0, "fast": 2.0, "slow": 0.5}
    lines = [
        {"model": arm, "seed": seed, "step": step, "acc": f"{min(99, rate * step + seed % 4):.2f} %"}
        for arm, rate in rates.items()
        for seed in range(9)
        for step in range(10, 101, 2)
    ]
    (tmp_path / "t.csv").write_text(as_csv(lines))
    asked = ("t.csv", "--arm", "model", "--pair", "seed", "--reference", "base", "--target", "acc >= 80%")
    out = run("verdict", *asked).out
    assert "the step to reach acc >= 80 %, lower is better; reference `base`" in out
    assert re.search(r"fast .* 9/9 .* better: −\d\d\.\d+ \[", out)
    assert re.search(r"slow +100\.0+ +0/9 +– ", out)
    found = answer(run("verdict", *asked, "--format", "json"))
    assert {arm["arm"]: (arm["verdict"], arm["reached"]) for arm in found["arms"]} == {
        "fast": ("better", "9/9"),
        "slow": ("worse", "0/9"),
    }
    assert found["target"] == "acc >= 80 %"
    assert run("verdict", *asked, "--claim", "fast better than base").code == 0
    if pytest.importorskip("matplotlib"):
        assert run("verdict", *asked, "--html", "t.html").code == 0
        assert "cost to reach acc &gt;= 80 %" in (tmp_path / "t.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "nothing is measured"),
        (("--metric", "acc", "--cost", "step"), "--cost has a meaning with --target only"),
        (("--metric", "loss", "--target", "acc > 0.5"), "--metric says `loss`, the target is about `acc`"),
        (("--target", "acc > 0.5", "--lower"), "--lower has no meaning with --target"),
        (("--target", "acc > 0.5"), "unknown column `step`"),
        (("--metric", "acc", "--failed", "often"), "neither a value nor"),
    ],
)
def test_options_that_do_not_fit_are_refused(run: Run, table: Path, args: tuple[str, ...], words: str) -> None:
    done = run("verdict", str(table), "--arm", "model", "--reference", "base", *args)
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize("asked", [("--pair", "seed"), ()])
@pytest.mark.parametrize(
    ("cell", "words"), [("n/a", "`n/a`, a missing value"), ("0,93", "with a comma in it"), ("92 %", "percent")]
)
def test_faults_have_their_place_with_and_without_pairs(
    run: Run, table: Path, asked: tuple[str, ...], cell: str, words: str
) -> None:
    table.write_text(as_csv(changed(14, acc=cell)))
    done = run("verdict", str(table), *ASKED, *asked)
    assert (done.code, done.out) == (2, "")
    assert "row 15" in done.err
    assert words in done.err


def test_a_percentage_for_failed_runs_of_a_metric_in_percent_is_refused(run: Run, tmp_path: Path) -> None:
    lines = [
        {
            "Name": f"r{n}",
            "State": "crashed" if n == 4 else "finished",
            "model": "base" if n % 2 else "new",
            "acc": 90 + n,
        }
        for n in range(9)
    ]
    (tmp_path / "t.csv").write_text(as_csv(lines))
    done = run("verdict", "t.csv", *ASKED, "--failed", "10%")
    assert done.code == 2
    assert "--failed 10% means 0.1, and the metric has values such as 98" in done.err
    assert "1 run failed, counted as 10: `r4` (crashed)" in run("verdict", "t.csv", *ASKED, "--failed", "10").out


def test_one_run_and_constants_stay_open_without_pairs(run: Run, table: Path) -> None:
    for few in ([row for row in rows() if row["seed"] == 0], [{**row, "acc": 0.5} for row in rows()]):
        table.write_text(as_csv(few))
        found = answer(run("verdict", str(table), *ASKED, "--format", "json"))
        assert {arm["verdict"] for arm in found["arms"]} == {"open"}


def test_reading_needs_no_torch(table: Path) -> None:
    code = (
        "import sys\nfrom archdsl.cli.main import run\ntry:\n    run()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    for more in ((), ("--pair", "seed")):
        done = subprocess.run(
            [sys.executable, "-c", code, "verdict", str(table), *ASKED, *more], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("count", [2, 1000])
def test_a_million_rows(tmp_path: Path, count: int) -> None:
    """Bounded memory, and seconds."""
    table = tmp_path / "big.csv"
    with table.open("w") as file:
        file.write("model,seed,acc\n")
        file.writelines(
            f"{'base' if a == 0 else f'm{a}'},{s},{0.9 + 0.01 * (a % 3) + 1e-4 * ((s * 7919 + a) % 101)}\n"
            for s in range(1_000_000 // count)
            for a in range(count)
        )
    code = (
        "import sys\nfrom archdsl.cli.main import run\ntry:\n    run()\nexcept SystemExit as end:\n"
        # The kernel's own peak of this process; that of getrusage includes the parent's before exec.
        "    peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "    print(end.code, peak, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "verdict", str(table), *ASKED, "--pair", "seed", "--format", "json"],
        capture_output=True,
        text=True,
    )
    status, kilobytes = done.stderr.split()[-2:]
    assert status in ("0", "None"), done.stderr
    assert int(kilobytes) < 600_000
    assert {arm["verdict"] for arm in json.loads(done.stdout)["arms"]} == (
        {"better"} if count == 2 else {"better", "open"}
    )
