"""One step of four seeds (forward and backward), one after the other and as one net, on the device at hand.

On a CPU the time is that of the processor, on one thread; on a GPU that of the clock, with the device waited for.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from _timing import options, publish, spread
from torch import Tensor, nn
from torch.nn import functional

from archdsl.accelerate.fast import fast
from archdsl.accelerate.plan import forward_context, prepare, unprobed
from archdsl.api import load
from archdsl.emit.build import build
from archdsl.report import Column, Table
from archdsl.train.fused.model import fuse

NETS = ("vgg[16x2,32x2] +bn", "vgg[8x2,16x2] +bn", "vgg[4x1,8x1] +bn")
BATCHES = (128, 16)


def sides(net: str, batch: int, copies: int, device: torch.device) -> tuple[Callable[[], None], Callable[[], None]]:
    """A step of all copies, one after the other and together, on the same weights and images."""
    spec, plan = load(net, input=(3, 32, 32), classes=10), unprobed(device)
    models = [build(spec.trace).to(device) for _ in range(copies)]
    fused = fuse(spec.trace, copies, device)
    fused.take(models)
    for model in (*models, fused.net):
        prepare(model, plan)
    nets, wide = [fast(m, plan) for m in models], fast(fused.net, plan)
    every = [torch.randn(batch, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last) for _ in nets]
    joined = torch.cat(every, 1).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,), device=device)

    def logits(model: nn.Module, images: Tensor) -> Tensor:
        with forward_context(plan, device):
            return model(images).float()  # type: ignore[no-any-return]

    def alone() -> None:
        for model, images in zip(nets, every, strict=True):
            functional.cross_entropy(logits(model, images), labels).backward()  # type: ignore[no-untyped-call]

    def together() -> None:
        parts = logits(wide, joined).chunk(copies, 1)
        torch.stack([functional.cross_entropy(p, labels) for p in parts]).sum().backward()  # type: ignore[no-untyped-call]

    return alone, together


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__, rounds=9)
    parser.add_argument("--copies", type=int, default=4)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    clock = time.perf_counter if device.type == "cuda" else time.process_time

    def seconds(step: Callable[[], None]) -> float:
        begun = clock()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return clock() - begun

    rows, raw = [], []
    for net in NETS:
        for batch in BATCHES:
            pair = sides(net, batch, args.copies, device)
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(-2, args.rounds):
                for side in (0, 1) if number % 2 == 0 else (1, 0):
                    taken = seconds(pair[side])
                    if number >= 0:
                        times[side].append(taken)
            ratios = [a / b for a, b in zip(*times, strict=True)]
            rows.append(
                (net, batch, *(1000 * statistics.median(t) for t in times), statistics.median(ratios), spread(ratios))
            )
            raw.append({"net": net, "batch": batch, "alone": times[0], "together": times[1]})
    columns = (
        Column("net"),
        Column("batch", "int"),
        Column("alone ms", "float"),
        Column("together ms", "float"),
        Column("× sooner", "float", digits=2),
        Column("middle half", align="right"),
    )
    title = f"A step of {args.copies} seeds on {device.type}, one after the other and as one net"
    publish(
        "g5_step",
        [Table(columns, tuple(rows), title, notes=(f"n = {args.rounds}, interleaved",))],
        raw,
        ["torch"],
        args.out,
    )


if __name__ == "__main__":
    main()
