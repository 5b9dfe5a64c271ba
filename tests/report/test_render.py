"""One golden file for each format; `pytest --regen tests/report` rewrites them: read the diff."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from archdsl.report import FORMATS, Column, Table, json_text, render
from archdsl.report.terminal import narrowed
from archdsl.report.text import width

GOLDEN = Path(__file__).parent / "golden"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def drawn(table: Table, monkeypatch: pytest.MonkeyPatch, **env: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "100", **env}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    render(table, "table", stream)
    return stream.getvalue()


def piped(table: Table, format: str) -> str:
    stream = io.StringIO()
    render(table, format, stream)
    return stream.getvalue()


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    def check(name: str, text: str) -> None:
        assert text, f"{name} would be empty: nothing would be compared"
        path = GOLDEN / name
        if request.config.getoption("--regen"):
            path.write_text(text, encoding="utf-8", newline="")
        assert text == path.read_bytes().decode()

    return check


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "table"])
def test_formats(format: str, nets: Table, golden) -> None:
    """A new format gets its file by `--regen`; nothing else names it."""
    golden(f"nets.{format}", piped(nets, format))


def test_terminal(nets: Table, golden, monkeypatch: pytest.MonkeyPatch) -> None:
    golden("nets.terminal", drawn(nets, monkeypatch, NO_COLOR="1"))


@pytest.mark.parametrize("columns", ["1", "20", "64", "70", "80", "x"])
def test_a_narrow_terminal_cuts_no_number(columns: str, nets: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(nets, monkeypatch, COLUMNS=columns, NO_COLOR="1")
    assert "11,689,512" in text
    assert "44.59 MiB" in text
    assert "93.4 %" in text


def test_colour_is_a_choice(nets: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    # Bold is no colour: NO_COLOR leaves it.
    assert "\x1b[" in drawn(nets, monkeypatch)
    assert "\x1b[3" not in drawn(nets, monkeypatch, NO_COLOR="1")
    assert "\x1b" not in drawn(nets, monkeypatch, TERM="dumb")


def test_a_pipe_gets_plain_unwrapped_lines(nets: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert piped(nets, "table") == piped(nets, "text")
    long = Table((Column("spec"),), (("x" * 500,),))
    assert "x" * 500 in piped(long, "table").splitlines()


def test_csv_and_json_give_the_values_back(nets: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(piped(nets, "csv"))))
    specs = [row[0] for row in nets.rows]
    # CSV has no form for a control character but a line end or a tab; JSON gives it back.
    assert [row["spec"] for row in rows] == [spec.replace("\x1b", r"\x1b") for spec in map(str, specs)]
    assert [row["spec"] for row in json.loads(piped(nets, "json"))] == specs
    assert float(rows[0]["loss"]) == 0.2345678
    assert [row["loss"] for row in json.loads(piped(nets, "json"))] == [0.2345678, None, None]
    assert json.loads(piped(nets, "json"))[0]["macs"] == 1_814_073_344


def test_json_has_no_nan_at_any_depth() -> None:
    assert json.loads(json_text({"a": [float("nan"), {"b": (float("inf"), 1)}]})) == {"a": [None, {"b": [None, 1]}]}


@pytest.mark.parametrize("format", FORMATS)
def test_empty_table(format: str) -> None:
    text = piped(Table((Column("spec"), Column("params", "int"))), format)
    assert text == "" if format == "jsonl" else text.endswith("\n")  # no row, no line


def test_json_lines_are_a_record_a_line(nets: Table) -> None:
    lines = piped(nets, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(piped(nets, "json"))


def test_latex_escapes_what_a_spec_holds_and_keeps_the_rules_of_booktabs() -> None:
    table = Table(
        (Column("arm_1"), Column("Δ", "percent")),
        (("vgg[64x2] {a | b} 5% & _^~\\", -0.5),),
        "a #1 $x$",
        notes=("n < 3",),
    )
    text = piped(table, "latex")
    assert r"vgg{[}64x2{]} \{a \textbar{} b\} 5\% \& \_\textasciicircum{}\textasciitilde{}\textbackslash{}" in text
    assert r"arm\_1 & $\Delta$ \\" in text
    assert "$-$50" in text
    assert r"\caption{a \#1 \$x\$}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"n \textless{} 3" in text


@pytest.mark.parametrize("format", FORMATS)
def test_a_poor_encoding_does_not_crash(format: str, nets: Table) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    render(nets, format, stream)
    stream.flush()
    assert raw.getvalue().isascii()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_json_loses_no_character_to_a_poor_encoding(encoding: str, format: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    render(Table((Column("é"),), (("−res é \U0001f600\n",),)), format, stream)
    stream.flush()
    found = json.loads(raw.getvalue().decode(encoding))
    assert (found[0] if format == "json" else found) == {"é": "−res é \U0001f600\n"}
    assert ("é".encode(encoding, "ignore") or b"u00e9") in raw.getvalue(), "what it has stays as it is"


def test_ill_formed_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="1 cells in a table of 2 columns"):
        Table((Column("a"), Column("b")), (("x",),))
    with pytest.raises(ValueError, match="share a key"):
        Table((Column("a"), Column("b", key="a")))
    with pytest.raises(ValueError, match="unknown format 'xml'"):
        render(Table((Column("a"),)), "xml", io.StringIO())


def test_a_pipe_never_loads_rich() -> None:
    code = (
        "import io, sys; from archdsl.report import Column, Table, render;"
        "render(Table((Column('a'),)), 'table', io.StringIO()); sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("columns", [80, 60])
def test_a_table_of_long_names_fits_and_folds_only_where_it_must(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("base", "norm=+ln, +mixup(0.2)", "train.sgd=0.05, −res")
    points = [Column(name, "points", digits=2, signed=True) for name in ("Δ", "low", "high")]
    kept = [Column("p", "p", digits=4, omit=5), Column("mean", "percent", digits=2, omit=4)]
    table = Table(
        (Column("arm"), Column("verdict"), *points, *kept, Column("others")),
        tuple((name, "worse", -0.3624, -0.6024, -0.1224, 0.0281, 0.48, "1 diverged") for name in names),
    )
    text = drawn(table, monkeypatch, COLUMNS=str(columns), NO_COLOR="1")
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines())) <= columns
    assert (names[1] in text) == (columns == 80)
    assert "−60.24" in text


def test_a_narrow_terminal_leaves_columns_out_in_their_order() -> None:
    columns = (Column("arm"), Column("mean", "percent"), Column("sd", "percent", omit=1), Column("runs", "int", omit=2))
    table = Table(columns, (("a longer name", 0.5, 0.01, 12),), "", ("all", None, None, 12), ("a note",))
    assert narrowed(table, 80) is table
    one = narrowed(table, 34)
    assert [c.name for c in one.columns] == ["arm", "mean", "runs"]
    assert (one.rows, one.footer) == ((("a longer name", 0.5, 12),), ("all", None, 12))
    assert one.notes == ("a note", "left out, as the terminal has 34 columns: sd")
    assert narrowed(table, 22).notes[1].endswith("sd, runs")
    assert len(narrowed(table, 3).columns) == 2, "those without an order stay"


def test_latex_has_the_signs_of_our_own_cells() -> None:
    table = Table((Column("a", "float"), Column("b")), ((float("-inf"), "bn → ln"),))
    assert r"$-$$\infty$ & bn $\rightarrow$ ln \\" in piped(table, "latex")


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("cat", 3),
        ("猫とネコ", 8),
        ("cafe\u0301", 4),
        ("\u0e41\u0e21\u0e27\u0e1b\u0e48\u0e32\u0e2b\u0e34\u0e21\u0e30", 8),
        ("\u1100\u1169\u110b\u1163\u11bc\u110b\u1175", 6),
    ],
)
def test_cells_of_a_text_are_those_of_a_terminal(text: str, cells: int) -> None:
    assert width(text) == cells == cell_len(text)
