"""One table written in forms that mean the same gives the same tensors, labels and split, or is refused."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.data import table
from archdsl.errors import EnvError
from archdsl.words.data.tables import Table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

COUNT = 30
NAMES = ("a", "b c", "n", "on", "y")
DECIMALS = [round(float(v), 3) for v in np.random.default_rng(5).normal(0, 30, COUNT)]
HUNDREDTHS = [round(0.1 + 0.1 * i, 1) for i in range(COUNT)]  # 0.1 of float32 is not 0.1 of float64
WHOLE = [(7 * i) % 23 - 5 for i in range(COUNT)]
BITS = [i % 3 == 0 for i in range(COUNT)]
TEXTS = [("rose", "iris, wild", 'tu"lip')[i % 3] for i in range(COUNT)]
NUMBERS = [(i % 3) * 5 for i in range(COUNT)]

FLOATS = {"plain": str, "long": lambda v: f"{v:.6f}", "exponent": lambda v: f"{v:.9e}", "plus": lambda v: f"{v:+}"}
INTS = {
    "plain": str,
    "point": lambda v: f"{v}.",
    "zero": lambda v: f"{v}.0",
    "exponent": lambda v: f"{v}e0",
    "plus": lambda v: f"{v:+d}",
}
BOOLS = {"bits": lambda v: str(int(v)), "words": str, "lower": lambda v: str(v).lower(), "float": lambda v: f"{v:.1f}"}


def columns(classes: str) -> list[list[Any]]:
    return [DECIMALS, HUNDREDTHS, WHOLE, BITS, TEXTS if classes == "texts" else NUMBERS]


def reference(folder: Path, classes: str) -> Path:
    path = folder / f"reference-{classes}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *zip(*columns(classes), strict=True)])
    return path


def tensors(first: Path, kind: str, other: Path) -> list[np.ndarray]:
    """The four arrays of a table, its columns in the order of the reference."""
    known = Table(str(first), "csv", "y").head
    own = Table(str(other), kind, "y")
    assert own.head.classes == known.classes
    assert sorted(own.head.features) == sorted(known.features)
    parts = table.read(own, replace(own.head, features=known.features))
    return [parts.train.images, parts.train.labels, parts.test.images, parts.test.labels]


def check(first: Path, kind: str, other: Path) -> None:
    for one, two in zip(tensors(first, "csv", first), tensors(first, kind, other), strict=True):
        assert one.dtype == two.dtype
        assert np.array_equal(one, two)


@settings(max_examples=40)
@given(data=st.data())
def test_csv_in_any_form(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    draw = data.draw
    folder = tmp_path_factory.mktemp("csv")
    classes = draw(st.sampled_from(["texts", "numbers"]))
    order = draw(st.permutations(range(5)))
    write = [FLOATS, FLOATS, INTS, BOOLS, INTS if classes == "numbers" else {"plain": str}]
    held = columns(classes)
    cells: list[list[str]] = []
    for place in order:  # each cell of a column may have a spelling of its own, a column of truth values one alone
        kinds = sorted(write[place])
        one = draw(st.sampled_from(kinds)) if place == 3 else None
        chosen = [one] * COUNT if one else draw(st.lists(st.sampled_from(kinds), min_size=COUNT, max_size=COUNT))
        cells.append([write[place][kind](value) for kind, value in zip(chosen, held[place], strict=True)])
    mark = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    text = io.StringIO()
    csv.writer(text, delimiter=mark, quoting=quoting, lineterminator=draw(st.sampled_from(["\n", "\r\n"]))).writerows(
        [[NAMES[place] for place in order], *zip(*cells, strict=True)]
    )
    written = text.getvalue()
    if draw(st.booleans()):
        written = written.replace("\n", "\n\n", 3)  # blank lines
    if quoting == csv.QUOTE_MINIMAL and draw(st.booleans()):
        written = written.replace(mark, f" {mark} ") if classes == "numbers" else written.replace("rose", "  rose ")
    code = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    path = folder / ("t.tsv" if mark == "\t" and draw(st.booleans()) else "t.csv")
    path.write_bytes(written.encode(code))
    check(reference(folder, classes), "csv", path)


WIDE = [pa.float64(), pa.float32(), pa.string(), pa.large_string(), pa.decimal128(20, 6)]
KINDS = {
    "a": WIDE,
    "b c": WIDE,
    "n": [pa.int8(), pa.int64(), pa.float64(), pa.float32(), pa.string(), pa.dictionary(pa.int8(), pa.int32())],
    "on": [pa.bool_(), pa.uint8(), pa.float64(), pa.string()],
}
TARGETS = {
    "texts": [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
    "numbers": [
        pa.int8(),
        pa.uint64(),
        pa.float32(),
        pa.float64(),
        pa.string(),
        pa.decimal128(5, 2),
        pa.binary(),
        pa.dictionary(pa.int8(), pa.int64()),
    ],
}


def array(values: list[Any], kind: Any) -> Any:
    if pa.types.is_dictionary(kind):
        return array(values, kind.value_type).dictionary_encode().cast(kind)
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(str(v)) for v in values], kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        return pa.array(list(map(str, values))).cast(kind)
    return pa.array([int(v) if isinstance(v, bool) and kind != pa.bool_() else v for v in values]).cast(kind)


@settings(max_examples=40)
@given(data=st.data())
def test_parquet_of_any_types(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    draw = data.draw
    folder = tmp_path_factory.mktemp("parquet")
    classes = draw(st.sampled_from(["texts", "numbers"]))
    held = dict(zip(NAMES, columns(classes), strict=True))
    kinds = {name: draw(st.sampled_from(KINDS.get(name, TARGETS[classes]))) for name in NAMES}
    order = draw(st.permutations(NAMES))
    found = pa.table({name: array(held[name], kinds[name]) for name in order})
    if draw(st.booleans()):
        index = pa.array(draw(st.permutations(range(COUNT))))
        found = found.append_column("__index_level_0__", index)
    rows = draw(st.sampled_from([1, 7, COUNT]))
    pq.write_table(found, folder / "t.parquet", row_group_size=rows, use_dictionary=draw(st.booleans()))
    check(reference(folder, classes), "parquet", folder / "t.parquet")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.5", "1,5"),
        ("1.5", "1.5 kg"),
        ("1.5", "150%"),
        ("1.5", "$1.5"),
        ("1.5", "1.5f"),
        ("1.5", "1.5.0"),
        ("1500", "1,500"),
        ("15", "1_5"),
        ("15", "0xF"),
        ("15", "\uff11\uff15"),
        ("15", "\u0661\u0665"),
        ("15", "1 5"),
        ("15", "--15"),
        ("15", "inf"),
        ("15", "-Infinity"),
        ("15", "1e400"),
        ("15", "NA"),
        ("15", "nan"),
        ("15", "NULL"),
        ("15", "None"),
        ("15", " "),
        ("15", "?"),
        ("15", "true"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_other_programs_may_read_as_a_number_is_refused(old: str, new: str, kind: str, tmp_path: Path) -> None:
    cells = [str(i) for i in range(10)]
    for text, fails in ((old, False), (new, True)):
        cells[4] = text
        path = tmp_path / f"t.{kind}"
        if kind == "csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("x", "y"), *zip(cells, "pq" * 5, strict=True)])
        else:
            pq.write_table(pa.table({"x": cells, "y": list("pq" * 5)}), path)
        own = Table(str(path), kind)
        if not fails:
            parts = table.read(own)
            assert float(text) in np.concatenate([parts.train.images, parts.test.images])
            continue
        with pytest.raises(EnvError, match="row 5, column `x`") as caught:
            table.read(own)
        assert caught.value.help
