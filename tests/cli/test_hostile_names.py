"""Names that other people chose: nothing of them steers a terminal, ends a message, or is taken for markup."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.report import FORMATS, Column, Table, render
from archdsl.report.text import json_text

EVIL = "x\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\u2066[red]y\x7f"  # OSC, CSI, C1, bidi override and isolate, rich's markup, DEL
HARMLESS = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]*")
LIVE = re.compile(r"\r?\x1b\[(K|\d+(;\d+)*m|\?25[lh]|\d*[AG]|2K)")  # what our own live lines and colours are made of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], room: Path) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; what it writes is harmless, whatever it is about."""

    def call(*args: str) -> tuple[int, str, str]:
        code = main(list(args))
        out, err = capfd.readouterr()
        for text in (out, err):
            assert HARMLESS.fullmatch(text), ascii(text)
        assert "internal error" not in err, err
        return code, out, err

    return call


def table(folder: Path) -> None:
    with (folder / f"t{EVIL}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", f"h{EVIL}", f"label{EVIL}"])
        writer.writerows([[n % 7, n % 3, f"c{EVIL}{n % 2}"] for n in range(60)])


def test_paths_in_a_text(said: Callable[..., tuple[int, str, str]], room: Path) -> None:
    for statement in (
        f'data folder("{EVIL}")',
        f'data csv("{EVIL}.csv", y)',
        f'include "{EVIL}.arch"',
        f'train init("{EVIL}.pth")',
        f"net {EVIL}",
        f'data csv("t.csv", "{EVIL}")',
    ):
        (room / "s.arch").write_text(f"input 3x8x8\nclasses 2\nnet gap linear(classes)\n{statement}\n")
        for command in ("check", "params", "show", "train", "draw", "ablate"):
            said(command, "s.arch")
        said("check", "s.arch", "--format", "github")
        _, out, _ = said("check", "s.arch", "--format", "json")
        json.loads(out)
        said("fmt", "--check", "s.arch")


def test_arguments(said: Callable[..., tuple[int, str, str]]) -> None:
    for args in (
        ["check", EVIL],
        [EVIL],
        ["params", f"{EVIL}.arch"],
        ["words", EVIL],
        ["explain", EVIL],
        ["eval", EVIL],
        ["runs", "show", EVIL],
        ["runs", "--runs", EVIL],
        ["plot", EVIL],
        ["train", "lenet5", "--set", EVIL],
        ["export", "lenet5", EVIL],
        ["transfer", EVIL, "lenet5"],
        ["import", EVIL],
        ["import", f"{EVIL}.py:N"],
        ["bench", f"{EVIL}.onnx"],
        ["diff", EVIL, "lenet5"],
        ["ablate", "lenet5", "--without", EVIL],
        ["ablate", EVIL + ".yaml"],
        ["predict", EVIL, EVIL],
        ["draw", "lenet5", "--part", EVIL],
        ["data", EVIL],
        ["train", "lenet5", f"--{EVIL}"],
    ):
        code, _, err = said(*args)
        assert code in (2, 4), (args, err)


def test_a_table_of_ones_own(said: Callable[..., tuple[int, str, str]], room: Path) -> None:
    table(room)
    spec = f'net linear(classes)\ndata csv("t{EVIL}.csv", "label{EVIL}")\ntrain sgd(0.1) epochs(1)\n'
    (room / f"n{EVIL}.arch").write_text(spec)
    code, _, err = said("params", f"n{EVIL}.arch")
    assert code == 0, err
    said("data", f"t{EVIL}.csv", "--target", f"label{EVIL}")
    code, out, err = said("train", f"n{EVIL}.arch", "--precision", "plain", "--device", "cpu")
    assert code == 0, err
    run = out.splitlines()[-1].removeprefix("run ")
    for args in (["runs"], ["runs", "show", run], ["eval", run], ["plot", run, "--label", EVIL], ["draw", run]):
        assert said(*args)[0] == 0, args
    for format in FORMATS:
        code, out, _ = said("eval", run, "--format", format)
        assert code == 0
    code, out, _ = said("eval", run, "--format", "json")
    assert f"c{EVIL}0" in json.dumps(json.loads(out), ensure_ascii=False).replace("\\u001b", "\x1b").replace(
        "\\u0007", "\x07"
    ), "JSON is the exact data"


