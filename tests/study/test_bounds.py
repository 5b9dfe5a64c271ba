"""What a study may ask for, at each bound and one above; and files that never end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.limits import Limits
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.file import study_of
from archdsl.study.plan.where import condition
from archdsl.syntax.locate import locate
from archdsl.syntax.read import read_text

BASE = "base: 'conv(8) +bn gap linear(10)'\nset: {input: 3x8x8}\n"


@pytest.fixture(autouse=True)
def not_forever() -> Iterator[None]:
    """A read that waits for ever fails its test."""

    def stop(*_: object) -> None:
        raise TimeoutError("still reading after 20 seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def levels(n: int) -> str:
    return BASE + "factors:\n  w: [" + ", ".join(f"drop(0.{1000 + i})" for i in range(n)) + "]\n"


def factors(n: int) -> str:
    return BASE + "factors:\n" + "".join(f"  f{i}: [drop(0.{1000 + i}), none]\n" for i in range(n))


def grid(n: int) -> str:
    return f"base: 'conv({{1..{n}}})'\ndesign: grid\nset: {{input: 3x8x8}}\n"


def runs(n: int) -> str:
    return levels(2) + f"seeds: {(n + 1) // 2}\n"


@pytest.mark.parametrize(
    ("bound", "text", "said"),
    [
        ("LEVELS", levels, "5 levels, more than 4"),
        ("FACTORS", factors, "5 factors, more than 4"),
        ("STUDY", levels, "5 arms, more than 4"),
        ("STUDY", grid, "5 arms, more than 4"),
        ("RUNS", runs, "2 arms with 3 seeds each are 6 runs, more than 4"),
    ],
)
def test_a_study_at_its_bound_and_one_above(
    monkeypatch: pytest.MonkeyPatch, bound: str, text: Callable[[int], str], said: str
) -> None:
    monkeypatch.setattr(Limits, bound, 4)
    assert arms_of(study_of(text(4))).arms
    with pytest.raises(ArchError, match=said):
        arms_of(study_of(text(5)))


def test_the_bounds_of_studies_take_little_time() -> None:
    assert len(arms_of(study_of(levels(Limits.LEVELS))).arms) == Limits.LEVELS
    assert len(arms_of(study_of(factors(Limits.FACTORS))).arms) == Limits.FACTORS + 1


@pytest.mark.parametrize("opening", ["[", "{", "{a: [", "? ["])
def test_yaml_nests_to_the_bound(opening: str) -> None:
    with pytest.raises(ArchError, match="nests deeper than 64") as error:
        study_of(f"base: relu\nfactors: {opening * 6000}")
    assert error.value.message.startswith("<study>:2:")
    depth = Limits.NESTING - 1  # one level is the file's own mapping
    with pytest.raises(ArchError, match="one value is expected"):
        study_of(f"base: {'[' * depth}relu{']' * depth}")
    with pytest.raises(ArchError, match="nests deeper"):
        study_of(f"base: {'[' * (depth + 1)}relu{']' * (depth + 1)}")


def test_yaml_nests_by_indentation_to_the_bound() -> None:
    deep = "\n".join(" " * i + "a:" for i in range(200))
    with pytest.raises(ArchError, match="nests deeper"):
        study_of(f"{deep}\n")


@pytest.mark.parametrize("part", ["(", "not "])
def test_a_condition_nests_to_the_bound(part: str) -> None:
    close = ")" if part == "(" else ""
    fits = Limits.NESTING - 1
    assert condition(part * fits + "params<1M" + close * fits, ("params",)) is not None
    for n in (fits + 1, 5000):
        with pytest.raises(ArchError, match="nest deeper than 64"):
            condition(part * n + "params<1M" + close * n, ("params",))


@pytest.mark.parametrize("sign", [" or ", " and "])
def test_a_long_chain_of_conditions_is_read_and_asked(sign: str) -> None:
    test = condition(sign.join(["params<2"] * 5000), ("params",))
    assert test({"params": 1}, {}, frozenset())
    assert not test({"params": 2}, {}, frozenset())


@pytest.mark.parametrize("text", ['study: "a\\ud800b"', 'study: "a\\0b"', 'base: "\\ud800"', 'metric: "\\ud800"'])
def test_characters_that_no_text_has(text: str) -> None:
    with pytest.raises(ArchError, match=r"U\+(D800|0000), which is not allowed in a text"):
        study_of(f"{text}\n" + ("" if text.startswith("base") else "base: relu\n"))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=6)
    | st.sampled_from(["+bn", "drop(0.3)", "none", "one-out", "params<1M", "test_accuracy", "1e400", "0x10", "local"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "study",
        "base",
        "factors",
        "design",
        "seeds",
        "set",
        "data",
        "where",
        "match",
        "baseline",
        "metric",
        "engine",
        "precision",
        "time_limit",
        "nosuch",
    ]
)


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
@settings(max_examples=60)
def test_any_yaml_is_a_study_or_refused(values: dict[str, object], based: bool) -> None:
    import yaml

    if based:
        values["base"] = "conv(8) +bn gap linear(10)"
    try:
        arms_of(study_of(yaml.safe_dump(values, allow_unicode=True)))
    except ArchError:
        return


# -- files that are no files


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.arch")
    return tmp_path / "pipe.arch"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no names there")
def test_a_pipe_is_refused_wherever_a_text_is_read(
    pipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(pipe.parent)
    os.mkfifo("study.yaml")
    Path("uses.yaml").write_text("base: pipe.arch\n")
    Path("includes.arch").write_text('include "pipe.arch"\nnet relu\n')
    for args in (
        ("params", "pipe.arch"),
        ("check", "pipe.arch"),
        ("fmt", "pipe.arch"),
        ("check", "study.yaml"),
        ("check", "uses.yaml"),
        ("params", "includes.arch"),
        ("diff", "pipe.arch", "relu"),
        ("show", "./pipe.arch"),
    ):
        assert main(list(args)) == 2, args
        said = capsys.readouterr()
        assert "not a regular file" in said.err + said.out, args
    assert main(["ablate", "study.yaml"]) == 4
    assert "not a regular file" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_is_refused() -> None:
    with pytest.raises(ArchError, match="is a device, not a regular file"):
        locate("/dev/zero")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="a folder of Unix")
def test_what_a_shell_passes_as_a_file_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"conv(8)")
    os.close(writing)
    assert locate(f"/dev/fd/{reading}").text == "conv(8)"
    os.close(reading)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_that_lead_in_a_circle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.arch").symlink_to("b.arch")
    (tmp_path / "b.arch").symlink_to("a.arch")
    spec = tmp_path / "net.arch"
    spec.write_text('include "a.arch"\nnet relu\n')
    assert main(["check", str(spec)]) == 2
    said = capsys.readouterr()
    assert "A107" in said.out + said.err
    with pytest.raises(ArchError, match="cannot be read"):
        read_text(tmp_path / "a.arch")
    assert main(["check", str(tmp_path / "a.arch")]) == 2


def test_a_space_is_listed_up_to_the_bound(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Limits, "LISTED", 8)
    monkeypatch.setattr("archdsl.cli.views.space.LONG", 7)
    assert main(["params", "conv({1..8})"]) == 0
    said = capsys.readouterr()
    assert said.out.count("\n") >= 9
    assert "counting 8 arms" in said.err
    assert main(["params", "conv({1..9})"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "9 arms; at most 8 are listed" in said.err
