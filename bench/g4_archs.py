"""G4: 12 architectures × 3 seeds × 3 epochs of CIFAR-10 on one GPU, from the command to the table.

`archdsl ablate`; a shell loop over timm's train.py (bf16, channels_last; a process a run); and a loop written by hand that
trains all runs in one process (resident data, batched flip and crop, bf16, channels_last). Same nets, first weights,
pictures, batch and learning rate. Without a GPU it ends with exit 4; `--device cpu --images 256 --epochs 1 --nets 2` tries the
parts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from _timing import options, publish
from common import Work
from race import HERE, folder, parquet_folder, pictures, run

from archdsl.report import Column, Table

SIZES = ((16, 1), (16, 2), (32, 1), (32, 2), (64, 1), (64, 2))
NETS = [f"vgg[{w}x{d},{2 * w}x{d}] +bn{res}" for w, d in SIZES for res in ("", " +res")]
OURS, TIMM, HAND = "archdsl ablate", "shell loop over timm", "a hand loop in one process"
Rows = list[tuple[int, int, float]]


def device_of(wanted: str) -> str:
    """The device; exits with 4 where it is not there."""
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        sys.stderr.write("this benchmark needs a CUDA device, and torch sees none\n")
        raise SystemExit(4)
    return wanted


def study_text(work: Work, nets: list[str], seeds: int) -> str:
    """The study file of these nets."""
    base = f'input 3x32x32\nnet conv(8)\ndata folder("{work.folder}", 32) flip crop(4)\n'
    base += f"train sgd({work.lr}, momentum={work.momentum}) epochs({work.epochs}) batch({work.batch})\n"
    return json.dumps({"study": "G", "base": base, "factors": {"net": nets}, "design": "grid", "seeds": seeds})


def ablate(work: Work, nets: list[str], seeds: int, home: Path, *more: str) -> Rows:
    """The command in a store of its own."""
    study = home / "study.yaml"
    study.write_text(study_text(work, nets, seeds))
    with tempfile.TemporaryDirectory(dir=home) as runs:
        done = subprocess.run(
            [sys.executable, "-m", "archdsl", "ablate", str(study), "--runs", runs, "--format", "json", *more],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "XDG_CACHE_HOME": str(home / "cache")},
        )
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        return [(n, s, row["mean"]) for n, row in enumerate(json.loads(done.stdout)["arms"]) for s in range(seeds)]


def by_hand(work: Work, nets: list[str], seeds: int, device: str) -> Rows:
    """One process that trains all runs."""
    about = {"work": asdict(work), "nets": nets, "seeds": seeds, "device": device}
    done = subprocess.run(
        [sys.executable, str(HERE / "study_hand.py"), json.dumps(about)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return [tuple(row) for row in json.loads(done.stdout.splitlines()[-1])]


def by_timm(work: Work, nets: list[str], seeds: int, home: Path, device: str) -> Rows:
    """A process a run."""
    best = replace(work, precision="bf16", channels_last=True, device=device)
    return [
        (n, s, run("timm_script.py", replace(best, net=net, seed=s), str(home))["accuracy"])
        for n, net in enumerate(nets)
        for s in range(seeds)
    ]


def arguments(text: str | None) -> argparse.Namespace:
    """The command line of a study on a GPU."""
    parser = options(text, rounds=5)
    parser.add_argument("--parquet", type=parquet_folder, required=True, help="folder with CIFAR-10's train*.parquet")
    parser.add_argument("--timm", type=folder, help="checkout of timm's repository; without it timm is left out")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=9984)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--nets", type=int, default=99, help="the first so many nets alone, to try the parts")
    return parser.parse_args()


def measured(sides: dict[str, Callable[[], Rows]], rounds: int, expected: int) -> dict[str, list[dict[str, object]]]:
    """Wall seconds and accuracies of each side in each round, in turns."""
    raw: dict[str, list[dict[str, object]]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in list(sides) if number % 2 == 0 else list(sides)[::-1]:
            begun = time.perf_counter()
            rows = sides[side]()
            wall = time.perf_counter() - begun
            assert len(rows) == expected, (side, rows)
            raw[side].append({"wall": wall, "accuracies": sorted(rows)})
            print(f"round {number + 1}, {side}: {wall:.1f} s", file=sys.stderr, flush=True)
    return raw


def table(title: str, raw: dict[str, list[dict[str, object]]], first: str) -> Table:
    """One row a side: wall, how much sooner the first side is, mean accuracy."""
    rows = []
    for side, runs in raw.items():
        ratios = [float(r["wall"]) / float(o["wall"]) for r, o in zip(runs, raw[first], strict=True)]  # type: ignore[arg-type]
        means = [statistics.mean(a for _, _, a in r["accuracies"]) for r in runs]  # type: ignore[attr-defined]
        walls = [float(r["wall"]) for r in runs]  # type: ignore[arg-type]
        rows.append((side, statistics.median(walls), statistics.median(ratios), statistics.median(means)))
    columns = (
        Column("contender"),
        Column("wall s", "float", digits=1),
        Column(f"{first} is × sooner", "float", digits=2),
        Column("mean accuracy", "percent", digits=1),
    )
    return Table(columns, tuple(rows), title, notes=(f"n = {len(next(iter(raw.values())))}",))


def main() -> None:
    """Measure and publish."""
    args = arguments(__doc__)
    device, seeds, nets = device_of(args.device), args.seeds or 3, NETS[: args.nets]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        pictures(args.parquet, home / "pictures", args.images)
        work = Work(
            "", str(home / "pictures"), args.images, args.epochs, batch=args.batch, checkout=str(args.timm or "")
        )
        sides: dict[str, Callable[[], Rows]] = {
            OURS: lambda: ablate(work, nets, seeds, home, "--device", device),
            HAND: lambda: by_hand(work, nets, seeds, device),
        }
        if args.timm:
            sides[TIMM] = lambda: by_timm(work, nets, seeds, home, device)
        raw = measured(sides, args.rounds, len(nets) * seeds)
    title = f"G4: {len(nets)} nets × {seeds} seeds, {args.images:,} images × {args.epochs} epochs on {device}, wall to table"
    publish("g4_archs", [table(title, raw, OURS)], {"nets": nets, "runs": raw}, ["torch", "timm"], args.out)


if __name__ == "__main__":
    main()
