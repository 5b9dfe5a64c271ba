import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.report import Column, compact, exact, percent, size
from archdsl.report.numbers import many, show


def test_numbers_agree_with_their_nouns() -> None:
    assert [many(n, "run") for n in (0, 1, 2, 1200)] == ["0 runs", "1 run", "2 runs", "1,200 runs"]
    assert [many(n, "run is", "runs are") for n in (0, 1, 2)] == ["0 runs are", "1 run is", "2 runs are"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (-12, "-12"),
        (1000, "1.00 k"),
        (999_949, "999.9 k"),
        (999_999, "1.00 M"),
        (11_689_512, "11.69 M"),
        (25_557_032, "25.56 M"),
        (4_089_184_256, "4.09 G"),
        (-1_234_567, "-1.23 M"),
        (10**18, "1000 P"),
        (3.5, "3.50"),
        (math.inf, "inf"),
    ],
)
def test_compact(value: float, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (46_758_048, "44.59 MiB")]
)
def test_size(value: int, text: str) -> None:
    assert size(value) == text


def test_exact_and_percent() -> None:
    assert exact(11_689_512) == "11,689,512"
    assert percent(0.934) == "93.4 %"
    assert percent(0.93456, digits=2) == "93.46 %"


@given(st.integers(min_value=1000, max_value=10**17))
def test_compact_is_near_the_truth_and_short(value: int) -> None:
    number, unit = compact(value).split()
    scale = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15}[unit]
    assert 1 <= float(number) < 1000
    assert math.isclose(float(number) * 10**scale, value, rel_tol=0.005)


@pytest.mark.parametrize("cell", [None, math.nan])
def test_no_value_is_a_dash(cell: float | None) -> None:
    assert show(cell, Column("loss", "float")) == "–"


def test_flags_and_infinities() -> None:
    assert show(True, Column("ok")) == "yes"
    assert show(-math.inf, Column("loss", "float")) == "−∞"


def test_differences_of_shares_are_points_with_a_sign() -> None:
    column = Column("Δ", "points", digits=2, signed=True)
    assert [show(v, column) for v in (0.0123, -0.0123, 0.0, 0.00001, None)] == ["+1.23", "−1.23", "0.00", "0.00", "–"]
    assert show(0.5, Column("x", "float", digits=1, signed=True)) == "+0.5"
