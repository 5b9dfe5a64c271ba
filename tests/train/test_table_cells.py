"""The cells of a table: which texts are one class, and which types and numbers are features."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from archdsl.data import load
from archdsl.errors import EnvError
from tests.train.test_table_structure import csv_of, parquet_of, whole

pa = pytest.importorskip("pyarrow")

LABELS: list[tuple[list[str], list[str]]] = [
    (["0", "0.0", "-0", "+0", "0e5", "1", "1.0", "1e0", "+1", "10e-1"], ["0", "1"]),
    (["007", "008", "010", "123"], ["007", "008", "010", "123"]),
    (["01", "02", "10", "100"], ["01", "02", "10", "100"]),
    (["True", "false", "FALSE", "true"], ["False", "True"]),
    (["1.5a", "1", "x"], ["1", "1.5a", "x"]),
    (["18446744073709551615", "2"], ["2", "18446744073709551615"]),
    (["b'a'", "a"], ["a", "b'a'"]),
    (["-1", "1"], ["-1", "1"]),
]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(("cells", "classes"), LABELS, ids=lambda v: ",".join(v)[:20])
def test_one_class_has_one_name(cells: list[str], classes: list[str], quoted: bool, tmp_path: Path) -> None:
    form = '"{}"' if quoted else "{}"
    lines = ["x,y", *(f"{n}.5,{form.format(cell)}" for n, cell in enumerate(cells * 4))]
    assert list(csv_of(tmp_path / "d.csv", "\n".join(lines)).class_names) == classes
    table = parquet_of(tmp_path / "d.parquet", {"x": [n + 0.5 for n in range(4 * len(cells))], "y": cells * 4})
    assert list(table.class_names) == classes
    assert len(whole(table)[1]) == 4 * len(cells)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["007", "7"], "`007` and `7`"),
        (["00", "0"], "spellings of one class"),
        (["01", "2"], "leading zeros"),
        (["007", "7.0"], "spellings"),
        (["007", "+8"], "leading zeros"),
        (["0", "0.0", "x"], "`0` and `0.0`"),
        (["1", "\uff11", "2"], "spellings"),
        (["é", "e\u0301"], "spellings"),
        (["a b", "a  b"], "spellings"),
        (["1", "1.5"], "numbers such as 1.5, not classes"),
        (["0.5", "1.5"], "numbers such as 0.5"),
        (["1", "inf"], "numbers such as inf"),
        (["1", "1e400"], "numbers such as 1e400"),
        (["1", "1e99999999999999999999"], "1e9"),
        (["a", "nan"], "row 2, column `y`: no class"),
        (["a", "NA"], "missing"),
        (["a", "null"], "missing"),
        (["a", "None"], "missing"),
        (["a", ""], "row 2, column `y`: no class"),
        (["1", "NaN"], "missing"),
        (["a", "N/A"], "missing"),
    ],
)
def test_classes_that_are_refused(cells: list[str], message: str, tmp_path: Path) -> None:
    lines = ["x,y", *(f"{n}.5,{cell}" for n, cell in enumerate(cells * 4))]
    for table in (
        csv_of(tmp_path / "d.csv", "\n".join(lines)),
        parquet_of(tmp_path / "d.parquet", {"x": [n + 0.5 for n in range(4 * len(cells))], "y": cells * 4}),
    ):
        with pytest.raises(EnvError, match=message) as caught:
            load(table)
        assert caught.value.help


def test_classes_that_differ_in_capitals_are_said(tmp_path: Path) -> None:
    table = csv_of(tmp_path / "d.csv", "x,y\n" + "".join(f"{n}.5,{['Cat', 'cat', 'dog'][n % 3]}\n" for n in range(12)))
    assert table.class_names == ("Cat", "cat", "dog")
    assert any("`Cat` and `cat`" in n for n in whole(table)[2])


DAY = datetime.date(2020, 1, 1)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([b"a", b"b"], ("a", "b")),
        ([True, False], ("False", "True")),
        ([0.0, 1.0], ("0", "1")),
        ([Decimal("1.00"), Decimal("2.00")], ("1", "2")),
        ([0.5, 1.5], "not classes"),
        ([1.0, float("nan")], "missing"),
        ([1.0, None], "row 2, column `y`: no class"),
        ([None, None], "no class"),
        ([b"\xff", b"a"], "row 1, column `y`: bytes"),
        ([DAY, DAY.replace(year=2021)], "date32"),
        ([datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)], "timestamp"),
        ([[1], [2]], "list"),
        ([{"a": 1}, {"a": 2}], "struct"),
        ([datetime.timedelta(1), datetime.timedelta(2)], "duration"),
    ],
    ids=str,
)
def test_types_of_labels_in_parquet(labels: list[object], expected: tuple[str, ...] | str, tmp_path: Path) -> None:
    table = parquet_of(tmp_path / "d.parquet", {"x": [n + 0.5 for n in range(8)], "y": pa.array(labels * 4)})
    if isinstance(expected, tuple):
        assert table.class_names == expected
        assert len(whole(table)[1]) == 8
        return
    with pytest.raises(EnvError, match=expected) as caught:
        load(table)
    assert caught.value.help


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal("1.25"), Decimal("-2.50")], [1.25, -2.5]),
        ([True, False], [1, 0]),
        (["1e2", " 3 "], [100, 3]),
        ([DAY, DAY.replace(year=2021)], "`x` .* date32"),
        ([datetime.datetime(2020, 1, 1)] * 2, "timestamp"),
        ([[1.0], [2.0]], "list"),
        ([{"a": 1}, {"a": 2}], "struct"),
        ([b"1", b"2"], "binary"),
        ([1.0, float("nan")], "row 2, column `x`: `nan`"),
        ([1.0, float("inf")], "row 2, column `x`: `inf`"),
        ([1, None], "row 2, column `x`: nothing"),
        ([None, None], "row 1, column `x`"),
        ([2**60, 2**60 + 1], "too coarse"),
        ([2**64 - 1, 2**64 - 3], "too coarse"),
        ([2**53, 2**53 + 1], "too coarse"),
        (["1.00000000000000000001", "1.00000000000000000002"], "too coarse"),
        ([1e-60, 2e-60], "too coarse"),
        ([Decimal("100000000000000000.01"), Decimal("100000000000000000.02")], "too coarse"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_types_of_features_in_parquet(values: list[object], expected: list[float] | str, tmp_path: Path) -> None:
    x = pa.array(values * 4, pa.uint64() if isinstance(values[0], int) and values[0] > 2**63 else None)
    table = parquet_of(tmp_path / "d.parquet", {"n": [n + 0.5 for n in range(8)], "x": x, "y": list("ppqqqqpp")})
    if isinstance(expected, list):
        assert whole(table)[0][:, 1].tolist() == expected * 4
        return
    with pytest.raises(EnvError, match=expected) as caught:
        load(table)
    assert caught.value.help


def test_long_numbers_of_csv_are_compared_exactly(tmp_path: Path) -> None:
    for low in (2**60, 2**53):
        text = "x,y\n" + "".join(f"{low + n},{'pq'[n % 2]}\n" for n in range(8))
        with pytest.raises(EnvError, match="too coarse for the column `x`"):
            load(csv_of(tmp_path / "d.csv", text))
    far = "x,y\n" + "".join(f"{n * 2**55},{'pq'[n % 2]}\n" for n in range(8))
    assert whole(csv_of(tmp_path / "d.csv", far))[0][:, 0].tolist() == [n * 2.0**55 for n in range(8)]


def test_one_far_value_does_not_hide_that_the_others_become_one(tmp_path: Path) -> None:
    rows = [0, *(10**9 + n for n in range(50))]
    text = "x,y\n" + "".join(f"{v},{'pq'[n % 2]}\n" for n, v in enumerate(rows))
    with pytest.raises(EnvError, match="too coarse"):
        load(csv_of(tmp_path / "d.csv", text))
    heavy = [*(n / 10 for n in range(50)), 1e12]  # here it is the far value alone that is coarse
    text = "x,y\n" + "".join(f"{v},{'pq'[n % 2]}\n" for n, v in enumerate(heavy))
    assert len(whole(csv_of(tmp_path / "d.csv", text))[1]) == 51


@pytest.mark.parametrize(
    ("train", "test", "labels"),
    [("0 1", "1.0 0 1e0 +1 -0", [1, 0, 1, 1, 0]), ("true false", "TRUE False", [1, 0]), ("a b", "b a", [1, 0])],
)
def test_a_test_file_may_spell_classes_otherwise(train: str, test: str, labels: list[int], tmp_path: Path) -> None:
    table = csv_of(tmp_path / "d.csv", "x,y\n" + "".join(f"{n}.5,{c}\n" for n, c in enumerate(train.split() * 4)))
    (tmp_path / "d.test.csv").write_text("y,x\n" + "".join(f"{c},{n}.25\n" for n, c in enumerate(test.split())))
    assert load(table).test.labels.tolist() == labels


@pytest.mark.parametrize(
    ("train", "test"), [("007 008", "7"), ("7 8", "007"), ("a b", "A"), ("0 1", "1.5"), ("0 1", "x")]
)
def test_a_test_file_with_other_classes_is_refused(train: str, test: str, tmp_path: Path) -> None:
    table = csv_of(tmp_path / "d.csv", "x,y\n" + "".join(f"{n}.5,{c}\n" for n, c in enumerate(train.split() * 4)))
    (tmp_path / "d.test.csv").write_text(f"y,x\n{test},1\n")
    with pytest.raises(EnvError, match=r"d.test.csv, row 1, column `y`: the class .* which the training rows lack"):
        load(table)
