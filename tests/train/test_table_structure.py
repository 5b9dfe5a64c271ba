"""What of a table is guessed: header, separator, index columns, classes. Each guess is right and said, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from archdsl.api import load as load_spec
from archdsl.data import Arrays, load
from archdsl.data.about import about
from archdsl.errors import EnvError
from archdsl.words.data.folders import Folder
from archdsl.words.data.tables import Table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def csv_of(path: Path, text: str, **how: str) -> Table:
    path.write_text(text, "utf-8", newline="")
    return Table(str(path), "csv", **how)  # type: ignore[arg-type]


def parquet_of(
    path: Path, columns: dict[str, object], target: str = "", pandas: dict[str, object] | None = None
) -> Table:
    table = pa.table(columns)
    if pandas is not None:
        table = table.replace_schema_metadata({"pandas": json.dumps(pandas)})
    pq.write_table(table, path)
    return Table(str(path), "parquet", target)


def whole(table: Table) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """All rows of both parts, sorted by the first column; and the notes."""
    parts = load(table)
    assert isinstance(parts.train, Arrays)
    assert isinstance(parts.test, Arrays)
    images = np.concatenate([parts.train.images, parts.test.images])
    labels = np.concatenate([parts.train.labels, parts.test.labels])
    order = np.argsort(images[:, 0])
    return images[order], labels[order], parts.notes


ROWS = "".join(f"{i}.5,{i * i % 7},{'pq'[i % 2]}\n" for i in range(12))


@pytest.mark.parametrize(
    "first",
    [
        "5.1,3.5,p",
        "x,3.5,p",
        "2019,2020,label",
        "0,1,2",
        ",0,1",
        "True,x,p",
        "NA,x,p",
        "1_5,x,p",
        "12%,x,p",
        "inf,x,p",
        "-,?,p",
        '"1,5",x,p',
        "\u0663,x,p",
    ],
)
def test_a_first_row_that_may_be_one_of_values_is_refused_with_the_choices(first: str, tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="doubtful whether the first row") as caught:
        load(csv_of(tmp_path / "d.csv", first + "\n" + ROWS))
    assert "header=yes" in caught.value.help
    assert "header=no" in caught.value.help
    csv_of(tmp_path / "d.csv", "x,z,y\n" + ROWS)
    (tmp_path / "d.test.csv").write_text(first + "\n" + ROWS, "utf-8")
    with pytest.raises(EnvError, match=r"the first row of .*d.test.csv") as caught:
        load(Table(str(tmp_path / "d.csv"), "csv"))
    assert "d.test.csv" not in caught.value.help, "which would make it the training file"


def test_a_first_row_that_occurs_again_is_doubtful(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="row 13 is equal to it"):
        load(csv_of(tmp_path / "d.csv", "x,z,y\n" + ROWS + "x,z,y\n" + ROWS))


def test_without_a_header_no_row_is_lost(tmp_path: Path) -> None:
    table = csv_of(tmp_path / "d.csv", ROWS, header="no")
    images, labels, _ = whole(table)
    assert (table.head.features, table.head.target) == (("c1", "c2"), "c3")
    assert images.tolist() == [[i + 0.5, i * i % 7] for i in range(12)]
    assert labels.tolist() == [i % 2 for i in range(12)]
    other = csv_of(tmp_path / "d.csv", "1,2,y\n" + ROWS, header="yes")
    assert other.head.features == ("1", "2")
    assert len(whole(other)[1]) == 12
    assert csv_of(tmp_path / "d.csv", ROWS, header="no", target="c3").head.target == "c3"


def test_the_header_is_a_word_of_the_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    csv_of(Path("d.csv"), ROWS)
    found = load_spec('net linear(classes)\ndata csv("d.csv", header=no)')
    assert (found.input, found.classes) == ((2,), 2)
    assert "header=no" in found.canonical
    assert load_spec("net linear(classes)", data='csv("d.csv", header=no)').hash == found.hash


def test_without_the_header_a_text_has_the_hash_that_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    csv_of(Path("d.csv"), "x,z,y\n" + ROWS)
    assert load_spec('net linear(classes)\ndata csv("d.csv")').hash == "a6d590b6df7c6f27"
    assert load_spec('net linear(classes)\ndata csv("d.csv", header=yes)').hash != "a6d590b6df7c6f27"


@pytest.mark.parametrize(
    ("kind", "index"),
    [
        ("csv", ""),
        ("csv", "Unnamed: 0"),
        ("csv", "Unnamed: 0.1"),
        ("csv", "__index_level_0__"),
        ("parquet", "Unnamed: 0"),
        ("parquet", "__index_level_0__"),
        ("parquet", "__index_level_1__"),
    ],
)
def test_an_index_column_is_left_out_and_said(index: str, kind: str, tmp_path: Path) -> None:
    """At the left of a csv file, or last in Parquet, where it would be the target."""
    xs, ys = [i * 7 % 13 + 0.5 for i in range(12)], ["pq"[i % 2] for i in range(12)]
    if kind == "csv":
        lines = [f"{index},x,y", *(f"{i},{x},{y}" for i, (x, y) in enumerate(zip(xs, ys, strict=True)))]
        table = csv_of(tmp_path / "d.csv", "\n".join(lines))
    else:
        table = parquet_of(tmp_path / "d.parquet", {"x": xs, "y": ys, index: list(range(12))})
    assert (table.head.features, table.head.target) == (("x",), "y")
    notes = whole(table)[2]
    shown = index or "(column 1, without a name)"
    assert any(n.startswith("left out") and shown in n for n in notes)
    assert any(n.startswith("left out") for n in about(table)["found"])


def test_the_index_that_the_metadata_of_pandas_names(tmp_path: Path) -> None:
    columns = {"x": [1.5, 2.5, 3.5, 5.5], "time": [4, 3, 8, 1], "y": ["p", "q", "q", "p"]}
    with pytest.raises(EnvError, match=r"`time` .* is the index of a pandas table") as caught:
        load(parquet_of(tmp_path / "d.parquet", columns, pandas={"index_columns": ["time"]}))
    assert "reset_index" in caught.value.help
    whole_range = {"index_columns": [{"kind": "range", "name": None, "start": 0, "stop": 4, "step": 1}]}
    assert parquet_of(tmp_path / "d.parquet", columns, pandas=whole_range).head.features == ("x", "time")
    named = {"x": [1.5, 2.5, 3.5, 5.5], "t": ["p", "q", "q", "p"]}
    assert parquet_of(tmp_path / "d.parquet", named, "t", {"index_columns": ["t"]}).head.target == "t"
    pq.write_table(pa.table(columns).replace_schema_metadata({"pandas": "{"}), tmp_path / "d.parquet")
    with pytest.raises(EnvError, match="metadata of pandas"):
        load(Table(str(tmp_path / "d.parquet"), "parquet"))


def test_columns_that_number_the_rows_or_tell_nothing_are_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["id,when,k,x,y"]
    lines += [f"{i},{i * 3 + i % 2},7,{v:.3f},{'pq'[i % 2]}" for i, v in enumerate(rng.normal(size=40))]
    notes = whole(csv_of(tmp_path / "d.csv", "\n".join(lines)))[2]
    assert next(n for n in notes if "number the rows" in n).endswith(": id, when")
    assert next(n for n in notes if "one value" in n).endswith(": k")


def test_one_of_several_parts_of_a_table_is_said(tmp_path: Path) -> None:
    for name, warned in (("t-00000-of-00002.csv", True), ("t-00000-of-00001.csv", False), ("1-of-2-tries.csv", False)):
        notes = whole(csv_of(tmp_path / name, "x,z,y\n" + ROWS))[2]
        assert any("is one of 2 parts" in n for n in notes) == warned


def test_what_was_found_is_said(tmp_path: Path) -> None:
    table = csv_of(tmp_path / "d.csv", "x,z,y\n" + ROWS)
    notes = whole(table)[2]
    assert notes[0] == "12 rows of 2 features: x, z"
    assert notes[1] == "target `y`, 2 classes (training + test rows): p 5 + 1, q 5 + 1"
    assert "a fifth of each class" in notes[2]
    assert about(table)["counts"] == {"p": [5, 1], "q": [5, 1]}


def test_rows_that_the_training_part_has_several_times_are_counted(tmp_path: Path) -> None:
    assert not any("repeated" in note for note in whole(csv_of(tmp_path / "d.csv", "x,z,y\n" + ROWS))[2])
    twice = csv_of(tmp_path / "d.csv", "x,z,y\n" + ROWS + ROWS)
    train = load(twice).train
    assert isinstance(train, Arrays)
    again = len(train) - len(
        {(*row, label) for row, label in zip(train.images.tolist(), train.labels.tolist(), strict=True)}
    )
    assert f"{again} training rows are repeated (equal in every column)" in whole(twice)[2]
    (tmp_path / "d.test.csv").write_text("x,z,y\n" + ROWS)
    assert "12 training rows are repeated (equal in every column)" in whole(twice)[2]
    assert any("12 of 12 test rows are among the training rows too" in note for note in whole(twice)[2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# made by hand\nx,z,y\n" + ROWS, "begins with `# made by hand`"),
        ("# x,z,y\n" + ROWS, "begins with `# x`"),
        ("sep=;\nx;z;y\n" + ROWS.replace(",", ";"), "begins with `sep="),
        ("x,z,y,\n" + ROWS.replace("\n", ",\n"), "column 4 of .* has no name"),
        ("x,z,y\n" + ROWS.replace("\n", ",\n"), "row 1: 4 cells, the header has 3"),
        ("x, x ,y\n" + ROWS, "two columns `x`"),
        ("x;z;y\n" + ROWS.replace(",", ";").replace(".", ","), "`0,5`, with a comma in it"),
        ("x,z,y\n" + ROWS + "   \n", "row 13: 1 cells"),
        ("x,z,y\n" + ROWS + ",,\n", "row 13, column `y`: no class"),
        ("x,z,y\n" + ROWS + "x,z,q\n", "row 13, column `x`: `x`, where a number is needed"),
        ("x,z,y\n" + ROWS.replace("p", "p\0"), "characters of the value zero"),
        ("x,z,y\n" + ROWS + "#1,2,3\n", "row 13, column `x`: `#1`"),
        ("name,z,y\n" + "".join(f"Ann {r}\n" for r in ROWS.split()), "row 1, column `name`: `Ann 0.5`"),
    ],
)
def test_structure_that_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(EnvError, match=message) as caught:
        load(csv_of(tmp_path / "d.csv", text))
    assert caught.value.help
    assert caught.value.exit_code == 4


def test_a_row_taken_out_by_a_hash_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="row 3 begins with `#`"):
        load(csv_of(tmp_path / "d.csv", "y,x\np,1\nq,2\n#p,3\np,4\nq,5\n", target="y"))


def test_a_row_taken_out_by_a_hash_is_no_class_of_one_of_several_targets(tmp_path: Path) -> None:
    rows = "p,u,1\nq,v,2\n#p,u,3\np,v,4\nq,u,5\n"
    with pytest.raises(EnvError, match="row 3 begins with `#`"):
        load(csv_of(tmp_path / "d.csv", f"y,z,x\n{rows}", target="y, z"))
    second = csv_of(
        tmp_path / "e.csv", "x,y,z\n" + "".join(f"{n},#{'pq'[n % 2]},{'uv'[n % 3 > 0]}\n" for n in range(9))
    )
    assert len(load(Table(second.path, "csv", "y, z")).train)


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_decimal_commas_below_a_header_with_a_comma_are_no_separators(mark: str, tmp_path: Path) -> None:
    rows = [f"{n},5;{n * n % 7};{'pq'[n % 2]}" for n in range(12)]
    text = "\n".join(["length, cm;z;y", *rows]).replace(";", mark)
    with pytest.raises(EnvError, match=r"doubtful whether commas or .* separate the columns") as caught:
        load(csv_of(tmp_path / "d.csv", text))
    assert "decimal point" in caught.value.help
    quoted = "\n".join(["x,z,y", *(f'{n}.5,{n * n % 7},"{"pq"[n % 2]}{mark}"' for n in range(12))])
    assert len(whole(csv_of(tmp_path / "d.csv", quoted))[1]) == 12


def test_a_text_column_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="row 1, column `name`") as caught:
        load(csv_of(tmp_path / "d.csv", "x,name,y\n1,Ann,p\n2,Bob,q\n3,Cy,p\n4,Di,q\n"))
    assert "4 of 4 cells of this column are not numbers: take the column out" in caught.value.help


@pytest.mark.parametrize("index", ["", "Unnamed: 0"])
@pytest.mark.parametrize(
    ("cells", "left"),
    [
        ([0, 1, 2, 3, 4, 5], True),
        ([9, 7, 8, 6, 5, 10], True),
        (["a1", "a2", "b1", "c", "d", "e"], True),
        ([0.5, 1.5, 2.5, 0.5, 3.5, 4.5], False),
        ([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], False),
        ([0, 1, 0, 1, 0, 1], False),
        ([10, 20, 30, 40, 50, 60], False),
        (["m", "f", "m", "f", "m", "f"], False),
        (["", "", "", "", "", ""], False),
    ],
)
def test_a_column_without_a_name_is_an_index_or_refused(
    index: str, cells: list[object], left: bool, tmp_path: Path
) -> None:
    lines = [f"{index},b,label", *(f"{cell},{n % 3},{'xy'[n % 2]}" for n, cell in enumerate(cells))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    table = Table(str(tmp_path / "t.csv"), "csv")
    if left:
        assert table.head.features == ("b",)
        assert any("left out, as an index" in note for note in table.head.notes)
        return
    with pytest.raises(EnvError, match=r"not those of an index: it may be a feature") as caught:
        _ = table.head
    assert "name it in the file" in caught.value.help


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\ufeff", "\u2060", "\u200d"])
def test_classes_that_differ_in_what_does_not_show_are_refused(hidden: str, tmp_path: Path) -> None:
    for other in (f"cat{hidden}", f"c{hidden}at"):
        rows = [f"{n},{('cat', other, 'dog')[n % 3]}" for n in range(1, 20)]
        (tmp_path / "t.csv").write_text("\n".join(["a,label", *rows]) + "\n", "utf-8")
        with pytest.raises(EnvError, match="spellings of one class"):
            _ = Table(str(tmp_path / "t.csv"), "csv").head
    for name in ("cat", f"cat{hidden}", "dog"):
        (tmp_path / "p" / name).mkdir(parents=True)
        (tmp_path / "p" / name / "1.png").write_bytes(b"x")
    with pytest.raises(EnvError, match="differ only in spaces, in characters of zero width"):
        _ = Folder(str(tmp_path / "p"), 4).class_names
