"""The rows of versions: what is installed for each, and what is told of it."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPO

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_1"/>
<testcase classname="tests.a" name="test_2"><failure message="no"/></testcase>
<testcase classname="tests.a" name="test_3"><skipped message="later"/></testcase>
<testcase classname="tests.a" name="test_4"><error message="worse"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def matrix() -> ModuleType:
    spec = importlib.util.spec_from_file_location("matrix", REPO / "tools" / "matrix.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["matrix"] = module  # its dataclass looks for it
    spec.loader.exec_module(module)
    return module


def test_the_oldest_row_is_that_of_the_project_file(matrix: ModuleType) -> None:
    text = (REPO / "pyproject.toml").read_text("utf-8")
    packages = matrix.ROWS["oldest"].packages()
    assert {p.partition("==")[0] for p in packages} >= {"torch", "torchvision", "lark", "scipy", "pillow"}
    for package in packages:
        assert re.fullmatch(r"[a-z]+==\d+(\.\d+)*", package)
        assert f'"{package.replace("==", ">=")}' in text


def test_results_are_counted_and_shown(matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    found = matrix._counts(tmp_path / "report.xml")
    assert found == {"passed": 1, "failed": 2, "skipped": 1, "failures": ["tests.a::test_2", "tests.a::test_4"]}
    monkeypatch.setattr(matrix, "PAGE", tmp_path / "page.md")
    versions = {
        "python": "3.12.1",
        "torch": "2.14.1+cu130",
        "torchvision": "0.29.1+cu130",
        "numpy": "2.4.6",
        "cuda": "13.0",
    }
    matrix.write({"newest": {"date": "2026-11-28", **versions, **found, "seconds": 631}})
    page = (tmp_path / "page.md").read_text()
    assert "| 3.12.1 | 2.14.1 | 0.29.1 | 2.4.6 | 13.0 | 1 | 2 | 1 | 11 | 2026-11-28 |" in page
    assert "- newest: `tests.a::test_4`" in page
    head, rule, *rows = (line for line in page.splitlines() if line.startswith("|"))
    assert {line.count("|") for line in (head, rule, *rows)} == {12}


def test_the_page_shows_the_data(matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, page = matrix._read(), matrix.PAGE.read_text("utf-8")
    monkeypatch.setattr(matrix, "PAGE", tmp_path / "page.md")
    matrix.write(data)
    assert (tmp_path / "page.md").read_text("utf-8") == page
    assert data.keys() <= matrix.ROWS.keys()


def test_arguments_of_pytest_follow_two_dashes(matrix: ModuleType) -> None:
    assert matrix._split(["--row", "oldest", "--", "tests/emit", "-x"]) == (["--row", "oldest"], ["tests/emit", "-x"])
    assert matrix._split(["--keep"]) == (["--keep"], [])


def test_a_row_that_there_is_not_is_refused(matrix: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        matrix.main(["--python", "newer=python3"])
    assert "--python names no row: newer" in capsys.readouterr().err
