"""The Python surface: light to import, complete in `dir`, the page of its documentation run, and what notebooks show."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import archdsl
from archdsl import notebook
from archdsl.errors import ArchError, EnvError
from archdsl.extras import installed
from archdsl.report import Column, Table
from archdsl.report.html import html_table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples of the page have defined."""
    found: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 4
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("page")
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        for block in blocks:
            exec(compile(block, "docs/python.md", "exec"), found)
        found["pictures"] = {name: found[name]._repr_html_() for name in ("spec", "run", "found")}
    return found


def test_the_page_runs(names: dict[str, Any]) -> None:
    assert names["found"].columns[0] == "arm"
    assert [row["arm"] for row in names["found"].rows][:2] == ["width=2", "width=2, −norm"]
    assert "test_ece" in names["found"].columns
    assert len(names["found"].runs) == 12
    assert names["found"].runs.rows[0]["factor width"] == 2
    assert len(names["found"].curves.rows) == 12
    assert any(row["kind"] == "interaction" for row in names["found"].effects.rows)
    assert len([loss for loss in names["losses"] if loss is not None]) >= 2
    assert "width=8" in str(names["found"])


def test_notebooks_show_pictures_and_tables(names: dict[str, Any]) -> None:
    pictures = names["pictures"]
    assert "parameters · " in pictures["spec"]
    svgs = [b64decode(data).decode() for html in pictures.values() for data in re.findall(r"base64,([^\"]+)", html)]
    assert len(svgs) >= 4
    assert all('xmlns="http://www.w3.org/2000/svg"' in svg for svg in svgs)
    assert "<table>" in pictures["run"]
    assert "test accuracy" in pictures["run"]
    assert "width=4, −norm" in pictures["found"]


def test_data_frames_where_pandas_is(names: dict[str, Any]) -> None:
    if installed("pandas"):
        assert list(names["found"].to_pandas()["arm"]) == [row["arm"] for row in names["found"].rows]
    else:
        with pytest.raises(EnvError, match="pandas"):
            names["found"].to_pandas()


def test_tables_are_escaped_and_long_ones_cut() -> None:
    table = Table((Column("<b>"),), tuple(("<script>\x1b",) for _ in range(300)), "<i>", notes=("<u>",))
    html = html_table(table, 0)
    assert not re.search(r"<(script|i|u)>", html)
    assert "&lt;script&gt;\\x1b" in html
    assert "and 100 more rows" in html


def test_the_surface() -> None:
    assert dir(archdsl) == sorted(archdsl.__all__)
    assert {"ablate", "load", "model", "report", "train"} <= set(dir(archdsl))
    assert all(getattr(archdsl, name) is not None for name in archdsl.__all__)
    for name in ("train", "report"):
        assert isinstance(getattr(archdsl, name), ModuleType)
        assert inspect.signature(getattr(archdsl, name)) == inspect.signature(getattr(notebook, name))
    with pytest.raises(AttributeError):
        archdsl.nothing  # noqa: B018


@pytest.mark.parametrize("first", ["archdsl", "archdsl.train.fit, archdsl.report.table"])
def test_the_import_is_light_and_the_packages_are_functions(first: str) -> None:
    code = (
        f"import {first}, sys, archdsl; "
        f"assert {first != 'archdsl'} or not {{'torch', 'numpy', 'lark', 'yaml'}} & sys.modules.keys(); "
        "assert callable(archdsl.train) and callable(archdsl.report); import archdsl.train.options"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_options_are_those_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="unknown metric `nothing`"):
        archdsl.report("conv(4) gap linear(10)", metric="nothing", runs=tmp_path)
    with pytest.raises(ArchError, match="nonsense"):
        archdsl.report("conv(4) gap linear(10)", nonsense=1, runs=tmp_path)


STUDY = """
net conv({width: 2 | 4}) relu gap linear(classes)
data fashion-mini subset(64)
train sgd(0.1) epochs(1) batch(64)
"""


