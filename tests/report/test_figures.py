"""Curves in text, and as figures of equal bytes."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path

import pytest

from archdsl.report.chart import MARKS, Curve, chart, plain

nan = float("nan")
DOWN = Curve("train", [1, 2, 3], [3.0, 2.0, 1.0])
UP = Curve("valid", [1, 2, 3], [1.0, 2.0, 3.0], 1, dashed=True)


def test_letters_stand_where_the_values_are() -> None:
    lines = plain(chart([DOWN], 20, 5, dots=False)).splitlines()
    body = [line.partition("|")[2] for line in lines[:5]]
    assert [line[:1] for line in (lines[0], lines[2], lines[4])] == ["3", "2", "1"]
    assert body[0].startswith("*")
    assert body[4].endswith("*")
    assert all(MARKS[0] in line for line in body), "the points are joined"
    assert lines[5].split() == ["1", "3"]
    assert all(len(line) <= 20 for line in lines)


def test_dots_are_braille_and_keep_their_groups() -> None:
    lines = chart([DOWN, UP], 40, 6)
    signs = {c for line in lines[:6] for text, group in line if group is not None for c in text}
    assert signs
    assert all(0x2800 < ord(c) < 0x2900 or c == " " for c in signs)
    assert {group for line in lines for _, group in line} == {None, 0, 1}

    def dots(curve: Curve) -> int:
        return sum(
            (ord(c) - 0x2800).bit_count()
            for line in chart([curve], 40, 6, axis=False)
            for text, g in line
            if g is not None
            for c in text
            if c != " "
        )

    assert dots(Curve("a", UP.xs, UP.ys)) > 1.5 * dots(UP), "a dashed line has gaps"


@pytest.mark.parametrize("log", [False, True])
def test_gaps_and_what_has_no_logarithm(log: bool) -> None:
    broken = Curve("a", range(5), [1.0, nan, math.inf, 0.0, 4.0])
    lines = plain(chart([broken], 30, 5, log=log, dots=False))
    assert lines.lstrip().startswith("4 ")
    assert lines.splitlines()[4].lstrip().startswith("1 " if log else "0 ")
    assert lines.count("*") < 30, "nothing joins the two sides of a gap"


def test_one_value_and_none() -> None:
    assert chart([], 30, 5) == []
    assert chart([Curve("a", [1], [nan])], 30, 5) == []
    flat = plain(chart([Curve("a", [1, 2, 3], [0.5, 0.5, 0.5])], 30, 5, percent=True, dots=False))
    assert flat.splitlines()[2].startswith("50.0 % |***")
    assert plain(chart([Curve("a", [7], [0.5])], 30, 5, dots=False)).count("*") == 1


def test_a_logarithm_makes_a_straight_line_of_an_exponential() -> None:
    xs = list(range(20))
    lines = plain(chart([Curve("a", xs, [2.0**-x for x in xs])], 60, 10, log=True, dots=False, axis=False)).splitlines()
    places = [line.partition("|")[2] for line in lines]
    middles = [(row.index("*") + row.rindex("*")) / 2 for row in places]
    steps = [b - a for a, b in pairwise(middles)]
    assert max(steps[1:-1]) - min(steps[1:-1]) <= 1


CURVES = [
    Curve("_net $1", [1, 2, 3, 4], [2.3, 1.2, nan, 0.8], 0),
    Curve("_net $1", [1, 2, 3, 4], [2.1, 1.4, 1.3, 1.2], 0, dashed=True),
    Curve("网络", [1, 2], [2.0, 1.9], 1),
]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
@pytest.mark.parametrize("log", [False, True])
def test_equal_data_give_equal_bytes(kind: str, log: bool, tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    from archdsl.report.figures import curves

    for number, size in enumerate((9, 20)):
        with matplotlib.rc_context({"font.size": size, "lines.linewidth": size}):  # somebody's own settings
            curves(tmp_path / str(number), CURVES, "epoch", "loss", kind=kind, log=log, styles=("train", "valid"))
            assert matplotlib.rcParams["font.size"] == size
    first = (tmp_path / "0").read_bytes()
    assert first == (tmp_path / "1").read_bytes()
    assert {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind] == first[: 5 if kind == "svg" else 4]
    assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate|matplotlib\.org", first)


def test_the_curves_are_in_the_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from archdsl.report.figures import COLOURS, curves

    for percent in (False, True):
        curves(tmp_path / "a.svg", CURVES, "epoch", "loss", kind="svg", percent=percent)
        text = (tmp_path / "a.svg").read_text()
        assert text.count(f"stroke: {COLOURS[0].lower()}") >= 2
        assert f"stroke: {COLOURS[1].lower()}" in text
        assert "stroke-dasharray" in text


def test_many_groups_get_markers(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from archdsl.report.figures import COLOURS, curves

    many = [Curve(f"run {n}", range(30), [1 / (x + n + 1) for x in range(30)], n) for n in range(len(COLOURS) + 1)]
    curves(tmp_path / "all.svg", many, "epoch", "loss", kind="svg")
    curves(tmp_path / "few.svg", many[:-1], "epoch", "loss", kind="svg")
    marked = [(tmp_path / f"{n}.svg").read_text().count("<use") for n in ("few", "all")]
    assert marked[1] > marked[0] + 8, "the eighth has the first colour again, and a marker"


def test_pyplot_stays_outside(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import subprocess
    import sys

    code = (
        "import sys; from archdsl.report.chart import Curve; from archdsl.report.figures import curves\n"
        f"curves({str(tmp_path / 'a.png')!r}, [Curve('a', [1, 2], [1.0, 2.0])], 'x', 'y', kind='png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
