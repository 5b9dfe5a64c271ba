"""Where a message points to in the line that it shows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from archdsl.errors import SpecError
from archdsl.expand import expand
from archdsl.report.text import width
from archdsl.syntax.parse import parse


@pytest.mark.parametrize("name", ["photos", "写真/データ", "\u1100\u1169", "é" * 300])
def test_the_marks_are_under_the_place(name: str) -> None:
    text = f'net gap linear(10)\ndata folder("{name}") flipp  # 注\n'
    with pytest.raises(SpecError) as caught:
        expand(parse(text))
    lines = str(caught.value).split("\n")
    shown, marks = next((line, below) for line, below in pairwise(lines) if "^" in below)
    assert width(shown[: shown.index("flipp")]) == marks.index("^")
    assert marks.count("^") == len("flipp")
