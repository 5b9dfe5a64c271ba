"""Files that commands write: what is replaced is said, and neither what a command reads nor what a run has written is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.folders import finished, made

NET = "net conv(4) relu gap linear(10)\ninput 3x8x8\nclasses 10\n"
VARIED = "net conv({4 | 8}) relu gap linear(classes)\ndata fashion-mini subset(50)\ntrain epochs(1)\n"
ROWS = "arm,seed,acc\n" + "".join(
    f"{arm},{n},{0.5 + 0.01 * n + 0.1 * (arm == 'b')}\n" for arm in "ab" for n in range(4)
)
VERDICT = ("--arm", "arm", "--pair", "seed", "--metric", "acc", "--reference", "a")


@pytest.fixture(autouse=True)
def files(run: Run) -> None:
    pytest.importorskip("matplotlib")
    Path("net.arch").write_text(NET)
    Path("varied.arch").write_text(VARIED)
    Path("study.yaml").write_text("base: varied.arch\nseeds: 1\n")
    Path("rows.csv").write_text(ROWS)
    made(Path("runs"), "one", result=finished())


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (("draw", "net.arch", "-o", "net.svg"), "net.svg"),
        (("draw", "net.arch", "--profile", "depth.svg"), "depth.svg"),
        (("plot", "one", "--save", "curves.svg"), "curves.svg"),
        (("data", "fashion-mini", "--save", "pictures.png"), "pictures.png"),
        (("verdict", "rows.csv", *VERDICT, "--html", "page.html"), "page.html"),
        (("report", "study.yaml", "--html", "page.html"), "page.html"),
    ],
    ids=lambda x: x[0] if isinstance(x, tuple) else "",
)
def test_a_file_that_is_replaced_is_said(run: Run, command: tuple[str, ...], file: str) -> None:
    note = f"note: {file} exists and will be replaced\n"
    assert note not in run(*command).err
    written = Path(file).read_bytes()
    Path(file).write_text("old")
    assert note in run(*command).err
    assert len(Path(file).read_bytes()) > len(written) // 2


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (("draw", "net.arch", "--format", "text", "-o", "net.arch"), "net.arch"),
        (("draw", "net", "--format", "text", "-o", "net.arch"), "net.arch"),
        (("export", "net.arch", "net.arch", "--to", "torch"), "net.arch"),
        (("verdict", "rows.csv", *VERDICT, "--html", "rows.csv"), "rows.csv"),
        (("report", "study.yaml", "--html", "study.yaml"), "study.yaml"),
        (("ablate", "study.yaml", "--html", "study.yaml"), "study.yaml"),
        (("search", "varied.arch", "--budget", "1runs", "--html", "varied.arch"), "varied.arch"),
        (("import", "net.py:Net", "--input", "3x8x8", "-o", "net.py"), "net.py"),
    ],
    ids=lambda x: x[0] if isinstance(x, tuple) else "",
)
def test_what_a_command_reads_is_not_replaced(run: Run, command: tuple[str, ...], file: str) -> None:
    Path("net.py").write_text("from torch import nn\n\n\nclass Net(nn.Flatten):\n    pass\n")
    before = Path(file).read_bytes()
    done = run(*command)
    assert (done.code, done.out) == (2, "")
    assert f"{file} is what this command reads" in done.err
    assert Path(file).read_bytes() == before


@pytest.mark.parametrize(
    "command",
    [
        ("draw", "net.arch", "--format", "text", "-o", "runs/one/spec.arch"),
        ("verdict", "rows.csv", *VERDICT, "--html", "runs/one/result.json"),
        ("report", "study.yaml", "--html", "runs/one/settings.json"),
    ],
    ids=lambda x: x[0],
)
def test_a_run_is_not_damaged(run: Run, command: tuple[str, ...]) -> None:
    before = {p: p.read_bytes() for p in Path("runs/one").iterdir()}
    done = run(*command)
    assert (done.code, done.out) == (2, "")
    assert "would damage the run" in done.err
    assert before == {p: p.read_bytes() for p in Path("runs/one").iterdir()}


def test_what_a_dry_run_leaves_out_is_said(run: Run) -> None:
    done = run("ablate", "study.yaml", "--dry-run", "--register", "--html", "page.html")
    assert done.code == 0
    assert "note: --register and --html: without effect in a dry run\n" in done.err
    assert not Path("page.html").exists()
    assert "without effect" not in run("ablate", "study.yaml", "--dry-run").err


def test_a_verdict_is_in_words_in_every_format_for_people(run: Run) -> None:
    shown = [run("verdict", "rows.csv", *VERDICT, "--format", f).out for f in ("table", "text", "md", "latex")]
    assert shown[0] == shown[1]
    assert all("after 4 pairs" in text for text in shown)
    assert "decided_after" in run("verdict", "rows.csv", *VERDICT, "--format", "csv").out


def test_words_of_the_language_are_shown_in_formats_for_programs(run: Run) -> None:
    assert [w["kind"] for w in json.loads(run("words", "cin", "--format", "json").out)] == ["form"]
    assert [w["kind"] for w in json.loads(run("words", "abs", "--format", "json").out)] == ["form", "op"]
    assert "cin,form,cin," in run("words", "cin", "--format", "csv").out
    assert "there is no word `cim`" in run("words", "cim", "--format", "json").err


def test_the_columns_of_a_space_are_the_same_where_no_arm_is_kept(run: Run) -> None:
    heads = {
        run("params", "varied.arch", "--where", f"params < {n}", "--format", "csv").out.split("\n")[0]
        for n in (1, 100, 900)
    }
    assert heads == {"{4 | 8},params,macs,flops,layers,depth,activations,memory"}


def test_a_shipped_spec_that_is_named_is_not_replaced(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path("shipped.arch").absolute()
    shipped.write_text(NET)
    monkeypatch.setattr("archdsl.cli.support.targets.spec_path", lambda name: shipped if name == "lenet5" else None)
    done = run("draw", "lenet5", "--format", "text", "-o", "shipped.arch")
    assert (done.code, shipped.read_text()) == (2, NET)
    assert "shipped.arch is what this command reads" in done.err
