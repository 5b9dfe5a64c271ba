"""A net and data are matched by the names of columns and classes, never by their places in silence."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.cli.main import main
from tests.cli.conftest import Run

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
COLUMNS = ("width", "height", "depth")


def cells() -> list[tuple[str, str, str, str]]:
    """Rows whose class depends on which of two columns is the larger."""
    rng = np.random.default_rng(1)
    found = []
    for n in range(60):
        low, high = rng.normal(2, 0.5), rng.normal(9, 0.5)
        pair = (low, high) if n % 2 else (high, low)
        found.append((f"{pair[0]:.2f}", f"{pair[1]:.2f}", f"{rng.normal():.2f}", "yes" if n % 2 else "no"))
    return found


def write(path: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A run on a table and one on folders of pictures, trained once."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        patch.setenv("GOMP_SPINCOUNT", "1000")
        patch.chdir(place)
        write("t.csv", (*COLUMNS, "label"), cells())
        photos(place / "photos", {"apple": 20, "banana": 120, "cherry": 230})
        for name, text in (
            ("table", 'net linear(classes)\ndata csv("t.csv")\ntrain adam(0.1) epochs(25) batch(16)'),
            (
                "folder",
                'net conv(4) relu gap linear(classes)\ndata folder("photos", size=8)\ntrain adam(0.1) epochs(25) batch(8)',
            ),
        ):
            assert main(["train", text, "--out", name, "--precision", "plain", "--quiet"]) == 0
        found = {name: next((place / name).iterdir()).resolve() for name in ("table", "folder")}
        for folder in found.values():
            assert json.loads((folder / "result.json").read_text())["test_accuracy"] == 1
        yield {**found, "place": place}


def photos(root: Path, classes: dict[str, int], each: int = 6) -> None:
    for name, value in classes.items():
        (root / name).mkdir(parents=True)
        for n in range(each):
            Image.new("RGB", (8, 8), (value + n, value, value)).save(root / name / f"{n}.png")


@pytest.fixture
def accuracy(run: Run, trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[float, str]]:
    """`archdsl eval` of one of the runs: the accuracy, and what was said. Its own table is where it was."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    shutil.copy(trained["place"] / "t.csv", "t.csv")
    shutil.copytree(trained["place"] / "photos", "photos")

    def call(which: str, *args: str) -> tuple[float, str]:
        done = run("eval", str(trained[which]), *args, "--format", "json")
        assert done.code == 0, done.err
        return json.loads(done.out)["results"][0]["accuracy"], done.err

    return call


def test_a_run_records_its_columns(trained: dict[str, Path]) -> None:
    known = json.loads((trained["table"] / "settings.json").read_text())
    assert (known["columns"], known["target"], known["classes"]) == (list(COLUMNS), "label", ["no", "yes"])
    assert "columns" not in json.loads((trained["folder"] / "settings.json").read_text())


def test_columns_in_any_order(accuracy: Callable[..., tuple[float, str]]) -> None:
    rows = cells()
    write("swapped.csv", ("label", "height", "width", "depth"), [(y, b, a, c) for a, b, c, y in rows])
    found, said = accuracy("table", "--data", "csv:swapped.csv")
    assert found == 1
    assert "another order" in said
    held = {
        "depth": [float(r[2]) for r in rows],
        "label": [r[3] for r in rows],
        "height": [float(r[1]) for r in rows],
        "width": [float(r[0]) for r in rows],
    }
    pq.write_table(pa.table(held), "swapped.parquet")
    assert accuracy("table", "--data", "parquet:swapped.parquet")[0] == 1


