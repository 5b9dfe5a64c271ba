"""G3: airbench94's recipe in the language against airbench94 itself, on the same GPU and data: seconds to 94 % on CIFAR-10.

`seconds` is a run from its first step to its test with six views of each image; `setup` is what each has before it (data
on the GPU; ours takes the filters of the whitening layer there, airbench94 in its seconds). Without a GPU it exits with 4.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from _gpu import parsed, parser
from _timing import REPO, publish, spread

from archdsl.report import Column, Table

PEERS = Path(__file__).resolve().parent / "peers"


def runs(script: str, about: dict[str, Any]) -> list[dict[str, Any]]:
    """A process that makes some runs one after the other."""
    done = subprocess.run(
        [sys.executable, str(PEERS / script), json.dumps(about)], capture_output=True, text=True, check=False, cwd=REPO
    )
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr[-3000:]}")
    return [json.loads(line.removeprefix("RUN ")) for line in done.stdout.splitlines() if line.startswith("RUN ")]


def main() -> None:
    """Measure and publish."""
    made = parser(__doc__, rounds=5)
    made.add_argument("--runs", type=int, default=10, help="of each process")
    args, card = parsed(made)
    if args.airbench is None:
        made.error("--airbench is needed: a checkout of KellerJordan/cifar10-airbench")
    if not any(args.parquet.glob("test*.parquet")):
        made.error(f"{args.parquet} has no test*.parquet")
    about = {
        "runs": args.runs,
        "device": "cuda",
        "parquet": str(args.parquet.resolve()),
        "checkout": str(args.airbench.resolve()),
    }
    sides = {"archdsl": "ours94.py", "airbench94": "airbench94.py"}
    raw: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for number in range(args.rounds):
        for side in list(sides) if number % 2 == 0 else list(sides)[::-1]:
            raw[side] += runs(sides[side], about)
            print(f"round {number + 1}, {side}: {raw[side][-1]}", file=sys.stderr)
    rows = []
    for side, found in raw.items():
        seconds = [r["seconds"] for r in found]
        ratio = [a["seconds"] / b["seconds"] for a, b in zip(found, raw["airbench94"], strict=True)]
        rows.append(
            (
                side,
                statistics.median(seconds),
                spread(seconds),
                statistics.median(ratio),
                statistics.median(r["setup"] for r in found),
                statistics.mean(r["accuracy"] for r in found),
            )
        )
    columns = (
        Column("contender"),
        Column("seconds", "float"),
        Column("middle half", align="right"),
        Column("× airbench94", "float"),
        Column("setup s", "float"),
        Column("mean accuracy", "percent", digits=2),
    )
    notes = (f"n = {len(raw['archdsl'])}, processes interleaved",)
    page = Table(columns, tuple(rows), f"G3: airbench94's recipe, {card}", notes=notes)
    publish("g3_airbench94", [page], {"gpu": card, "runs": raw}, ["torch", "torchvision"], args.out)


if __name__ == "__main__":
    main()
