"""``archdsl draw``: every format, where it goes, and what it refuses."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archdsl.cli.main import main
from tests.cli.conftest import Run
from tests.cli.folders import finished, made
from tests.conftest import Cli

NET = "stem: conv(8) bn relu res(conv(8)) relu gap linear(10)"
GIVEN = ("--input", "3x16x16", "--classes", "10")


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "densenet", "inception", "ode"])
def test_shipped_nets_as_text(run: Run, golden: Callable[[str, str], None], name: str) -> None:
    done = run("draw", name)
    twice = "note: `resnet18` is specs/resnet18.arch; `imagenet/resnet18` is specs/imagenet/resnet18.arch\n"
    assert (done.code, done.err) == (0, twice if name == "resnet18" else "")
    golden(f"draw-{name}.txt", done.out)


@pytest.mark.parametrize("kind", ["dot", "mermaid", "svg"])
def test_other_formats(run: Run, golden: Callable[[str, str], None], kind: str) -> None:
    done = run("draw", NET, *GIVEN, "--format", kind)
    assert (done.code, done.err) == (0, "")
    golden(f"draw.{kind}", done.out)


@pytest.mark.parametrize(
    "name", ["net.svg", "net.dot", "net.gv", "net.mmd", "net.mermaid", "net.txt", "net.png", "net.pdf"]
)
def test_files_by_their_ending(run: Run, tmp_path: Path, name: str) -> None:
    if name.endswith(("png", "pdf")):
        pytest.importorskip("matplotlib")
    done = run("draw", NET, *GIVEN, "-o", name, *(["--dark"] if name == "net.png" else []))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / name).stat().st_size > 200
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_title_depth_and_part(run: Run) -> None:
    assert run("draw", "resnet18", "--title", "a net", "--depth", "0").out.startswith("a net\n11,172,810 parameters")
    assert "stage3" in run("draw", "resnet18", "--depth", "0").out
    part = run("draw", "resnet18", "--part", "stage3.block1").out
    assert part.startswith("resnet18 · stage3.block1\n919.0 k params · 44.96 M MACs\n○   input")
    assert "dwconv" in run("draw", "conv(8) sepconv(16) gap linear(10)", *GIVEN, "--expand").out


def test_a_title_does_not_steer_the_terminal(run: Run) -> None:
    assert run("draw", NET, *GIVEN, "--title", "a\x1b[31m\nb").out.startswith("a\\x1b[31m\\nb\n")


def test_a_run_is_drawn(run: Run, tmp_path: Path) -> None:
    made(tmp_path / "runs", "one", result=finished())
    (tmp_path / "runs" / "one" / "spec.arch").write_text("net conv(8) gap linear(10)\ndata fashion-mini\n")
    assert run("draw", "runs/one").out.startswith("one\n")
    assert "would change the experiment of the run" in run("draw", "runs/one", "--classes", "3").err


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_profile(run: Run, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("matplotlib")
    done = run("draw", "ode", "--profile", f"a.{kind}")
    assert (done.code, done.out, done.err) == (0, "", "")
    data = (tmp_path / f"a.{kind}").read_bytes()
    assert len(data) > 3000
    if kind == "svg":
        assert run("draw", "ode", "--profile", "b.svg").code == 0
        assert data == (tmp_path / "b.svg").read_bytes()


def test_profile_and_drawing_in_one_call(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("draw", NET, *GIVEN, "--profile", "depth.svg", "-o", "net.svg").code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["depth.svg", "net.svg"]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("-o", "net.gif"), 2, "does not say what to draw"),
        (("-o", "net.svg", "--format", "dot"), 2, "contradict"),
        (("--format", "png"), 2, "goes to a file"),
        (("--depth", "1", "--expand"), 2, "contradict each other"),
        (("-o", "net.svg", "--dark"), 2, "no effect on svg"),
        (("--part", "steem"), 2, "unknown module `steem`"),
        (("-o", "no/net.svg"), 4, "there is no folder no"),
        (("--profile", "a.txt"), 2, ".png, .svg or .pdf"),
        (("--format", "gif"), 2, "gif"),
        (("--depth", "-1"), 2, "depth"),
    ],
)
def test_refusals(run: Run, tmp_path: Path, args: tuple[str, ...], code: int, message: str) -> None:
    done = run("draw", NET, *GIVEN, *args)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_a_wrong_text_is_told_as_everywhere(run: Run) -> None:
    done = run("draw", "convv(8)", *GIVEN)
    assert (done.code, done.out) == (2, "")
    assert "A201" in done.err


def test_without_matplotlib(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "matplotlib" else real(name, *more)
    )
    done = run("draw", NET, *GIVEN, "-o", "net.png")
    assert done.code == 4
    assert "pip install 'archdsl[plot]'" in done.err
    assert run("draw", NET, *GIVEN, "-o", "net.svg").code == 0, "an svg needs none"


def test_a_picture_has_a_most(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.cli.commands.draw.MOST", 3)
    done = run("draw", NET, *GIVEN, "-o", "net.svg")
    assert done.code == 2
    assert "the picture would have 5 boxes" in done.err
    assert run("draw", NET, *GIVEN).code == 0


def test_a_stream_without_box_characters(cli: Cli) -> None:
    done = cli("draw", NET, *GIVEN, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "*-' add relu" in done.stdout
    assert "?" not in done.stdout


def test_into_a_closed_pipe_and_without_colours(cli: Cli) -> None:
    done = cli("draw", "resnet18", env={"NO_COLOR": "1", "COLUMNS": "20", "TERM": "dumb"})
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) > 40, "lines into a pipe are whole"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_an_svg_in_a_pipe_is_xml_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding=encoding, write_through=True))
    assert main(["draw", NET, *GIVEN, "--title", "2 × é", "--format", "svg"]) == 0
    title = ElementTree.fromstring(data.getvalue()).find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "2 × é"