def test_a_tampered_run(said: Callable[..., tuple[int, str, str]], room: Path) -> None:
    folder = room / "runs" / "r"
    folder.mkdir(parents=True)
    (folder / "spec.arch").write_text("net gap linear(classes)\ndata fashion-mini\ntrain sgd(0.1) epochs(1)\n")
    settings = {
        "format": 1,
        "name": EVIL,
        "hash": EVIL,
        "identity": EVIL,
        "train": {"seed": EVIL},
        "data": {"dataset": EVIL},
        "classes": [EVIL],
        "source": EVIL,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "versions.json").write_text(json.dumps({"torch": EVIL, EVIL: EVIL}))
    (folder / "result.json").write_text(json.dumps({"status": EVIL, "message": EVIL, "why": EVIL, "step": 1}))
    (folder / "events.jsonl").write_text(json.dumps({"event": "epochdone", "epoch": 1, "step": 1, "loss": 1.0}) + "\n")
    for args in (
        ["runs"],
        ["runs", "show", "r"],
        ["runs", "compare", "r", "runs/r"],
        ["plot", "r"],
        ["eval", "runs/r"],
        ["runs", "--where", f"status = {EVIL}"],
        ["export", "runs/r", "x.onnx"],
    ):
        said(*args)
    for format in FORMATS:
        assert said("runs", "--format", format)[0] == 0
    assert json.loads(said("runs", "--format", "json")[1])[0]["status"] == EVIL, "JSON is the exact data"


def test_a_study(said: Callable[..., tuple[int, str, str]], room: Path) -> None:
    (room / "base.arch").write_text(
        "net conv(4) bn relu gap linear(classes)\ndata fashion-mini subset(50)\ntrain sgd(0.1) epochs(1)\n"
    )
    study = {"study": f"{EVIL}\n\nsecond", "base": "base.arch", "factors": {EVIL: ["+bn", "none"]}, "seeds": 1}
    (room / "s.yaml").write_text(json.dumps(study))
    for format in FORMATS:
        said("ablate", "s.yaml", "--dry-run", "--format", format)
    (room / "t.yaml").write_text(json.dumps({**study, "factors": {"norm": ["bn", "none"]}}))
    code, out, err = said("ablate", "t.yaml", "--dry-run", "--format", "latex")
    assert code == 0, err
    caption = next(line for line in out.splitlines() if line.startswith(r"\caption{"))
    assert caption.endswith("second}"), "no blank line ends the argument"


def test_on_a_terminal_only_our_own_colours_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    render(Table((Column(EVIL), Column("n", "int")), ((EVIL, 1),), title=EVIL, notes=(EVIL,)), "table", stream)
    left = LIVE.sub("", stream.getvalue())
    assert HARMLESS.fullmatch(left), ascii(left)
    assert left.count("[red]") == 4, "text, not markup"


def test_a_study_and_a_run_as_they_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.cli.output import live, say
    from archdsl.cli.views.train_progress import Talk
    from archdsl.runs.events import EpochDone, Started, Warned

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with Talk(stream) as talk:  # type: ignore[arg-type]
            talk(Started("cpu", EVIL, 1, 0, 1, 1, 1, 1, (EVIL,)))
            talk(Warned(EVIL))
            talk(EpochDone(1, 1, 1.0, 0.5, None, None, 0.1, 1.0, 1.0))
        say(EVIL)
        live(EVIL)
        left = LIVE.sub("", stream.getvalue())
        assert HARMLESS.fullmatch(left.replace("\r", "")), ascii(left)
        assert left.count("[red]") >= 5


