"""Run contenders as processes of their own, in turns, and publish their rates."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from _timing import options, publish, spread
from common import Work, command

from archdsl.accelerate.threads import SPINS
from archdsl.report import Column, Table

HERE = Path(__file__).resolve().parent
VALID = 500
OURS = "archdsl"
BEFORE = "archdsl, another commit"
WARM = "wall: from the second round on, our kernels are compiled and our pictures decoded; peers decode theirs in each epoch"
SIDES = {
    OURS: ("ours.py", {"precision": "auto"}),
    "archdsl fp32": ("ours.py", {"precision": "fp32"}),
    "archdsl fp32, torch's kernels": ("ours.py", {"native": False}),
    "timm": ("timm_script.py", {}),
    "timm channels_last": ("timm_script.py", {"channels_last": True}),
    "timm bf16 channels_last": ("timm_script.py", {"precision": "bf16", "channels_last": True}),
    "Lightning": ("lightning_fit.py", {}),
    "Lightning bf16": ("lightning_fit.py", {"precision": "bf16"}),
    "torchvision's reference": ("torchvision_reference.py", {}),
    "plain loop": ("plain.py", {}),
}


def folder(text: str) -> Path:
    """An option whose value is a folder."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return Path(text)


def parquet_folder(text: str) -> Path:
    """An option whose value is a folder with the training pictures of CIFAR-10."""
    found = folder(text)
    if not any(found.glob("train*.parquet")):
        raise argparse.ArgumentTypeError(f"{text} has no train*.parquet")
    return found


def check_only(
    parser: argparse.ArgumentParser, asked: Sequence[str] | None, every: Iterable[str], there: Container[str]
) -> None:
    """Refuse an `--only` that names a contender that does not exist, or one whose checkout is not given."""
    names = list(every)
    if unknown := [name for name in asked or () if name not in names]:
        parser.error(f"no contender {', '.join(unknown)}; there are {', '.join(names)}")
    if lacking := [name for name in asked or () if name not in there]:
        parser.error(f"--only {', '.join(lacking)}: the option with the checkout is missing; see --help")


def pictures(parquet: Path, folder: Path, images: int) -> None:
    """The first images of CIFAR-10 as PNG files in a folder a class; the next ones for validation."""
    import pyarrow.parquet as pq

    rows = pq.read_table(next(parquet.glob("train*.parquet"))).slice(0, images + VALID).to_pylist()
    for place, row in enumerate(rows):
        image, label = (next(row[k] for k in row if k.startswith(start)) for start in ("im", "label"))
        file = folder / ("train" if place < images else "val") / str(label) / f"{place:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image["bytes"])


def run(script: str, work: Work, cache: str, checkout: Path | None = None) -> dict[str, Any]:
    """One contender's process, its wall time with it. ``checkout``: of our own repository, whose package and script are taken."""
    # What our command sets before torch is imported; the peers keep OpenMP's own way, which is faster alone.
    own = {"GOMP_SPINCOUNT": SPINS} if script in ("ours.py", "hand.py") else {}
    own |= {} if work.native else {"ARCHDSL_NATIVE": "0"}
    own |= {} if checkout is None else {"PYTHONPATH": str(checkout)}
    home = HERE if checkout is None else checkout / "bench" / "peers"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(home / script), command(work)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **own, "XDG_CACHE_HOME": cache},
    )
    wall = time.perf_counter() - begun
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise SystemExit(f"{script} failed:\n{done.stderr[-3000:]}")
    facts: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    if facts["steps"] != work.per_epoch * work.epochs:
        raise SystemExit(f"{script} made {facts['steps']} updates instead of {work.per_epoch * work.epochs}")
    return {**facts, "wall": wall}


def table(title: str, raw: dict[str, list[dict[str, Any]]]) -> Table:
    """One row a contender: rate, wall, how many times faster we are, and the loss that it came to."""
    rows = []
    for name, runs in raw.items():
        rates, walls = [r["steady"] for r in runs], [r["wall"] for r in runs]
        faster = [ours["steady"] / r["steady"] for ours, r in zip(raw[OURS], runs, strict=True)]
        sooner = [r["wall"] / ours["wall"] for ours, r in zip(raw[OURS], runs, strict=True)]
        rows.append(
            (
                name,
                statistics.median(rates),
                spread(rates),
                statistics.median(faster),
                spread(faster),
                statistics.median(walls),
                statistics.median(sooner),
                statistics.median(r["loss"] for r in runs),
            )
        )
    columns = (
        Column("contender"),
        Column("images/s", "float"),
        Column("middle half", align="right"),
        Column("archdsl is × faster", "float"),
        Column("of ratios", align="right"),
        Column("wall s", "float"),
        Column("archdsl is × sooner", "float"),
        Column("validation loss", "float"),
    )
    count = len(next(iter(raw.values())))
    return Table(columns, tuple(rows), title, notes=(f"n = {count}, interleaved; equal numbers of updates", WARM))


def race(name: str, title: str, description: str | None, work: Work) -> None:
    """Measure and publish."""
    parser: argparse.ArgumentParser = options(description, rounds=5)
    parser.add_argument("--parquet", type=parquet_folder, required=True, help="folder with CIFAR-10's train*.parquet")
    parser.add_argument("--timm", type=folder, help="checkout of timm's repository; without it timm is left out")
    parser.add_argument(
        "--vision", type=folder, help="checkout of torchvision's repository; without it its reference is left out"
    )
    parser.add_argument("--before", type=folder, help="checkout of another commit of ours, as one more contender")
    parser.add_argument("--only", nargs="*", help="contenders to run, beside archdsl")
    parser.add_argument("--hand", action="store_true", help="a hand loop of our parts instead of archdsl's fit")
    args = parser.parse_args()
    homes = {"timm_script.py": args.timm, "torchvision_reference.py": args.vision}
    sides = {k: v for k, v in SIDES.items() if homes.get(v[0], True)}
    check_only(parser, args.only, SIDES, sides)
    sides = {k: v for k, v in sides.items() if not args.only or k in (OURS, *args.only)}
    checkouts = {} if args.before is None else {BEFORE: args.before.resolve()}
    sides |= dict.fromkeys(checkouts, SIDES[OURS])
    with tempfile.TemporaryDirectory() as home:
        pictures(args.parquet, Path(home) / "pictures", work.images)
        work = replace(work, folder=str(Path(home) / "pictures"))
        raw: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        for number in range(args.rounds):
            for side in list(sides) if number % 2 == 0 else list(sides)[::-1]:
                script, changes = sides[side]
                script = "hand.py" if args.hand and script == "ours.py" else script
                given = replace(work, checkout=str(homes.get(script) or ""), **changes)
                raw[side].append(run(script, given, home, checkouts.get(side)))
                print(f"round {number + 1}, {side}: {raw[side][-1]['steady']:.0f} images/s", file=sys.stderr)
    facts = {k: v for k, v in asdict(work).items() if k not in ("folder", "checkout")}
    publish(name, [table(title, raw)], {"work": facts, "runs": raw}, ["torch", "timm", "lightning"], args.out)
