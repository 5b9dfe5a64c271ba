"""What every benchmark shares: side-by-side timing, a word on the machine, and where the raw figures go.

A figure is a ratio measured in one go, never a time compared with another day's. The contenders take turns
(A B B A …), so that a machine that warms up or is shared slows them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from archdsl.report import Column, Table, render

REPO = Path(__file__).resolve().parents[1]
RESULTS = REPO / "docs" / "benchmarks"

Times = dict[str, list[float]]


def interleave(contenders: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 1) -> Times:
    """Seconds of each contender in each round; every second round runs backwards, warm-up rounds are thrown away."""
    times: Times = {name: [] for name in contenders}
    for place in range(-warmup, rounds):
        names = list(contenders) if place % 2 == 0 else list(contenders)[::-1]
        for name in names:
            begun = time.perf_counter()
            contenders[name]()
            taken = time.perf_counter() - begun
            if place >= 0:
                times[name].append(taken)
    return times


def ratios(times: Times, name: str, against: str) -> list[float]:
    """`name` over `against`, round by round: what slows a whole round cancels."""
    return [a / b for a, b in zip(times[name], times[against], strict=True)]


def spread(values: Sequence[float]) -> str:
    """The range of the middle half, as text."""
    if len(values) < 2:
        return "once"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{low:.4g} to {high:.4g}"


def comparison(title: str, times: Times, against: str, notes: Sequence[str] = ()) -> Table:
    """One row a contender: its median, the spread, and its ratio to `against`."""
    rows = []
    for name, taken in times.items():
        ratio = ratios(times, name, against)
        millis = [1000 * seconds for seconds in taken]
        rows.append((name, statistics.median(millis), spread(millis), statistics.median(ratio), spread(ratio)))
    columns = (
        Column("contender"),
        Column("median ms", "float"),
        Column("middle half", align="right"),
        Column(f"× {against}", "float"),
        Column("of ratios", align="right"),
    )
    rounds = len(next(iter(times.values())))
    return Table(columns, tuple(rows), title, notes=(f"n = {rounds}, interleaved", *notes))


def machine() -> dict[str, object]:
    """The processor, its cores that we may use, the memory and the system."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
        name += " with AMX" if " amx_bf16" in info.read_text() else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {"cpu": name, "cores": cores, "memory_gib": round(memory / 2**30, 1), "system": platform.system()}


def versions(*packages: str) -> dict[str, str]:
    """Python's version and those of the packages, as they are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def commit() -> str:
    """The commit that was measured, with a mark where the tree differs from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPO, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


COMMIT = commit()  # at the start: the tree may change while a long one runs


def options(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"at least 5; default {rounds}")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the raw figures")
    return parser


def publish(name: str, tables: Sequence[Table], raw: object, packages: Sequence[str], out: Path) -> None:
    """Print the tables; write them as Markdown, and the raw numbers beside them as JSON."""
    facts = {
        "benchmark": name,
        "command": shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "commit": COMMIT,
        "machine": machine(),
        "versions": versions("archdsl", *packages),
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**facts, "raw": raw}, indent=1)
    (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    with (out / f"{name}.md").open("w", encoding="utf-8") as page:
        page.write(f"# {name}\n\n`{facts['command']}`, {facts['date']}, commit {facts['commit']}\n\n")
        for part in ("machine", "versions"):
            page.write(", ".join(f"{key} {value}" for key, value in facts[part].items()) + "\n\n")
        for table in tables:
            render(table, "md", page)
            page.write("\n")
    for table in tables:
        render(table, "table", sys.stdout)
        print()
