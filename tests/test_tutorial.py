"""docs/tutorial.md followed: every command is called, in order, in an empty folder, and prints what the page shows.

A line `…` of the page is any number of lines. In a block that is marked `measured`, numbers are not compared; all else is. The
width of columns is compared where nothing is measured: tables show measured numbers of runs that are there.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
BLOCK = re.compile(
    r"<!-- file: (?P<file>\S+) -->\n```arch\n(?P<text>.*?)```|"
    r"```console(?P<measured> measured)?\n\$ (?P<command>.*?)\n(?P<shown>.*?)```",
    re.DOTALL,
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(TEXT)]


def squeezed(text: str) -> str:
    """With one blank and one dash for many: columns are as wide as their numbers."""
    return re.sub(r" *-[ -]*", "-", re.sub(r" +", " ", text))


def masked(text: str) -> str:
    """Without numbers, and without verdicts, which a number next to 5 % turns round on another processor."""
    text = re.sub(r"comparisons with `base`: .*", "comparisons with `base`: …", text)
    return re.sub(r"[-+−]?\d[\d,.:]*(e[-+]\d+)?", "#", re.sub(r"\b(better|worse|same|open)\b", "verdict", text))


def agrees(printed: str, shown: str) -> bool:
    """Whether the lines of ``shown`` are those printed, with any lines for `…`."""
    lines = [r"(.*\n)*?" if line == "…" else re.escape(line) + r" *\n" for line in shown.strip().splitlines()]
    return re.fullmatch("".join(lines), printed.strip() + "\n") is not None


def called(command: str, folder: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "archdsl"
    plain = {k: v for k, v in os.environ.items() if not k.startswith("ARCHDSL")}
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**plain, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout or done.stderr


def follow(folder: Path, measured: bool) -> None:
    """The page from its beginning; without its measurements, or with them."""
    for block in BLOCKS:
        if block["file"]:
            (folder / block["file"]).write_text(block["text"], "utf-8")
        elif measured or not block["measured"]:
            printed, shown = called(block["command"], folder), block["shown"]
            if block["measured"]:
                printed, shown = masked(printed), masked(shown)
            if measured:
                printed, shown = squeezed(printed), squeezed(shown)
            assert agrees(printed, shown), f"{block['command']}\n{printed}"


def accuracy(folder: Path, name: str) -> float:
    """The test accuracy of the one run of a spec."""
    (result,) = (p for p in folder.glob("runs/*/result.json") if p.parent.name.rsplit("-", 2)[0] == name)
    return float(json.loads(result.read_text("utf-8"))["test_accuracy"])


def test_what_is_counted_and_checked(tmp_path: Path) -> None:
    follow(tmp_path, measured=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_page(tmp_path: Path) -> None:
    follow(tmp_path, measured=True)
    assert (tmp_path / "report.html").is_file()
    for command in (
        "ablation.arch --without res --without bn --max-seeds 12",
        "convnext.arch --design one-out --max-seeds 6",
    ):
        rows = list(csv.DictReader(called(f"archdsl report {command} --format csv", tmp_path).splitlines()))
        verdicts = {row["arm"]: row["verdict"] for row in rows}
        assert all(verdicts[arm] == "worse" for arm in ("−res", "−bn", "kernel=1") if arm in verdicts)
        assert len(verdicts) == 3
    deep, normalised, residual = (accuracy(tmp_path, name) for name in ("deep", "deep-bn", "deep-res"))
    assert deep + 0.2 < normalised < residual - 0.1  # what the page tells, on any processor
    checked = subprocess.run([sys.executable, "model.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.stdout.startswith("ok: the logits differ")


def test_the_page_has_ten_steps() -> None:
    assert [int(n) for n in re.findall(r"(?m)^## (\d+)\. ", TEXT)] == list(range(1, 11))
    assert sum(1 for block in BLOCKS if block["command"]) >= 15
    assert TEXT.count("```console") == sum(1 for block in BLOCKS if block["command"]), "every block is called"
    assert TEXT.count("```arch") == sum(1 for block in BLOCKS if block["file"]), "every file is written"
