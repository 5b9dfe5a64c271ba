"""C3: six nets × three seeds at C1's size, from the command to the table, against what people use for it today.

`archdsl ablate`; a shell loop over timm's train.py (bf16, channels_last, its fastest here); Hydra's multirun over
Lightning (bf16); Ray Tune over a loop of PyTorch (bf16, channels_last; two trials at a time). All with the same nets,
first weights, pictures, batch, learning rate, flip and crop; the time is that of the whole command.
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
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from _timing import options, publish
from common import Work
from race import HERE, check_only, folder, parquet_folder, pictures, run

from archdsl.report import Column, Table

NETS = [
    "vgg[16x1,32x1] +bn",
    "vgg[16x2,32x2] +bn",
    "vgg[16x3,32x3] +bn",
    "vgg[16x2,32x2] +bn +res",
    "vgg[24x2,48x2] +bn",
    "vgg[16x2,32x2,64x2] +bn",
]
OURS, TIMM, HYDRA, TUNE = "archdsl ablate", "shell loop over timm", "Hydra + Lightning", "Ray Tune"
REUSED = "Ray Tune, actors reused"
Rows = list[tuple[int, int, float]]


def ours(work: Work, seeds: list[int], home: Path) -> Rows:
    """The command, with a study file."""
    study = home / "study.yaml"
    base = f'input 3x32x32\nnet conv(8)\ndata folder("{work.folder}", 32) flip crop(4)\n'
    base += f"train sgd({work.lr}, momentum={work.momentum}) epochs({work.epochs}) batch({work.batch})\n"
    study.write_text(
        json.dumps({"study": "C3", "base": base, "factors": {"net": NETS}, "design": "grid", "seeds": seeds})
    )
    with tempfile.TemporaryDirectory(dir=home) as runs:
        done = subprocess.run(
            [sys.executable, "-m", "archdsl", "ablate", str(study), "--runs", runs, "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "XDG_CACHE_HOME": runs},
        )
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        rows = json.loads(done.stdout)["arms"]
    return [(n, s, row["mean"]) for n, row in enumerate(rows) for s in seeds]


def timm(work: Work, seeds: list[int], home: Path) -> Rows:
    """A process a run."""
    best = replace(work, precision="bf16", channels_last=True)
    return [
        (n, seed, run("timm_script.py", replace(best, net=net, seed=seed), str(home))["accuracy"])
        for n, net in enumerate(NETS)
        for seed in seeds
    ]


def scripted(script: str, arguments: list[str], work: Work, seeds: list[int], home: Path) -> Rows:
    """A program that writes a line for each run."""
    table = home / f"{Path(script).stem}.jsonl"
    table.unlink(missing_ok=True)
    about = {"work": asdict(work), "nets": NETS, "seeds": seeds, "table": str(table)}
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={**os.environ, "ARCHDSL_BENCH": json.dumps(about), "RAY_USAGE_STATS_ENABLED": "0"},
    )
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr[-3000:]}")
    return [tuple(json.loads(line)) for line in table.read_text().splitlines()]


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__, rounds=5)
    parser.add_argument("--parquet", type=parquet_folder, required=True, help="folder with CIFAR-10's train*.parquet")
    parser.add_argument("--timm", type=folder, help="checkout of timm's repository; without it timm is left out")
    parser.add_argument("--only", nargs="*", help="contenders to run, beside archdsl")
    parser.add_argument("--images", type=int, default=9984)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    seeds = list(range(args.seeds))
    grid = [f"+net={','.join(str(n) for n in range(len(NETS)))}", f"+seed={','.join(map(str, seeds))}"]
    sides = {
        OURS: ours,
        TIMM: timm,
        HYDRA: lambda w, s, h: scripted("study_hydra.py", ["-m", *grid, "hydra.sweep.dir=multirun"], w, s, h),
        TUNE: lambda w, s, h: scripted("study_tune.py", [], w, s, h),
        REUSED: lambda w, s, h: scripted("study_tune.py", ["reuse"], w, s, h),
    }
    there = [k for k in sides if args.timm or k != TIMM]
    check_only(parser, args.only, sides, there)
    wanted = [k for k in there if not args.only or k in (OURS, *args.only)]
    raw: dict[str, list[dict[str, object]]] = {side: [] for side in wanted}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        pictures(args.parquet, home / "pictures", args.images)
        work = Work("", str(home / "pictures"), args.images, args.epochs, checkout=str(args.timm or ""))
        for number in range(args.rounds):
            for side in wanted if number % 2 == 0 else wanted[::-1]:
                begun = time.perf_counter()
                rows = sides[side](work, seeds, home)
                wall = time.perf_counter() - begun
                assert len(rows) == len(NETS) * len(seeds), (side, rows)
                raw[side].append({"wall": wall, "accuracies": sorted(rows)})
                print(f"round {number + 1}, {side}: {wall:.1f} s", file=sys.stderr, flush=True)
            publish_rounds(raw, len(seeds), args)  # after each: a round takes a quarter of an hour


def publish_rounds(raw: dict[str, list[dict[str, object]]], seeds: int, args: argparse.Namespace) -> None:
    """What has been measured so far."""
    table = []
    for side, runs in raw.items():
        ratios = [float(r["wall"]) / float(o["wall"]) for r, o in zip(runs, raw[OURS], strict=True)]  # type: ignore[arg-type]
        means = [statistics.mean(a for _, _, a in r["accuracies"]) for r in runs]  # type: ignore[attr-defined]
        table.append(
            (
                side,
                statistics.median(float(r["wall"]) for r in runs),
                statistics.median(ratios),  # type: ignore[arg-type]
                statistics.median(means),
            )
        )
    columns = (
        Column("contender"),
        Column("wall s", "float", digits=1),
        Column("archdsl is × sooner", "float", digits=2),
        Column("mean accuracy", "percent", digits=1),
    )
    title = f"C3: {len(NETS)} nets × {seeds} seeds, {args.images:,} images × {args.epochs} epochs, wall to table"
    found = Table(columns, tuple(table), title, notes=(f"n = {len(raw[OURS])}, interleaved",))
    publish(
        "c3_study", [found], {"nets": NETS, "runs": raw}, ["torch", "timm", "lightning", "hydra-core", "ray"], args.out
    )


if __name__ == "__main__":
    main()