def test_columns_that_are_others(
    run: Run, accuracy: Callable[..., tuple[float, str]], trained: dict[str, Path]
) -> None:
    rows = cells()
    for name, names, held, said in (
        ("renamed", ("a", "height", "depth", "label"), rows, "missing: width; not known to the net: a"),
        ("fewer", ("width", "height", "label"), [(a, b, y) for a, b, _, y in rows], "missing: depth"),
        ("more", (*COLUMNS, "label", "e"), [(*r, "1") for r in rows], "not known to the net: e"),
        ("target", (*COLUMNS, "sort"), rows, "no column `label`, the target of the net"),
    ):
        write(f"{name}.csv", names, held)
        done = run("eval", str(trained["table"]), "--data", f"csv:{name}.csv")
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert "the net takes width, height, depth" in done.err
    found, said = accuracy("table", "--data", "csv:renamed.csv", "--match", "position")
    assert found == 1
    assert "columns of csv:renamed.csv are matched by position: a as width" in said
    assert accuracy("table", "--data", 'csv("target.csv", target="sort")')[0] == 1
    assert run("eval", str(trained["table"]), "--data", "csv:fewer.csv", "--match", "position").code == 2


def test_classes_of_a_table(run: Run, accuracy: Callable[..., tuple[float, str]], trained: dict[str, Path]) -> None:
    rows = cells()
    write("one.csv", (*COLUMNS, "label"), [r for r in rows if r[3] == "yes"])
    found, said = accuracy("table", "--data", "csv:one.csv")
    assert found == 1, "a class in another place than among the net's"
    assert "has no no, which the net knows too" in said
    write("other.csv", (*COLUMNS, "label"), [(*r[:3], {"no": "a", "yes": "b"}[r[3]]) for r in rows])
    done = run("eval", str(trained["table"]), "--data", "csv:other.csv")
    assert (done.code, done.out) == (2, "")
    assert "the data has a, b" in done.err
    assert "the net knows no, yes" in done.err
    found, said = accuracy("table", "--data", "csv:other.csv", "--match", "position")
    assert found == 1
    assert "a as no, b as yes" in said


def test_classes_of_folders(run: Run, accuracy: Callable[..., tuple[float, str]], trained: dict[str, Path]) -> None:
    photos(Path("two"), {"banana": 120, "cherry": 230})
    found, said = accuracy("folder", "--data", "folder:two")
    assert found == 1
    assert "folder:two has no apple" in said
    photos(Path("shifted"), {"banana": 120, "cherry": 230, "damson": 20})
    photos(Path("other"), {"banane": 120, "cerise": 230, "pomme": 20})
    photos(Path("more"), {"apple": 20, "banana": 120, "cherry": 230, "damson": 20})
    for name, unknown in (("shifted", "damson"), ("other", "banane, cerise, pomme"), ("more", "damson")):
        done = run("eval", str(trained["folder"]), "--data", f"folder:{name}")
        assert (done.code, done.out) == (2, "")
        assert f"does not know: {unknown}" in done.err
        assert "the net knows apple, banana, cherry" in done.err
    found, said = accuracy("folder", "--data", "folder:other", "--match", "position")
    assert found == 0, "the order of other names is another"
    assert "banane as apple, cerise as banana, pomme as cherry" in said
    assert run("eval", str(trained["folder"]), "--data", "folder:more", "--match", "position").code == 2


def test_a_table_is_no_set_of_pictures(run: Run, accuracy: object, trained: dict[str, Path]) -> None:
    for args, said in (
        (("eval", str(trained["table"]), "--data", "folder:photos"), "takes rows of a table with 3 columns"),
        (("eval", str(trained["table"]), "--data", "fashion-mini"), "takes rows of a table with 3 columns"),
        (
            ("eval", str(trained["folder"]), "--data", "csv:t.csv"),
            "csv:t.csv is a table, and the net takes 3x8x8",
        ),
        (
            ("predict", str(trained["table"]), "photos/apple/0.png"),
            "takes rows of a table with 3 columns (width, height, depth)",
        ),
        (("predict", str(trained["table"]), "photos"), "photos is not a table"),
        (("predict", str(trained["folder"]), "t.csv"), "t.csv is a table, and the net takes pictures (3x8x8)"),
    ):
        done = run(*args)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_a_run_of_an_older_version(
    run: Run, accuracy: Callable[..., tuple[float, str]], trained: dict[str, Path]
) -> None:
    """It did not record its columns: those of its own table count, and without it nothing is guessed."""
    old = Path(shutil.copytree(trained["table"], "old"))
    known = json.loads((old / "settings.json").read_text())
    del known["columns"], known["target"]
    (old / "settings.json").write_text(json.dumps(known))
    write("swapped.csv", ("height", "width", "depth", "label"), [(b, a, c, y) for a, b, c, y in cells()])
    done = run("eval", "old", "--data", "csv:swapped.csv", "--format", "json")
    assert json.loads(done.out)["results"][0]["accuracy"] == 1
    assert run("predict", "old", "swapped.csv").code == 0
    write("t.csv", (*COLUMNS, "e", "label"), [(*r[:3], "1", r[3]) for r in cells()])
    done = run("eval", "old", "--data", "csv:swapped.csv")
    assert done.code != 0
    assert done.out == ""