def test_html_shows_escapes() -> None:
    from archdsl.study.report import page

    text = page.page(EVIL, [page.tag("p", EVIL), page.table([(EVIL, "")], [[EVIL]]), page.terms([(EVIL, EVIL)])])
    assert HARMLESS.fullmatch(text)
    assert "<script" not in page.tag("p", "<script>")


@pytest.mark.parametrize("value", [EVIL, {"a": [EVIL, {EVIL: 1}]}, "\ud800", "𝄞\u202e", "\u2028"])
def test_json_is_exact_and_harmless(value: object) -> None:
    for indent in (None, 2):
        text = json_text(value, indent=indent)
        assert HARMLESS.fullmatch(text)
        assert json.loads(text) == value


@pytest.mark.parametrize("text", ["=1+2", "+se", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe_where_that_is_asked_for(text: str) -> None:
    def written(format: str) -> list[list[str]]:
        stream = io.StringIO()
        render(Table((Column("arm"), Column("delta", "float")), ((text, -1.5),)), format, stream)
        return list(csv.reader(io.StringIO(stream.getvalue())))

    exact = text.replace("\r", "\\r")
    assert written("csv")[1] == [exact, "-1.5"], "programs get the name itself"
    assert written("csv-safe")[1] == [exact if exact.startswith("\\r") else f"'{exact}", "-1.5"], "a number is a number"


def test_latex_prints_what_it_is_given() -> None:
    stream = io.StringIO()
    title = "a\n\nb --x `c' \x1b[0m\\end{table}%$&#_~^"
    render(Table((Column("n_1"),), (("v\n\nw",),), title, notes=("x\n\n--y",)), "latex", stream)
    text = stream.getvalue()
    assert (
        r"\caption{a b -{}-x \textasciigrave{}c' \textbackslash{}x1b{[}0m\textbackslash{}end\{table\}\%\$\&\#\_" in text
    )
    assert r"v\textbackslash{}n\textbackslash{}nw" in text
    assert r"x -{}-y" in text
    stream = io.StringIO()
    render(Table((Column("arm"),), (("base",), ("*best",)), notes=("one", "* two")), "latex", stream)
    assert "\n{}*best \\\\\n" in stream.getvalue(), "no `\\\\*`, which would take the star"
    assert r"\\ {}* two" in stream.getvalue()


def test_a_line_end_in_a_name_begins_no_line(said: Callable[..., tuple[int, str, str]], room: Path) -> None:
    from PIL import Image

    forged = "cat\nerror: all data corrupt"
    for number, name in enumerate((forged, "dog")):
        (room / "p" / name).mkdir(parents=True)
        for n in range(5):
            Image.new("RGB", (4, 4), (40 * n, 90 * number, 7)).save(room / "p" / name / f"{n}.png")
    text = 'net flatten linear(classes)\ndata folder("p", size=4)\ntrain sgd(0.1) epochs(1) batch(4)\n'
    (room / "s.arch").write_text(text)
    code, out, err = said("train", "s.arch", "--device", "cpu", "--precision", "plain")
    assert code == 0, err
    run = next((room / "runs").iterdir())
    told = [out, err]
    for args in (
        ["eval", str(run)],
        ["eval", str(run), "--data", "folder:p"],
        ["predict", str(run), "p/dog/0.png"],
        ["data", "folder:p"],
        ["runs", "show", str(run)],
        ["train", "s.arch"],
    ):
        told += said(*args)[1:]
    (room / "p" / forged / "0.png").write_bytes(b"")
    for n in range(1, 5):
        (room / "p" / forged / f"{n}.png").unlink()
    told += said("train", "s.arch")[1:]
    told += said("train", 'net linear(classes)\ndata csv("t.csv\nerror: all data corrupt")')[1:]
    assert not [line for text in told for line in text.splitlines() if line.startswith("error: all data corrupt")]
    assert any("cat\\nerror: all data corrupt" in text for text in told)


def test_messages_keep_their_own_lines() -> None:
    error = ArchError("one\n  two\nthree\r", help="a\nb")
    assert str(error) == "one\n  two\\nthree\\r\nhelp: a\\nb"
