"""Runs the tests on each row of versions, in virtual environments that are made for it and thrown away.

    python tools/matrix.py [--row NAME]... [--python ROW=PROGRAM]... [--folder DIR] [--keep] [--jobs N] [-- PYTEST ARGUMENTS]
    python tools/matrix.py --table

A row with CUDA builds downloads about 3 GB and takes 7 GB of disk while it runs; one row is there at a time. What was seen
goes to docs/benchmarks/matrix.json and matrix.md, unless pytest's arguments chose some of the tests. `--folder` and `--keep`
leave the environments where a second call finds them. It needs the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as Xml
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
DATA, PAGE = REPO / "docs" / "benchmarks" / "matrix.json", REPO / "docs" / "benchmarks" / "matrix.md"
PAIR = ("torch", "torchvision")
UNPINNED = "setuptools"  # in rows of another torch: 2.11 needs an older one than constraints.txt has
SHOWN = ("torch", "torchvision", "numpy")
INTRODUCTION = """\
The tests of `make test` on rows of versions, on Linux (x86-64) without a GPU; each row in a virtual environment of its own.
`make matrix` runs them again, `make matrix ROWS='--row oldest'` one of them."""
FACTS = """
import importlib.metadata as m, json, platform, sys, torch
print(json.dumps({"python": platform.python_version(), "system": platform.system(), "cuda": torch.version.cuda,
                  "gpu": torch.cuda.is_available(), "torch": torch.__version__, "torchvision": m.version("torchvision"),
                  "numpy": m.version("numpy")}))
"""


@dataclass(frozen=True)
class Row:
    """Versions to test.

    pythons: the releases of Python that will do, the best first.
    packages: what is installed before the project, as pip takes it; () for what constraints.txt pins.
    """

    about: str
    pythons: tuple[str, ...]
    packages: Callable[[], tuple[str, ...]]


def _oldest() -> tuple[str, ...]:
    """Every required dependency of pyproject.toml at its lower bound; the optional ones keep the pins of constraints.txt."""
    wanted = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    return tuple(text.partition(",")[0].replace(">=", "==") for text in wanted)


ROWS = {
    "pinned": Row("every version of constraints.txt", ("3.11",), tuple),
    "newest": Row(
        "the newest torch and torchvision, in the builds that pip takes", ("3.13", "3.12", "3.11"), lambda: PAIR
    ),
    "oldest": Row(
        "every required dependency at the lower bound of pyproject.toml, optional ones as pinned", ("3.11",), _oldest
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Run the rows that are asked for, all by default; the exit code is 1 where a test failed."""
    own, asked = _split(arguments)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="pytest's arguments follow `--`")
    parser.add_argument("--row", action="append", choices=ROWS, help="this row alone; may be given again")
    parser.add_argument("--python", action="append", default=[], metavar="ROW=PROGRAM", help="the interpreter of a row")
    parser.add_argument("--folder", type=Path, help="where the environments are made")
    parser.add_argument("--keep", action="store_true", help="leave the environments there")
    parser.add_argument("--jobs", default="auto", help="processes of pytest-xdist")
    parser.add_argument("--table", action="store_true", help="write the page from the data, and run nothing")
    given = parser.parse_args(own)
    chosen = dict(text.partition("=")[::2] for text in given.python)
    if unknown := chosen.keys() - ROWS.keys():
        parser.error(f"--python names no row: {', '.join(unknown)}; the rows are {', '.join(ROWS)}")
    failed = False
    for name in () if given.table else given.row or ROWS:
        folder = given.folder or Path(tempfile.mkdtemp(prefix="archdsl-matrix-"))
        room = folder / name
        try:
            python = _environment(name, room, chosen.get(name))
            found = _tested(python, room, given.jobs, asked)
        finally:
            if not given.keep:
                shutil.rmtree(room if given.folder else folder, ignore_errors=True)
        failed |= found["failed"] > 0 or found["passed"] == 0
        print(f"{name}: {found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped", flush=True)
        if not asked:
            DATA.write_text(json.dumps({**_read(), name: found}, indent=1) + "\n", encoding="utf-8")
            write(_read())
    if given.table:
        write(_read())
    return int(failed)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def _read() -> dict[str, Any]:
    return json.loads(DATA.read_text("utf-8")) if DATA.exists() else {}