def predicted(run: Run, folder: Path, *args: str) -> tuple[list[dict[str, object]], str]:
    done = run("predict", str(folder), *args, "--format", "json")
    assert done.code == 0, done.err
    return json.loads(done.out), done.err


def test_predict_takes_rows(run: Run, accuracy: object, trained: dict[str, Path]) -> None:
    rows = cells()[:7]
    classes = [r[3] for r in rows]
    write("all.csv", ("depth", "label", "height", "width"), [(c, y, b, a) for a, b, c, y in rows])
    found, said = predicted(run, trained["table"], "all.csv", "--batch", "3")
    assert [(r["file"], r["row"], r["target"], r["class"]) for r in found] == [
        ("all.csv", n, y, y) for n, y in enumerate(classes, 1)
    ]
    assert "names the predicted class in 7 of 7 rows" in said
    write("bare.csv", ("depth", "height", "width"), [(c, b, a) for a, b, c, _ in rows])
    Path("bare.tsv").write_text(Path("bare.csv").read_text().replace(",", "\t"))
    pq.write_table(pa.table({n: [float(r[i]) for r in rows] for i, n in enumerate(COLUMNS)}), "bare.parquet")
    for name in ("bare.csv", "bare.tsv", "bare.parquet"):
        bare, said = predicted(run, trained["table"], name)
        assert said == ""
        assert [r["class"] for r in bare] == classes
        assert [r["probability"] for r in bare] == [r["probability"] for r in found]
        assert "target" not in bare[0]
    done = run("predict", str(trained["table"]), "all.csv", "bare.csv", "--format", "csv", "--top", "2")
    table = list(csv.DictReader(io.StringIO(done.out)))
    assert list(table[0]) == ["file", "row", "target", "class", "probability", "class_2", "probability_2", "entropy"]
    assert [(r["file"], r["row"]) for r in table[6:8]] == [("all.csv", "7"), ("bare.csv", "1")]
    assert "all.csv" in run("predict", str(trained["table"]), "all.csv").out


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("r.csv", "width,height\n1,2\n", 2, "missing: depth"),
        ("r.csv", "width,height,depth,e\n1,2,3,4\n", 2, "not known to the net: e"),
        ("r.csv", "width,height,depth\n1,2,\n", 4, "row 1, column `depth`: nothing"),
        ("r.csv", "width,height,depth\n", 4, "has no row"),
        ("r.csv", "width,height,depth\n1,2,1e39\n", 4, "out of the range of float32"),
        ("r.csv", "1,2,3\n4,5,6\n", 4, "doubtful"),
        ("r.parquet", "no", 4, "is not a Parquet file"),
        ("r.xlsx", "no", 2, "r.xlsx is not a table"),
    ],
)
def test_rows_that_are_refused(
    name: str, text: str, code: int, said: str, run: Run, accuracy: object, trained: dict[str, Path]
) -> None:
    Path(name).write_text(text)
    done = run("predict", str(trained["table"]), name)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert run("predict", str(trained["table"]), "nowhere.csv").code == 4
