"""Kills studies at random moments and starts them again until they are done: the table must be that of a study that
was left alone, no finished run may be repeated, and no store unreadable.

    python tests/fuzz/kill_ablate.py --kills 200
    python tests/fuzz/kill_ablate.py --kills 200 --sequential    # each arm until it is decided, on 1, 2 and 4 workers
    python tests/fuzz/kill_ablate.py --kills 100 --search        # a search with rungs, and its winners on fresh seeds

SIGKILL goes to the study's process, to one of its workers, or to all of them. Prints a line a study; exits with 1 if
anything differs. Linux only: the workers are looked up in /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SPEC = """\
net conv(4, s=2) {norm: bn | ln | } relu {drop: drop(0.2) | } gap linear(10)
data fashion-mini subset(200) flip
train sgd(0.05) epochs(4) batch(20) cosine
"""
ABLATE = ["ablate", "spec.arch", "--design", "one-out", "--format", "tsv", "--retry", "50"]
FIXED = [*ABLATE, "--seeds", "12"]
SEQUENTIAL = [*ABLATE, "--max-seeds", "12", "--columns", "all"]
SPACE = """\
net conv({width: 2..6 log}, s=2) {norm: bn | ln | } relu {drop: drop({p: 0.1..0.5 uniform}) | } gap linear(10)
data fashion-mini subset(250) valid(20%) flip
train sgd({lr: 5e-3..0.5 log}) epochs(4) batch(20) cosine
"""
SEARCH = ["search", "space.arch", "--budget", "18runs", "--rungs", "1,2,4", "--winners", "2", "--format", "json"]
SEARCH = [*SEARCH, "--retry", "50", "--jobs", "2"]
WORKERS = (1, 2, 4)
WHOM = ("study", "worker", "all")


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def start(home: Path, more: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A study, with its output kept."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }  # this tree, not an installed one
    return subprocess.Popen(
        [sys.executable, "-m", "archdsl", *more],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write(home: Path) -> None:
    """The specs."""
    (home / "spec.arch").write_text(SPEC)
    (home / "space.arch").write_text(SPACE)


def table(out: str) -> str:
    """What has to be equal: all but the time that it took, and what was there already."""
    return re.sub(r'"[0-9,]+ epochs of training[^"]*"|,?\s*"[0-9,]+ workers? had work[^"]*"', "", out)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(process: subprocess.Popen[str], whom: str) -> None:
    """SIGKILL, at once."""
    workers = children(process.pid)
    victims = {"study": [process.pid], "worker": workers[:1], "all": [process.pid, *workers]}[whom]
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ended(process: subprocess.Popen[str], seconds: float) -> bool:
    """Wait so long; whether the process came to its end before that."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return process.poll() is not None


def results(home: Path) -> dict[str, tuple[int, int]]:
    """The finished runs: their result's inode and time, which change if it is written again."""
    found = {}
    for file in home.glob("runs/*/result.json"):
        about = file.stat()
        found[file.parent.name] = (about.st_ino, about.st_mtime_ns)
    return found


def trial(chance: random.Random, expected: str, left: int, longest: float, more: Sequence[str]) -> int:
    """One study, killed again and again until it comes to its end; how often it was."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write(home)
        kills, before = 0, results(home)
        while True:
            process = start(home, [*more, *(["--jobs", str(chance.choice(WORKERS))] if more == SEQUENTIAL else [])])
            while kills < left and not ended(process, chance.uniform(0.0, longest)):
                whom = chance.choice(WHOM)
                kill(process, whom)
                kills += 1
                if whom != "worker":  # else the study goes on, and may be hit again
                    break
            out, err = process.communicate()
            now = results(home)
            repeated = [run for run in before if now.get(run) != before[run]]
            if repeated:
                raise SystemExit(f"finished runs were written again: {repeated}")
            before = now
            if process.returncode not in (0, -signal.SIGKILL):
                raise SystemExit(f"exit {process.returncode}:\n{err}\n{out}")
            if process.returncode == 0:
                if table(out) != table(expected):
                    raise SystemExit(f"another table:\n{out}\ninstead of\n{expected}")
                return kills


def main() -> None:
    """Trials until there were enough kills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=4.0, help="seconds after which a kill comes at the latest")
    parser.add_argument("--sequential", action="store_true")
    parser.add_argument("--search", action="store_true")
    args = parser.parse_args()
    more = SEARCH if args.search else SEQUENTIAL if args.sequential else FIXED
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        begun = time.monotonic()
        straight = start(Path(name), more)
        expected, err = straight.communicate()
        if straight.returncode:
            raise SystemExit(err)
        say(f"the straight study took {time.monotonic() - begun:.1f} s")
    kills = studies = 0
    while kills < args.kills:
        kills, studies = kills + trial(chance, expected, args.kills - kills, args.longest, more), studies + 1
        say(f"{studies} studies, {kills} kills: equal tables")


if __name__ == "__main__":
    main()