def _environment(name: str, room: Path, program: str | None) -> Path:
    """The Python of the row's environment, which is made unless it is there and whole."""
    python, whole = room / "bin" / "python", room / "whole"
    if whole.exists():
        return python
    row = ROWS[name]
    found = program or next((p for p in (f"python{v}" for v in row.pythons) if _runs(p)), None)
    if found is None:
        sys.exit(f"{name} needs Python {' or '.join(row.pythons)}; name one: --python {name}=PROGRAM")
    print(f"{name}: {row.about}; {found}", flush=True)
    shutil.rmtree(room, ignore_errors=True)
    subprocess.run([found, "-m", "venv", str(room)], check=True)
    packages, pins = row.packages(), room / "constraints.txt"
    kept = (REPO / "constraints.txt").read_text("utf-8").splitlines()
    left_out = {UNPINNED, *(package.partition("==")[0] for package in packages)} if packages else set()
    text = "".join(f"{line}\n" for line in kept if line.partition("==")[0].lower() not in left_out)
    pins.write_text(text, encoding="utf-8")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(pins)]
    for wanted in (packages, ("-e", f"{REPO}[dev]", *packages)):  # torch first: it takes longest, and decides
        if wanted:
            subprocess.run([*install, *wanted], check=True)
    whole.touch()
    return python


def _runs(program: str) -> bool:
    """Whether it is a Python: a name on the PATH may be that of a chooser that has none to choose."""
    path = shutil.which(program)
    return path is not None and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0


def _tested(python: Path, room: Path, jobs: str, asked: list[str]) -> dict[str, Any]:
    """What the environment holds, and how the tests ended in it."""
    report = room / "report.xml"
    begun = time.monotonic()
    facts = json.loads(subprocess.run([str(python), "-c", FACTS], check=True, capture_output=True, text=True).stdout)
    options = ["-q", "-n", jobs, "--maxprocesses", "8", "--dist", "worksteal", f"--junitxml={report}", *asked]
    code = subprocess.run([str(python), "-m", "pytest", *options], check=False, cwd=REPO).returncode
    if code not in (0, 1):  # 2 to 5: pytest itself was stopped, or found nothing
        sys.exit(f"pytest ended with {code}")
    return {"date": time.strftime("%Y-%m-%d"), **facts, **_counts(report), "seconds": round(time.monotonic() - begun)}


def _counts(report: Path) -> dict[str, Any]:
    """Numbers of tests, and the names of those that failed."""
    passed, skipped, failures = 0, 0, []
    for case in Xml.parse(report).iter("testcase"):  # pytest's own file
        if case.find("failure") is not None or case.find("error") is not None:
            failures.append(f"{case.get('classname')}::{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return {"passed": passed, "failed": len(failures), "skipped": skipped, "failures": failures}


def write(data: dict[str, Any]) -> None:
    """The page."""
    head = (
        "| row | "
        + " | ".join(("Python", *SHOWN, "CUDA build", "passed", "failed", "skipped", "minutes", "date"))
        + " |"
    )
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    failures = []
    for name, about in ROWS.items():
        if (row := data.get(name)) is None:
            lines.append(f"| {name}: {about.about} |" + " – |" * (head.count(" | ") - 1) + " not run yet |")
            continue
        builds = [row[package].partition("+")[0] for package in SHOWN]
        cells = [
            f"{name}: {about.about}",
            row["python"],
            *builds,
            row["cuda"] or "–",
            f"{row['passed']:,}",
            row["failed"],
            row["skipped"],
            round(row["seconds"] / 60),
            row["date"],
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
        failures += [f"- {name}: `{test}`" for test in row["failures"]]
    text = [
        "# Versions",
        "<!-- Generated by tools/matrix.py. -->",
        INTRODUCTION,
        "\n".join(lines),
        *(["What failed:", "\n".join(failures)] if failures else []),
    ]
    PAGE.write_text("\n\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
