"""Our convolutions on the tiles of AMX: beside torch's, and beside what the tiles could do.

    python bench/amx.py [--rounds 9]

One thread, 128 images, bf16. The roofline is measured in the same turns: products of tiles of random numbers that stay in their
registers. A second table has whole steps, forward and backward, of nets in two threads: the operations of their layers, and the
share of the roofline of both cores; the rest of a step is layers and memory that no tile works for.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from _timing import REPO, interleave, options, publish
from c4_forms import CPU, NETS, net_of, step
from torch import Tensor, nn

from archdsl.accelerate.memory import keep_pages
from archdsl.accelerate.native import granted
from archdsl.accelerate.native.conv import FastConv
from archdsl.accelerate.plan import unprobed
from archdsl.accelerate.worth import size
from archdsl.report import Column, Table

BATCH, LAST = 128, torch.channels_last
LAYERS = ((16, 16, 32), (32, 32, 16), (64, 64, 32), (64, 128, 16), (128, 128, 16), (256, 256, 8), (512, 512, 4))
STEPS = ("vgg narrow", "vgg wide", "vgg deep", "resnet20", "resnet18")
PRODUCTS = 200_000  # of tiles in a turn
PER_PRODUCT = 2 * 16 * 16 * 32  # operations
PASSES = ("forward", "gradient of the images", "gradient of the weights")


def peak(folder: Path) -> Callable[[], None]:
    """Products of tiles, as many as make up a turn."""
    native = REPO / "archdsl" / "accelerate" / "native"
    command = ["cc", "-O2", "-fPIC", "-shared", f"-I{native}", str(REPO / "bench" / "tiles_peak.c"), "-o"]
    subprocess.run([*command, str(folder / "peak.so")], check=True)
    lib = ctypes.CDLL(str(folder / "peak.so"))
    lib.tiles_granted.restype = ctypes.c_long
    if not lib.tiles_granted():
        raise SystemExit("the system does not grant the use of tiles")
    values = torch.randn(4, 512).bfloat16()
    lib.tiles_peak.argtypes = [ctypes.c_void_p, ctypes.c_long]
    return lambda: lib.tiles_peak(values.data_ptr(), PRODUCTS)


def passes(conv: nn.Module, x: Tensor, dy: Tensor) -> dict[str, Callable[[], Any]]:
    """The three passes of a convolution under autocast, each by itself: with the other gradient in a graph, both are made."""
    frozen = deepcopy(conv).requires_grad_(False)
    given, weight = x.detach().requires_grad_(), next(conv.parameters())

    def made(layer: nn.Module, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return layer(images)  # type: ignore[no-any-return]

    of_images, of_weights = made(frozen, given), made(conv, x)
    return {
        PASSES[0]: lambda: made(frozen, x),
        PASSES[1]: lambda: torch.autograd.grad(of_images, given, dy, retain_graph=True),
        PASSES[2]: lambda: torch.autograd.grad(of_weights, weight, dy, retain_graph=True),
    }


def layers(rounds: int, folder: Path) -> tuple[Table, dict[str, Any]]:
    """Each pass of each layer, in milliseconds, operations a second, and as a share of the roofline."""
    rows, raw = [], {}
    for ins, outs, side in LAYERS:
        x = torch.randn(BATCH, ins, side, side).bfloat16().to(memory_format=LAST)
        dy = torch.randn(BATCH, outs, side, side).bfloat16().to(memory_format=LAST)
        conv = nn.Conv2d(ins, outs, 3, padding=1, bias=False).to(memory_format=LAST)
        ours, theirs = passes(FastConv(conv, amx=True), x, dy), passes(conv, x, dy)
        operations = 2 * 9 * ins * outs * side * side * BATCH
        for what in PASSES:
            times = interleave({"peak": peak(folder), "ours": ours[what], "torch": theirs[what]}, rounds, 2)
            name = f"{ins} to {outs} at {side}x{side}, {what}"
            raw[name] = times
            middle = {key: statistics.median(taken) for key, taken in times.items()}
            roofline = PRODUCTS * PER_PRODUCT / middle["peak"]
            rates = [operations / middle[key] / roofline for key in ("ours", "torch")]
            tera = operations / middle["ours"] / 1e12
            ratio = middle["torch"] / middle["ours"]
            rows.append(
                (name, 1e3 * middle["ours"], 1e3 * middle["torch"], ratio, tera, 100 * rates[0], 100 * rates[1])
            )
            print(rows[-1], file=sys.stderr, flush=True)
    columns = (
        Column("convolution"),
        Column("ours, ms", "float"),
        Column("torch, ms", "float"),
        Column("torch / ours", "float"),
        Column("TFLOP/s", "float"),
        Column("% of the roofline", "float"),
        Column("torch's %", "float"),
    )
    rate = statistics.median(PRODUCTS * PER_PRODUCT / t for times in raw.values() for t in times["peak"])
    note = f"n = {rounds}, interleaved, medians; one thread; the roofline is {rate / 1e12:.2f} TFLOP/s a core"
    return Table(columns, tuple(rows), "Convolutions in bf16", notes=(note,)), raw


def whole(rounds: int, folder: Path) -> tuple[Table, dict[str, Any]]:
    """Steps of whole nets on tiles, and on the vectors that were taken for bf16 before."""
    rows, raw = [], {}
    threads = torch.get_num_threads()
    plan = unprobed(CPU, "bf16", threads)
    for name in STEPS:
        operations = 3 * size(net_of(NETS[name]), (BATCH, 3, 32, 32)).flops  # forwards once, backwards twice as many
        forms = {
            "tiles": plan,
            "vectors": replace(plan, amx=False),
            "torch's kernels": replace(plan, native=False, amx=False),
        }
        contenders = {form: step(net_of(NETS[name]), taken, BATCH) for form, taken in forms.items()}
        times: dict[str, list[float]] = {form: [] for form in contenders}
        for turn in range(rounds):
            for form in list(contenders)[:: 1 if turn % 2 else -1]:
                times[form].append(contenders[form]())
        one = interleave({"peak": peak(folder)}, rounds, 2)["peak"]
        raw[name] = {**times, "peak": one}
        middle = {form: statistics.median(taken) for form, taken in times.items()}
        roofline = threads * PRODUCTS * PER_PRODUCT / statistics.median(one)
        rows.append(
            (
                name,
                1e3 * middle["tiles"],
                BATCH / middle["tiles"],
                middle["vectors"] / middle["tiles"],
                middle["torch's kernels"] / middle["tiles"],
                operations / middle["tiles"] / 1e12,
                100 * operations / middle["tiles"] / roofline,
            )
        )
        print(rows[-1], file=sys.stderr, flush=True)
    columns = (
        Column("net"),
        Column("a step, ms", "float"),
        Column("images/s", "float"),
        Column("without tiles / with", "float"),
        Column("torch's kernels / ours", "float"),
        Column("TFLOP/s", "float"),
        Column("% of the roofline", "float"),
    )
    note = f"n = {rounds}, interleaved, medians; {threads} threads, forward and backward; torch's kernels in bf16, channels_last"
    return Table(columns, tuple(rows), "Steps", notes=(note,)), raw


def main() -> None:
    """Measure and publish."""
    given = options(__doc__.splitlines()[0], 9).parse_args()
    if not granted():
        sys.stderr.write("this needs a processor with AMX, Linux and a C compiler\n")
        raise SystemExit(4)
    keep_pages()
    with TemporaryDirectory() as room:
        many = torch.get_num_threads()
        steps, of_steps = whole(given.rounds, Path(room))
        torch.set_num_threads(1)
        convolutions, of_layers = layers(given.rounds, Path(room))
        torch.set_num_threads(many)
    publish("amx", [convolutions, steps], {"layers": of_layers, "steps": of_steps}, ["torch"], given.out)


if __name__ == "__main__":
    main()
