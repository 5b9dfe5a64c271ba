"""What the benchmarks on a GPU share: the refusal where there is none, and the race against the peers."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

import torch
from _timing import options, publish
from common import Work
from race import HERE, OURS, check_only, folder, parquet_folder, pictures, run, table

NO_DEVICE = 4
# Contender → program, what it does otherwise, and which checkout it needs.
SIDES: dict[str, tuple[str, dict[str, Any], str]] = {
    OURS: ("ours.py", {"precision": "auto"}, ""),
    "archdsl eager": ("ours.py", {"precision": "eager"}, ""),
    "archdsl compiled": ("ours.py", {"precision": "auto", "compiled": True}, ""),
    "timm": ("timm_script.py", {}, "timm"),
    "timm bf16 channels_last": ("timm_script.py", {"precision": "bf16", "channels_last": True}, "timm"),
    "timm bf16 compiled": ("timm_script.py", {"precision": "bf16", "channels_last": True, "compiled": True}, "timm"),
    "torchvision's reference": ("torchvision_reference.py", {}, "vision"),
    "Lightning bf16": ("lightning_fit.py", {"precision": "bf16"}, ""),
    "plain loop": ("plain.py", {}, ""),
    "airbench's loader": ("airbench_loader.py", {"precision": "bf16", "channels_last": True}, "airbench"),
    "airbench's loader, compiled": ("airbench_loader.py", {"precision": "bf16", "compiled": True}, "airbench"),
}


def need_gpu() -> str:
    """The name of the GPU; ends the program with code 4 where torch sees none."""
    if not torch.cuda.is_available():
        name = Path(sys.argv[0]).name
        print(
            f"{name}: torch {torch.__version__} sees no CUDA device here, so there is nothing to measure.\n"
            "help: run it on a machine with an NVIDIA GPU and a CUDA build of torch",
            file=sys.stderr,
        )
        raise SystemExit(NO_DEVICE)
    return torch.cuda.get_device_name(0)


def parser(description: str | None, rounds: int = 5) -> argparse.ArgumentParser:
    """The options of a race on a GPU."""
    made = options(description, rounds=rounds)
    made.add_argument("--parquet", type=parquet_folder, help="folder with CIFAR-10's train*.parquet")
    made.add_argument("--timm", type=folder, help="checkout of timm's repository; without it timm is left out")
    made.add_argument("--vision", type=folder, help="checkout of torchvision's repository, likewise")
    made.add_argument("--airbench", type=folder, help="checkout of KellerJordan/cifar10-airbench, likewise")
    made.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 16), help="of the peers' loaders")
    made.add_argument("--only", nargs="*", help="contenders to run, beside archdsl")
    return made


def parsed(made: argparse.ArgumentParser) -> tuple[argparse.Namespace, str]:
    """The arguments, and the GPU; whether there is one is asked before all else but help."""
    card = need_gpu() if not {"-h", "--help"} & set(sys.argv) else ""
    args = made.parse_args()
    if args.parquet is None:
        made.error("--parquet is needed: the folder with CIFAR-10's pictures")
    return args, card


def race(name: str, title: str, description: str | None, net: str, batches: tuple[int, ...], epochs: int) -> None:
    """Measure each batch size, and publish a page for each."""
    made = parser(description)
    made.add_argument("--batch", type=int, nargs="*", default=list(batches), help="sizes of a batch")
    args, card = parsed(made)
    checkouts = {"timm": args.timm, "vision": args.vision, "airbench": args.airbench}
    sides = {k: v for k, v in SIDES.items() if (not v[2] or checkouts[v[2]]) and (HERE / v[0]).is_file()}
    check_only(made, args.only, SIDES, sides)
    sides = {k: v for k, v in sides.items() if not args.only or k in (OURS, *args.only)}
    with tempfile.TemporaryDirectory() as home:
        pictures(args.parquet, Path(home) / "pictures", images := 49152)  # whole batches of 128 and of 512
        for batch in args.batch:
            work = Work(net, str(Path(home) / "pictures"), images, epochs, batch, device="cuda", workers=args.workers)
            raw: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
            for number in range(args.rounds):
                for side in list(sides) if number % 2 == 0 else list(sides)[::-1]:
                    script, changes, checkout = sides[side]
                    task = replace(work, checkout=str(checkouts.get(checkout) or ""), **changes)
                    raw[side].append(run(script, task, home))
                    print(f"round {number + 1}, {side}: {raw[side][-1]['steady']:.0f} images/s", file=sys.stderr)
            facts = {k: v for k, v in asdict(work).items() if k not in ("folder", "checkout")}
            page = table(f"{title}, batch {batch}, {card}", raw)
            packages = ["torch", "torchvision", "timm", "lightning"]
            publish(f"{name}_b{batch}", [page], {"work": facts, "gpu": card, "runs": raw}, packages, args.out)
