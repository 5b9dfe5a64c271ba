"""Tables: columns and classes without torch, then rows as vectors; every bad cell is named."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archdsl.api import load as load_spec
from archdsl.data import Arrays, DataParts, load, split
from archdsl.data.normalise import measured, normalise
from archdsl.errors import ArchError, EnvError
from archdsl.expand.overrides import data_text
from archdsl.words.data.folders import Folder
from archdsl.words.data.parts import Valid
from archdsl.words.data.tables import Table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
NAMES = ("rose", "iris", "tulip")


def rows(count: int = 60) -> list[tuple[float, int, str]]:
    rng = np.random.default_rng(3)
    return [(round(float(rng.normal(5, 2)), 4), int(rng.integers(100)), NAMES[i % 3]) for i in range(count)]


def write_csv(path: Path, count: int = 60, **cells: str) -> Path:
    """A table with three columns; ``cells`` such as a3="x" replace a cell of that row."""
    lines = ["a,b,flower"]
    for number, row in enumerate(rows(count), 1):
        lines.append(",".join(cells.get(f"{c}{number}", str(v)) for c, v in zip("abf", row, strict=True)))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_parquet(path: Path, count: int = 60) -> Path:
    a, b, flower = zip(*rows(count), strict=True)
    pq.write_table(pa.table({"a": a, "b": b, "flower": flower}), path)
    return path


def both(parts: DataParts) -> tuple[Arrays, Arrays]:
    assert isinstance(parts.train, Arrays)
    assert isinstance(parts.test, Arrays)
    return parts.train, parts.test


def test_a_table_gives_vectors(tmp_path: Path) -> None:
    table = Table(str(write_csv(tmp_path / "t.csv")), "csv", "flower")
    assert (table.input, table.classes, table.class_names) == ((2,), 3, ("iris", "rose", "tulip"))
    train, test = both(load(table))
    assert (train.images.shape, train.images.dtype) == ((48, 2), np.float32)
    assert np.bincount(test.labels).tolist() == [4, 4, 4]
    found = {
        (round(float(a), 4), int(b), table.class_names[y])
        for part in (train, test)
        for (a, b), y in zip(part.images, part.labels.tolist(), strict=True)
    }
    assert found == set(rows())


def test_csv_and_parquet_of_one_table_are_one_set(tmp_path: Path) -> None:
    first = both(load(Table(str(write_csv(tmp_path / "t.csv")), "csv")))
    second = both(load(Table(str(write_parquet(tmp_path / "t.parquet")), "parquet", "flower")))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)


def test_the_test_part_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv")
    _, test = both(load(Table(str(path), "csv")))
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(lines)]))
    _, other = both(load(Table(str(path), "csv")))
    assert np.array_equal(other.images[::-1], test.images)


def test_equal_rows_are_never_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{i % 5},{i % 2}\n" for i in range(200)))
    train, test = both(load(Table(str(path), "csv")))
    pairs = [set(zip(p.images[:, 0].tolist(), p.labels.tolist(), strict=True)) for p in (train, test)]
    assert not pairs[0] & pairs[1]
    assert len(train) + len(test) == 200
    assert len(pairs[1]) == 2


def test_a_test_file_of_its_own(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", 12)
    (tmp_path / "t.test.csv").write_text("flower,b,a\niris,1,2\n")
    train, test = both(load(Table(str(tmp_path / "t.csv"), "csv", "flower")))
    assert (len(train), test.images.tolist(), test.labels.tolist()) == (12, [[2.0, 1.0]], [0])
    (tmp_path / "set").mkdir()
    (tmp_path / "t.csv").rename(tmp_path / "set" / "train.csv")
    with pytest.raises(EnvError, match=r"lacks train\.csv or test\.csv"):
        load(Table(str(tmp_path / "set"), "csv"))
    (tmp_path / "t.test.csv").rename(tmp_path / "set" / "test.csv")
    assert len(load(Table(str(tmp_path / "set"), "csv")).test) == 1
    (tmp_path / "set" / "test.csv").write_text("a,b,flower\n1,2,oak\n")
    with pytest.raises(EnvError, match=r"test.csv, row 1, column `flower`: the class `oak`, which"):
        load(Table(str(tmp_path / "set"), "csv"))
    (tmp_path / "set" / "test.csv").write_text("a,c,flower\n1,2,iris\n")
    with pytest.raises(EnvError, match="has the columns a, c, flower, expected a, b, flower"):
        load(Table(str(tmp_path / "set"), "csv"))


def test_whole_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i % 11}\n" for i in range(44)))
    assert Table(str(path), "csv").class_names == tuple(map(str, range(11)))
    pq.write_table(pa.table({"x": list(range(44)), "y": [float(i % 11) for i in range(44)]}), tmp_path / "t.parquet")
    assert Table(str(tmp_path / "t.parquet"), "parquet").class_names == tuple(map(str, range(11)))


def test_quotes_tabs_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = 'a,"b, c",y\n1,"2"," x"\n\n3,4,"u ""v"""\n1.5,2,x\n5,6,"u ""v"""\n'
    for name, content in (("t.csv", text), ("t.tsv", text.replace(",", "\t").replace("b\t c", "b, c"))):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
        table = Table(str(tmp_path / name), "csv")
        assert table.head.features == ("a", "b, c")
        assert table.class_names == ('u "v"', "x")
        assert sum(map(len, both(load(table)))) == 4


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"a7": ""}, r"row 7, column `a`: nothing, where a number"),
        ({"b60": "many"}, r"row 60, column `b`: `many`, where a number"),
        ({"a1": "nan"}, r"row 1, column `a`: `nan`"),
        ({"a60": "1e999"}, r"row 60, column `a`: `1e999`"),
        ({"f5": ""}, r"row 5, column `flower`: no class"),
        ({"b9": "1,2"}, r"row 9: 4 cells, the header has 3"),
        ({"f2": '"x'}, r"is not a csv file"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, cells: dict[str, str], message: str) -> None:
    path = write_csv(tmp_path / "t.csv", **cells)
    with pytest.raises(EnvError, match=message) as caught:
        load(Table(str(path), "csv"))
    assert "t.csv" in str(caught.value)
    assert caught.value.help
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", "", "has 0 columns"),
        ("a b\n1 2\n", "", "at least two are needed"),
        ("a,a,y\n", "", "two columns `a`"),
        ("a,,y\n0,1,2\n", "", "column 2 of .* has no name"),
        ("a,y\n1,2\n", "z", "has no column `z`"),
        ("a,y\n", "", "has no row in its column `y`"),
        ("a,y\n1,p\n2,p\n", "", "has one class \\(`p`\\)"),
        ("a,y\n1,0.5\n2,0.7\n", "", "holds numbers such as 0.5, not classes"),
        ("a,y\n1,p\n2,p\n3,q\n", "", "the class `q` of .* has 1 different row"),
        ("a,y\n1,p\n2,p\n3,q\n3,q\n", "", "the class `q` of .* has 1 different row"),
        ("t,y\n1700000000.1,p\n1700000000.2,q\n1700000000.3,p\n1700000000.4,q\n", "", "float32 is too coarse .* `t`"),
        ("t,y\n1e300,p\n1,q\n2,p\n4,q\n", "", "float32 is too coarse .* `t`"),
        ("a,y\n\udcff,p\n", "", "is not a csv file"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, target: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(EnvError, match=message) as caught:
        load(Table(str(path), "csv", target))
    assert caught.value.help


def test_parquet_cells_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = Table(str(path), "parquet")
    with pytest.raises(EnvError, match="there is no file"):
        load(table)
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(EnvError, match="is not a Parquet file"):
        load(table)
    pq.write_table(pa.table({"a": [1.0, None, 2.0, 3.0], "y": ["p", "q", "p", "q"]}), path)
    with pytest.raises(EnvError, match="row 2, column `a`: nothing"):
        load(table)
    pq.write_table(pa.table({"a": ["1", "2", "x", "4"], "y": ["p", "q", "p", None]}), path)
    with pytest.raises(EnvError, match="row 4, column `y`: no class"):
        load(table)
    pq.write_table(pa.table({"a": [True, False, True, False], "y": ["p", "q", "q", "p"]}), path)
    assert sum(map(len, both(load(table)))) == 4


def test_a_constant_column_is_no_error_and_becomes_0(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "t.csv"
    path.write_text("a,k,y\n" + "".join(f"{i},7000000001,{i % 2}\n" for i in range(20)))
    train, _ = both(load(Table(str(path), "csv")))
    mean, std = measured(train)
    given = normalise(mean, std, torch.device("cpu"), 1)(torch.from_numpy(train.images))
    assert given.mean(0).abs().max() < 1e-6
    assert float(given[:, 0].std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert not given[:, 1].any()


def test_a_split_of_a_table(tmp_path: Path) -> None:
    parts = split(load(Table(str(write_csv(tmp_path / "t.csv")), "csv")), Valid(0.25), None, 1)
    assert (len(parts.train), len(parts.valid or ()), len(parts.test)) == (36, 12, 12)


def test_a_net_takes_its_input_and_classes_from_the_table(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv")
    spec = load_spec(f'net linear(8) relu linear(classes)\ndata csv("{path}", target="flower")')
    assert (spec.input, spec.classes, spec.cost.params) == ((2,), 3, 2 * 8 + 8 + 8 * 3 + 3)
    assert load_spec("net linear(8) relu linear(classes)", data=f"csv:{path}").input == (2,)
    with pytest.raises(ArchError, match="names no path"):
        data_text("csv:")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_counting_needs_neither_torch_nor_numpy(tmp_path: Path, kind: str) -> None:
    path = write_csv(tmp_path / "t.csv") if kind == "csv" else write_parquet(tmp_path / "t.parquet")
    code = (
        "import sys\nfrom archdsl.words.data.tables import Table\n"
        f"assert Table({str(path)!r}, {kind!r}).input == (2,)\n"
        "sys.exit(bool({'torch', *(['numpy', 'pyarrow'] if sys.argv[1] == 'csv' else [])} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, kind]).returncode == 0


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv")
    table = Table(str(path), "csv")
    assert table.classes == 3
    path.write_text("a,y\n1,p\n2,q\n")
    assert (table.input, table.class_names) == ((1,), ("p", "q"))
    about = path.stat()
    path.write_text("a,y\n1,p\n2,r\n")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert table.class_names == ("p", "r")


@pytest.mark.parametrize("dataset", [Table("~nobody-has-this-name/t.csv", "csv"), Folder("~nobody-has-this-name/p", 8)])
def test_a_home_that_is_nobodys(dataset: Table | Folder) -> None:
    with pytest.raises(EnvError, match="there is no home folder for ~nobody"):
        load(dataset)


def test_a_class_of_five_thousand_digits(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{'1' * (5000 + i % 2)}.x\n" for i in range(8)))
    assert Table(str(path), "csv").classes == 2
    path.write_text("x,y\n" + "".join(f"{i},{'1' * (5000 + i % 2)}\n" for i in range(8)))
    with pytest.raises(EnvError, match=r"holds numbers such as 1{20}, not classes"):
        load(Table(str(path), "csv"))


def test_rows_that_are_in_both_parts_are_said(tmp_path: Path) -> None:
    rows = [f"{n}.5,{n % 7},{'xy'[n % 2]}" for n in range(60)]
    for name, held in (("train", rows[:40]), ("test", rows[30:])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,label", *held]) + "\n")
    said = "warning: 10 of 30 test rows are among the training rows too (equal in every column)"
    assert said in load(Table(str(tmp_path), "csv")).notes
    (tmp_path / "test.csv").write_text("\n".join(["b,a,label", *(f"{n % 7},{n}.5,{'yx'[n % 2]}" for n in range(30))]))
    assert not any("among the training rows" in note for note in load(Table(str(tmp_path), "csv")).notes)