@pytest.mark.parametrize(
    ("options", "words", "help"),
    [
        ({"alpha": 2}, "is not between 0 and 1", "5%"),
        ({"alpha": True}, "alpha=True is not an amount", "alpha=0.05"),
        ({"same": float("nan")}, "same=nan is not an amount", "same=0.05"),
        ({"seedz": 2}, "unknown option `seedz`", "`seeds`"),
        ({"listen": print}, "unknown option `listen`", "the options are seeds, without"),
        ({"seeds": [0, 0]}, "a list of different ones", "seeds=[0, 1, 2]"),
        ({"seeds": [0, "a"]}, "a list of different ones", "seeds=5"),
        ({"seeds": []}, "a list of different ones", "auto"),
        ({"seeds": 1.5}, "seeds=1.5", "seeds=5"),
        ({"max_seeds": "4"}, "max_seeds='4' is not a positive whole number", "20"),
        ({"max_seeds": 0}, "max_seeds=0 is not a positive whole number", "20"),
        ({"time_limit": "x"}, "time_limit='x' is not a positive number", "20"),
        ({"design": 3}, "design=3 is not a text", "design="),
        ({"without": 3}, "without=3 is not a list of texts", "without="),
        ({"precision": "fp8"}, "unknown precision `fp8`", ""),
    ],
)
@pytest.mark.parametrize("call", [archdsl.report, archdsl.ablate])
def test_options_of_a_study_are_refused_by_name(
    call: Any, options: dict[str, Any], words: str, help: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchError) as refused:
        call(STUDY, runs=tmp_path / "runs", **options)
    assert words in refused.value.message
    assert help in (refused.value.help or "")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": -1}, "jobs=-1 is not a positive whole number"),
        ({"jobs": 0}, "jobs=0 is not a positive whole number"),
        ({"jobs": "2"}, "jobs='2' is not a positive whole number"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": 0}, "unknown device '0'"),
    ],
)
def test_workers_and_devices_are_refused_before_any_starts(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ArchError) as refused:
        archdsl.ablate(STUDY, runs=tmp_path / "runs", **options)
    assert words in refused.value.message
    assert not (tmp_path / "runs").exists()


def test_numbers_and_lists_are_options_like_texts(tmp_path: Path) -> None:
    found = archdsl.report(
        STUDY, runs=tmp_path / "runs", alpha=0.01, same=np.float32(0.25), max_seeds=3, baseline="width=2"
    )
    assert (found.results.options.alpha, found.results.options.same) == (0.01, 0.25)
    assert archdsl.report(STUDY, runs=tmp_path, alpha=1e-5).results.options.alpha == 1e-5
    assert found.results.seeds == (0, 1, 2)
    listed = archdsl.report(STUDY, runs=tmp_path / "runs", seeds=[0, 7])
    assert listed.results.seeds == (0, 7)
    assert not listed.results.options.sequential
    assert archdsl.report(STUDY, runs=tmp_path, seeds=range(2), until="decided").results.options.sequential
    for shown in (listed._repr_html_(), listed.runs._repr_html_()):
        assert r"\n" not in shown
    assert "<caption>net conv(" in listed._repr_html_()


TRAINED = "net conv(4) relu gap linear(classes)\ndata fashion-mini subset(64)\ntrain sgd(0.1) epochs(2) batch(64)\n"


def test_a_loaded_spec_takes_other_settings() -> None:
    spec = archdsl.load(TRAINED, set=["train.epochs=3"])
    assert archdsl.load(spec) is spec
    other = archdsl.load(spec, set=["train.sgd=0.5"])
    assert other.hash == archdsl.load(TRAINED, set=["train.epochs=3", "train.sgd=0.5"]).hash != spec.hash
    assert archdsl.load(spec, data="cifar10").input == (3, 32, 32)
    assert archdsl.load("conv(4) gap linear(classes)", input=(3, 8, 8), classes=5).classes == 5
    with pytest.raises(ArchError, match="sets nothing"):
        archdsl.load(spec, set=["nonsense"])


def test_a_loaded_spec_is_trained_with_the_settings_given(tmp_path: Path) -> None:
    spec = archdsl.load(TRAINED, set=["train.epochs=1"])
    folders = {archdsl.train(spec, set=[f"train.sgd={rate}"], runs=tmp_path).folder for rate in (0.1, 0.5)}
    folders.add(archdsl.train(spec, runs=tmp_path).folder)
    assert len(folders) == 2  # a rate of 0.1 is what the text has
    with pytest.raises(ArchError, match="sets nothing"):
        archdsl.train(spec, set=["nonsense"], runs=tmp_path)


def test_a_device_is_checked_beside_a_finished_run(tmp_path: Path) -> None:
    text = "net gap linear(classes)\ndata fashion-mini subset(64)\ntrain sgd(0.1) epochs(1) batch(32)"
    run = archdsl.train(text, runs=tmp_path, device=None)
    assert archdsl.train(text, runs=tmp_path, device=torch.device("cpu")).folder == run.folder
    with pytest.raises(ArchError, match="unknown device 'gpu'"):
        archdsl.train(text, runs=tmp_path, device="gpu")
    with pytest.raises(ArchError, match="unknown precision `None`"):
        archdsl.train(text, runs=tmp_path, precision=None)  # type: ignore[arg-type]


def test_the_example_of_a_wrong_option_is_one_of_that_option(tmp_path: Path) -> None:
    with pytest.raises(ArchError) as found:
        archdsl.report("resnet20", runs=tmp_path, without=3)
    assert found.value.help == 'for example without=["res"]'
