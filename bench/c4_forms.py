"""C4: what `auto` takes for a net, beside every single form: type, kernels and threads. Twelve nets, batches of 16 and 128.

    python bench/c4_forms.py [--rounds 9] [--batch 16 128] [--only "vgg narrow" resnet20]

Each contender is forward and backward of a batch of 3×32×32, as often as fills a turn; they take turns there and back. `auto`
is the plan of a run of many steps, with no remembered choice. All forms are measured for a few rounds first. The fastest one
that is not `auto` itself is its rival, and the two are measured again, in turns of their own: the least of many noisy medians
is too small, and a second measurement of two is not. The figure is the median over rounds of the rival's time over auto's: 1
and more is as fast as the best one. A rival that was slower than `auto` by a third is not measured again.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import torch
from _timing import Times, options, publish, ratios, spread
from torch import fx
from torch.nn import functional

import archdsl
from archdsl.accelerate.fast import fast
from archdsl.accelerate.native import available, granted, has_parts, tiled
from archdsl.accelerate.native.conv import FastConv
from archdsl.accelerate.plan import PLAIN, Plan, choose, forward_context, has_bf16, prepare
from archdsl.emit.build import build
from archdsl.report import Column, Table

CPU, LONG, CLASSES = torch.device("cpu"), 1_000_000, 10
TURN = 0.2  # seconds of a contender before the next one
SWEEP = 3  # rounds of all forms
FAR = 4 / 3  # of auto's time; a rival that takes longer loses without a second measurement
ENOUGH = 0.97
NETS = {
    "vgg narrow": "vgg[16x2,32x2] +bn gap linear(10)",
    "vgg wide": "vgg[64x2,128x2] +bn gap linear(10)",
    "vgg deep": "vgg[32x2,64x2,128x3] +bn gap linear(10)",
    "resnet20": "conv(16) bn relu resnet[16x3,32x3,64x3] gap linear(10)",
    "resnet18": "conv(64) bn relu resnet[64x2,128x2,256x2,512x2] gap linear(10)",
    "mobilenetv2": "mobilenetv2[16(t=1),24x2,32x3] gap linear(10)",
    "mobilenet": "mobilenet",
    "convnext": "patch(2, 32) ln convnext[32x2,64x2,128x2] gap ln linear(10)",
    "vit": "patch(4, 96) tokens cls pos vit[96x4](heads=3) ln take linear(10)",
    "densenet": "let d = cat(id | bn relu conv(12))\n"
    "let t = bn relu conv(cin//2, 1) avgpool\nnet conv(24) d*6 t d*6 t d*6 bn relu gap linear(10)",
    "inception": "inception",
    "mlp": "flatten linear(512) relu linear(512) relu linear(10)",
}


def forms() -> dict[str, Plan]:
    """Every form by its name."""
    many = torch.get_num_threads()
    best = replace(PLAIN, threads=many, fused=True, channels_last=True)
    found = {"plain fp32": replace(PLAIN, threads=many), "fp32, torch's kernels": best}
    if available():
        found["fp32, our kernels"] = replace(best, native=True)
    if has_bf16():
        found["bf16, torch's kernels"] = replace(best, precision="bf16")
        if available("bf16"):
            found["bf16, our kernels"] = replace(best, precision="bf16", native=True)
            if granted():
                found["bf16, our kernels with AMX"] = replace(best, precision="bf16", native=True, amx=True)
    if many > 1:
        found |= {f"{name}, 1 thread": replace(plan, threads=1) for name, plan in list(found.items())[1:]}
    return found


def others(model: fx.GraphModule, taken: Plan) -> dict[str, Plan]:
    """The forms that compute a net in another way than a plan does: our kernels do nothing where they have no part of it."""
    every = {form: plan for form, plan in forms().items() if not plan.native or has_parts(model, plan.amx)}
    every = {form: plan for form, plan in every.items() if not plan.amx or tiled(model)}
    native = taken.native and has_parts(model, taken.amx)
    return {form: plan for form, plan in every.items() if plan != replace(taken, native=native)}


def net_of(text: str) -> fx.GraphModule:
    """The net as training builds it: in one graph, which can be rewritten as a whole."""
    return build(archdsl.load(text, input=(3, 32, 32), classes=CLASSES).trace)


def step(model: fx.GraphModule, plan: Plan, batch: int) -> Callable[[], float]:
    """Forward and backward of one batch in a form, on a net of its own."""
    prepare(model, plan)
    images = torch.randn(batch, 3, 32, 32)
    if plan.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (batch,))
    net = fast(model, plan).train()
    if plan.native and has_parts(model, plan.amx) and not any(isinstance(m, FastConv) for m in net.modules()):
        print("our kernels do no convolution of this net", file=sys.stderr)

    def once() -> None:
        with forward_context(plan, CPU):
            logits = net(images)
        functional.cross_entropy(logits.float(), labels).backward()
        net.zero_grad()

    torch.set_num_threads(plan.threads)
    once()
    begun = time.perf_counter()
    once()
    many = max(1, round(TURN / (time.perf_counter() - begun)))

    def run() -> float:
        """Seconds a step, of as many as fill a turn."""
        torch.set_num_threads(plan.threads)
        once()  # whose caches are those of the contender before
        begun = time.perf_counter()
        for _ in range(many):
            once()
        return (time.perf_counter() - begun) / many

    return run


def turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """Seconds a step of each contender in each round."""
    times: Times = {form: [] for form in contenders}
    for turn in range(rounds):
        for form in list(contenders)[:: 1 if turn % 2 else -1]:
            times[form].append(contenders[form]())
    return times


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__.splitlines()[0], 9)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--only", nargs="+", default=list(NETS), choices=list(NETS))
    given = parser.parse_args()
    rows, raw = [], {}
    many = torch.get_num_threads()
    with TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # nothing is remembered from before
        available("fp32", "bf16")
        for name in given.only:
            for batch in given.batch:
                torch.set_num_threads(many)
                make = partial(net_of, NETS[name])
                taken, words = choose(make().train(), (batch, 3, 32, 32), LONG, CPU, compile="off")
                torch.set_num_threads(many)
                contenders = {form: step(make(), plan, batch) for form, plan in others(make(), taken).items()}
                contenders["auto"] = step(make(), taken, batch)
                swept = turns(contenders, SWEEP)
                middle = {form: statistics.median(seconds) for form, seconds in swept.items()}
                auto = middle.pop("auto")
                rival = min(middle, key=middle.__getitem__)
                two = {form: contenders[form] for form in ("auto", rival)}
                times = turns(two, given.rounds) if middle[rival] < FAR * auto else {form: swept[form] for form in two}
                against = ratios(times, rival, "auto")
                least = 1e3 * statistics.median(times["auto"])
                gain = middle.get("plain fp32", auto) / auto
                rows.append(
                    (name, batch, least, words, rival, statistics.median(against), spread(against), len(against), gain)
                )
                raw[f"{name}, {batch}"] = {"auto": words, "rival": rival, "sweep": swept, "seconds": times}
                print(rows[-1], file=sys.stderr, flush=True)
    publish("c4_forms", [page(rows, given.rounds)], raw, ["torch"], given.out)


def page(rows: Sequence[tuple[Any, ...]], rounds: int) -> Table:
    """The table. A rival that was too slow for a second measurement has the rounds of the sweep alone."""
    columns = (
        Column("net"),
        Column("batch", "count"),
        Column("auto, ms", "float"),
        Column("what auto took"),
        Column("best other form"),
        Column("other / auto", "float"),
        Column("middle half", align="right"),
        Column("n", "count"),
        Column("plain / auto", "float"),
    )
    least, good = min(row[5] for row in rows), sum(row[5] >= ENOUGH for row in rows)
    fewer = f" (and {SWEEP} where the rival took a third longer)" if any(row[7] != rounds for row in rows) else ""
    note = (
        f"n = {rounds}{fewer}, interleaved, medians; "
        f"other / auto is {ENOUGH} and more in {good} of {len(rows)} rows, {least:.3f} at least"
    )
    return Table(columns, tuple(rows), "C4", notes=(note,))


if __name__ == "__main__":
    main()
