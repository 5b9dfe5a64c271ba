"""Where the time of a training step goes, and how far it is from what the device could do.

    python bench/profile_step.py --net 'vgg[64x2,128x2] +bn' --batch 512 --device cuda

Trains on random pictures as `archdsl train` would, under torch's profiler: seconds of a step by kernel (on a CPU by
operator), images a second without the profiler, and on a GPU the roofline: the step's operations over the peak that
`archdsl.accelerate.worth` assumes, and its numbers over the memory's rate.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

import archdsl
from archdsl.accelerate.fast import fast
from archdsl.accelerate.plan import choose, forward_context, prepare
from archdsl.accelerate.worth import size
from archdsl.data import Arrays
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.device import choose_device
from archdsl.emit.build import build
from archdsl.report import Column, Table, render
from archdsl.settings.fold import fold_data, fold_train
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.loop import Training


def training(args: argparse.Namespace, device: torch.device) -> tuple[Training, str]:
    """A run of so many whole steps, ready to step."""
    text = (
        f"input 3x32x32\nnet {args.net}\ndata cifar10 flip crop(4)\ntrain {args.train} epochs(2) batch({args.batch})\n"
    )
    spec = archdsl.load(text)
    model = build(spec.trace)
    initialise(model, 0)
    model.to(device)
    settings = fold_train(spec.graph.train)
    plan, said = choose(model, (args.batch, 3, 32, 32), 100_000, device, args.precision)
    plan = replace(plan, graph=plan.graph and not args.eager)
    prepare(model, plan)
    torch.backends.cudnn.benchmark = device.type == "cuda"
    chance = np.random.default_rng(0)
    images = args.batch * args.steps
    part = Arrays(chance.integers(0, 256, (images, 3, 32, 32), np.uint8), chance.integers(0, 10, images))
    data = resident(part, device)
    job = Job(
        model,
        data,
        None,
        data,
        normalise((0.5,) * 3, (0.25,) * 3, device),
        fold_data(spec.graph.data).augment,
        settings,
        channels_last=plan.channels_last,
        graph=plan.graph,
        net=fast(model, plan),
        context=lambda: forward_context(plan, device),
    )
    return Training(job), said


def epoch(run: Training, number: int) -> float:
    """Seconds of an epoch's steps."""
    begun = time.perf_counter()
    run.net.train()
    for _ in run._epoch(number):
        pass
    if run.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="vgg[64x2,128x2] +bn")
    parser.add_argument("--train", default="sgd(0.05)", help="words of a train statement")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--eager", action="store_true", help="no CUDA graph")
    parser.add_argument("--rows", type=int, default=15)
    args = parser.parse_args()
    device, note = choose_device(args.device)
    run, said = training(args, device)
    print(f"{note}\n{said}", file=sys.stderr)
    epoch(run, 1)
    seconds = epoch(run, 2) / args.steps
    run.state.step = 0
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=kinds) as found:
        epoch(run, 1)
    own = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    events = sorted(found.key_averages(), key=lambda e: -getattr(e, own))
    total = sum(getattr(e, own) for e in events) or 1
    rows = tuple(
        (e.key[:80], getattr(e, own) / args.steps / 1000, getattr(e, own) / total, e.count / args.steps)
        for e in events[: args.rows]
    )
    columns = (
        Column("kernel" if device.type == "cuda" else "operator"),
        Column("ms a step", "float", digits=3),
        Column("share", "percent", digits=1),
        Column("calls a step", "float", digits=1),
    )
    notes = [f"{1e3 * seconds:.2f} ms a step without the profiler, {args.batch / seconds:,.0f} images/s"]
    of = size(run.job.model, (args.batch, 3, 32, 32))
    notes.append(f"{3 * of.flops / seconds / 1e12:.3g} TFLOP/s")
    if device.type == "cuda":
        count = torch.cuda.get_device_properties(device).multi_processor_count
        least = of.working(True, count)
        busy = total / args.steps / 1e6
        notes.append(
            f"roofline in bf16 {1e3 * least:.2f} ms ({args.batch / least:,.0f} images/s): {least / seconds:.0%} of it"
        )
        notes.append(f"the GPU works {busy / seconds:.0%} of the time; what is left is launching and waiting")
    render(Table(columns, rows, f"{args.net}, batch {args.batch}, {device}", notes=tuple(notes)), "table", sys.stdout)


if __name__ == "__main__":
    main()
