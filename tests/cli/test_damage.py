"""Files of a run whose values are of a wrong kind: damage that is named, whatever is asked of the run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.cli.main import main
from tests.cli.conftest import Run
from tests.cli.folders import finished, made

WRONG: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("result.json", ("test_accuracy",), [0.5]),
    ("result.json", ("test_accuracy",), "0.5"),
    ("result.json", ("seconds",), None),
    ("result.json", ("seconds",), {}),
    ("result.json", ("best_epoch",), 1.5),
    ("result.json", ("status",), 3),
    ("result.json", ("status",), ["finished"]),
    ("result.json", ("why",), 1),
    ("result.json", ("loss",), True),
    ("result.json", ("test_accuracy",), 10**400),
    ("result.json", (), [1]),
    ("result.json", (), None),
    ("settings.json", ("hash",), 7),
    ("settings.json", ("name",), None),
    ("settings.json", ("data",), []),
    ("settings.json", ("data", "input"), "1x8x8"),
    ("settings.json", ("data", "input"), [1, 8.5, 8]),
    ("settings.json", ("train",), "adam"),
    ("settings.json", ("train", "tta"), [1]),
    ("settings.json", ("classes",), "abc"),
    ("settings.json", ("classes",), [1, 2]),
    ("settings.json", ("normalise",), {"mean": [None], "std": [1.0]}),
    ("settings.json", ("format",), "1"),
    ("settings.json", ("format",), []),
    ("versions.json", ("plan",), "fast"),
    ("versions.json", (), 3),
    ("events.jsonl", (1, "loss"), [1]),
    ("events.jsonl", (1, "epoch"), "1"),
    ("events.jsonl", (0, "params"), {}),
    ("events.jsonl", (0, "notes"), [3]),
    ("events.jsonl", (2, "event"), 5),
    ("events.jsonl", (3, "valid_accuracy"), "high"),
    ("events.jsonl", (1, "seconds"), False),
]


def changed(folder: Path, name: str, place: tuple[str | int, ...], value: Any) -> None:
    """Put a value into a JSON file of a run, or into a line of its log."""
    file = folder / name
    lines = name.endswith("l")
    whole: Any = [json.loads(x) for x in file.read_text().splitlines()] if lines else json.loads(file.read_text())
    if not place:
        whole = value
    at = whole
    for step in place[:-1]:
        at = at[step]
    if place:
        at[place[-1]] = value
    file.write_text("".join(json.dumps(x) + "\n" for x in whole) if lines else json.dumps(whole))


@pytest.mark.parametrize(("name", "place", "value"), WRONG)
def test_a_value_of_a_wrong_kind_is_damage_with_its_place(
    run: Run, tmp_path: Path, name: str, place: tuple[str | int, ...], value: Any
) -> None:
    folder = made(tmp_path / "runs", "a", result=finished())
    changed(folder, name, place, value)
    done = run("runs", "show", str(folder))
    assert done.code == 5, done.out
    assert str(folder) in done.err
    if place and isinstance(place[-1], str) and place != ("format",):
        assert f"`{'.'.join(str(p) for p in place if isinstance(p, str))}" in done.err
    listed = run("runs", "--out", str(tmp_path / "runs"))
    assert listed.code in (0, 5)
    assert "damaged" in listed.out + listed.err


def test_values_that_older_versions_left_out_are_missing(run: Run, tmp_path: Path) -> None:
    folder = made(tmp_path / "runs", "a", result={k: v for k, v in finished().items() if k not in ("epochs", "why")})
    assert run("runs", "show", str(folder)).code == 0


def test_json_that_nests_without_end(run: Run, tmp_path: Path) -> None:
    folder = made(tmp_path / "runs", "a", result=finished())
    (folder / "result.json").write_text("[" * 100_000)
    assert run("runs", "show", str(folder)).code == 5


def test_a_pipe_in_the_place_of_a_file(run: Run, tmp_path: Path) -> None:
    for name in ("result.json", "settings.json", "events.jsonl"):
        folder = made(tmp_path / "runs", name, result=finished())
        (folder / name).unlink()
        os.mkfifo(folder / name)
        done = run("runs", "show", str(folder))
        assert done.code == 5
        assert "not a regular file" in done.err


VALUES = st.recursive(
    st.sampled_from(
        [None, True, 0, -1, 10**400, 1e308, float("nan"), "", "x", "\x1b[31m", "\ud800", "finished", "diverged"]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=4,
)
PLACES = st.sampled_from(
    sorted(
        {("result.json", k) for k in finished()}
        | {("versions.json", k) for k in ("plan", "torch", "device", "archdsl")}
        | {
            ("settings.json", k)
            for k in ("format", "name", "hash", "identity", "source", "classes", "normalise", "data", "train")
        }
    )
)


@given(st.lists(st.tuples(PLACES, VALUES), min_size=1, max_size=3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_there_no_command_breaks(changes: list[tuple[tuple[str, str], Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, good = (made(Path(name), n, result=finished()) for n in ("a", "b"))
        for (file, key), value in changes:
            changed(folder, file, (key,), value)
        for args in (
            ("runs", "--out", name),
            ("runs", "show", str(folder)),
            ("runs", "compare", str(folder), str(good)),
            ("plot", str(folder)),
            ("diff", str(folder), str(good), "--input", "1x8x8"),
        ):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as err:
                assert main(list(args)) in (0, 2, 4, 5), (args, err.getvalue())
