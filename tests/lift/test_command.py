"""`archdsl import` as a shell sees it. Files run in processes of their own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.errors import ArchError
from archdsl.importer.known import refuse_unknown
from archdsl.importer.sources import named, shipped

KINDS = Path(__file__).parent / "nets" / "kinds.py"
Cli = Callable[..., subprocess.CompletedProcess[str]]
INPUT = ("--input", "3x16x16")


def test_a_function_of_a_file(cli: Cli, tmp_path: Path) -> None:
    done = cli("import", f"{KINDS}:noisy()", *INPUT, "-o", "net.arch")
    assert (done.returncode, done.stdout) == (0, "")  # what the file prints is not ours
    assert "is run as code" in done.stderr
    assert "4,082 parameters as the source" in done.stderr
    text = (tmp_path / "net.arch").read_text("utf-8")
    assert text.endswith("net conv(8) bn relu res(conv(16, s=2) bn relu conv(16) bn) relu gap linear(classes)\n")
    assert cli("check", "net.arch").returncode == 0
    assert cli("fmt", "--check", "net.arch").returncode == 0


REFUSED = {
    "Unknown": (2, "because of 2 places"),
    "Branching": (2, "no graph can be taken"),
    "Broken": (2, "ValueError: no such dataset"),
    "noisy": (2, "is a function"),
    "needs()": (2, "called without arguments"),
    "number()": (2, "gives int and not an nn.Module"),
    "Meen": (2, "did you mean `Mean`?"),
}


@pytest.mark.parametrize("name", ["Unknown", pytest.param("Broken", marks=pytest.mark.slow)])
def test_nothing_half_written(name: str, cli: Cli, tmp_path: Path) -> None:
    code, message = REFUSED[name]
    done = cli("import", f"{KINDS}:{name}", *INPUT, "-o", "net.arch")
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(REFUSED) - {"Unknown", "Broken"}))
def test_messages(name: str, cli: Cli) -> None:
    code, message = REFUSED[name]
    done = cli("import", f"{KINDS}:{name}", *INPUT)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_does_not_end(cli: Cli) -> None:
    began = time.monotonic()
    done = cli("import", f"{KINDS}:Asleep", *INPUT, "--time", "4")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did not end within 4 seconds" in done.stderr
    assert time.monotonic() - began < 120


def test_a_shipped_spec_needs_no_trace(cli: Cli, repo: Path) -> None:
    done = cli("import", "torchvision:resnet18")
    assert done.returncode == 0
    assert done.stdout == (repo / "specs" / "imagenet" / "resnet18.arch").read_text("utf-8")
    assert "--trace traces the network instead" in done.stderr


@pytest.mark.parametrize(
    "source", ["", "resnet18", "torchvision:", "keras:x", "net.py", "net.py:a-b", "net.py:f(3)", "x\0.py:A"]
)
def test_no_source(source: str) -> None:
    with pytest.raises(ArchError, match=r"not a source of a network|does not name a network") as caught:
        named(source)
    assert "torchvision:resnet18" in caught.value.help


def test_forms() -> None:
    assert str(named("dir/net.py:make()")) == "dir/net.py:make()"
    assert named("net.py:Net").path == Path("net.py")
    assert shipped(named("timm:nasnetalarge")) is not None
    assert shipped(named("torchvision:densenet121")) is None
    assert shipped(named("net.py:resnet18")) is None


@pytest.mark.parametrize("shape", ["", "3x", "3x3", "0x3x3", "ax3x3", "-1", "3x3x99999999", "٣"])
def test_wrong_shapes(shape: str, cli: Cli) -> None:
    from archdsl.cli.main import main

    assert main(["import", "timm-blocks:ds_r1_k3_s1_c16", f"--input={shape}"]) == 2


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("12 ids(20)", "is a sequence of ids, and import takes images and vectors alone"),
        ("5x6", "is a sequence of tokens, and import takes images and vectors alone"),
        ("nonsense", "is not a shape"),
        ("2x3x4x5", "is not a shape"),
        ("3x0x32", "is not a shape"),
        ("3x32x9999999", "is too large: a size is at most 1,000,000"),
        ("99999999999", "is too large: a size is at most 1,000,000"),
    ],
)
def test_a_wrong_shape_is_named_for_what_it_is(shape: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    from archdsl.cli.main import main

    assert main(["import", "timm-blocks:ds_r1_k3_s1_c16", f"--input={shape}"]) == 2
    said = capsys.readouterr().err
    assert f"`--input {shape}` {message}" in said
    assert "--input 3x224x224" in said


def test_a_missing_file(cli: Cli) -> None:
    from archdsl.cli.main import main

    assert main(["import", "nowhere.py:Net"]) == 2
    assert main(["import", "torchvision:resnet18", "-o", "/nowhere/x.arch"]) == 4


REFUSED_AT_ONCE = {
    "torchvision:fcn_resnet50": "is a segmentation network",
    "torchvision:raft_large": "optical flow",
    "torchvision:quantized_resnet18": "quantised",
    "torchvision:resnet5": "has no classification network",
}


@pytest.mark.parametrize("name", REFUSED_AT_ONCE)
def test_a_library_without_the_network_is_not_imported_to_say_no(name: str) -> None:
    with pytest.raises(ArchError, match=REFUSED_AT_ONCE[name]):
        refuse_unknown(named(name))


@pytest.mark.parametrize("name", ["torchvision:resnet18", "torchvision:vit_b_16", "torchvision:swin_v2_t"])
def test_a_library_with_the_network(name: str) -> None:
    refuse_unknown(named(name))


def test_timm_by_its_text() -> None:
    for name in ("resnet50", "resnet50.a1_in1k", "tv_resnet34"):  # the last is an old name
        refuse_unknown(named(f"timm:{name}"))
    with pytest.raises(ArchError, match="timm has no network `resnet5x`") as caught:
        refuse_unknown(named("timm:resnet5x"))
    assert "`resnet50`" in caught.value.help


def test_a_long_import_shows_its_stage_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl import report
    from archdsl.cli.support import stages

    shown: list[str] = []
    monkeypatch.setattr(stages, "live", shown.append)
    monkeypatch.setattr(stages, "QUIET", 0.01)
    for terminal in (False, True):
        monkeypatch.setattr(report, "is_terminal", lambda stream, terminal=terminal: terminal)
        with stages.Stages() as running:
            running.tell("tracing it")
            until = time.monotonic() + 10
            while terminal and not shown and time.monotonic() < until:
                time.sleep(0.01)
        assert shown == ([] if not terminal else ["tracing it: 0 s", ""])
