"""`archdsl fmt` and `archdsl check` on files and folders."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run

MESSY, NEAT = "conv( 8 )bn   # note\r\n", "conv(8) bn  # note\n"


def test_fmt_writes_files_in_place(run: Run) -> None:
    path = Path("a.arch")
    path.write_bytes(b"\xef\xbb\xbf" + MESSY.encode())
    path.chmod(0o640)
    done = run("fmt", "a.arch")
    assert (done.code, done.out) == (0, "")
    assert path.read_bytes() == NEAT.encode()
    assert path.stat().st_mode & 0o777 == 0o640
    stamp = path.stat().st_mtime_ns
    assert run("fmt", "a.arch").code == 0
    assert path.stat().st_mtime_ns == stamp
    assert os.listdir() == ["a.arch"]


def test_fmt_follows_links_and_folders(run: Run) -> None:
    Path("sub").mkdir()
    Path("sub/real.arch").write_text(MESSY)
    Path("link.arch").symlink_to("sub/real.arch")
    assert run("fmt", ".").code == 0
    assert Path("link.arch").is_symlink()
    assert Path("sub/real.arch").read_text() == NEAT


def test_fmt_check_and_diff_write_nothing(run: Run) -> None:
    Path("a.arch").write_text(MESSY)
    Path("b.arch").write_text(NEAT)
    done = run("fmt", "--check", "a.arch", "b.arch")
    assert done.code == 2
    assert "a.arch" in done.err
    assert "b.arch" not in done.err
    done = run("fmt", "--diff", "a.arch")
    assert done.code == 2
    assert "+conv(8) bn  # note\n" in done.out
    assert run("fmt", "--check", "b.arch").code == 0
    with Path("a.arch").open(newline="") as file:
        assert file.read() == MESSY


@pytest.mark.parametrize("text", ["conv( 8 )", "conv( 8 )\r\nbn", "\ufeffconv(8)\n", "conv( 8 ) # a\x0cb\n", MESSY])
def test_a_diff_is_a_patch(run: Run, text: str) -> None:
    path = Path("a.arch")
    path.write_bytes(text.encode())
    shown = run("fmt", "--diff", "a.arch").out
    patched = subprocess.run(["git", "apply", "-p0", "-"], input=shown.encode(), capture_output=True)
    assert patched.returncode == 0, (shown, patched.stderr)
    assert run("fmt", "--check", "a.arch").code == 0
    if "\r" not in text and text[0] != "\ufeff":
        own = run("fmt", "--diff", text).out
        assert own.startswith("--- <spec>\n+++ <spec> (formatted)\n")
        assert own.splitlines()[3:] == shown.splitlines()[3:]


def test_fmt_of_texts_goes_to_standard_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("fmt", "conv( 8 )").out == "conv(8)\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MESSY.encode()), "utf-8"))
    assert run("fmt", "-").out == NEAT


def test_fmt_leaves_a_wrong_file_alone(run: Run) -> None:
    Path("a.arch").write_text("conv(8")
    Path("b.arch").write_text(MESSY)
    done = run("fmt", "a.arch", "b.arch")
    assert done.code == 2
    assert "A103" in done.err
    assert Path("a.arch").read_text() == "conv(8"
    assert Path("b.arch").read_text() == NEAT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_fmt_of_a_read_only_folder(run: Run) -> None:
    Path("sub").mkdir()
    Path("sub/a.arch").write_text(MESSY)
    Path("sub").chmod(0o555)
    assert run("fmt", "sub/a.arch").code == 4


def test_check_finds_all_at_once(run: Run) -> None:
    Path("sub").mkdir()
    Path("sub/a.arch").write_text("conv(8) rellu vgg[8] +rse")
    Path("b.arch").write_text("let p = 1\npatch(4, 8) bn")
    Path("c.arch").write_bytes(b"\xff")
    done = run("check", ".", "--format", "json")
    found = json.loads(done.out)
    assert done.code == 2
    assert {f["code"] for f in found} >= {"A104", "A201", "A203", "A501", "A502"}
    place = next(f for f in found if f["code"] == "A203")
    assert (place["file"], place["line"], place["column"]) == ("sub/a.arch", 1, 22)


def test_check_of_a_good_file(run: Run) -> None:
    Path("a.arch").write_text("input 3x8x8\nclasses 10\nconv(8) gap linear(10)")
    done = run("check", "a.arch")
    assert (done.code, done.out, done.err) == (0, "1 spec checked: nothing found\n", "")


def test_check_of_a_space_checks_its_arms(run: Run) -> None:
    done = run("check", "conv(8, groups={1, 3}) {relu | softmax}")
    assert done.code == 2
    assert done.out.count("A303") == 1


def test_check_fix_takes_out_what_has_no_effect(run: Run) -> None:
    Path("a.arch").write_text("# head\nlet p = 1\nlet q = 8\nnet conv(q)\n")
    assert run("check", "--fix", "a.arch").code == 0
    assert Path("a.arch").read_text() == "# head\nlet q = 8\nnet conv(q)\n"
    assert "A501" not in run("check", "a.arch").out


def test_sarif_is_complete(run: Run) -> None:
    found = json.loads(run("check", "conv(8) rellu", "--format", "sarif").out)
    result = found["runs"][0]["results"][0]
    assert found["version"] == "2.1.0"
    assert result["ruleId"] == found["runs"][0]["tool"]["driver"]["rules"][0]["id"] == "A201"
    assert result["locations"][0]["physicalLocation"]["region"]["startColumn"] == 9


def test_a_folder_is_for_check_and_fmt(run: Run) -> None:
    Path("sub").mkdir()
    assert run("params", "sub/").code == 2
    assert run("check", "sub/").code == 2
