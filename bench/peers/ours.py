"""archdsl: ``archdsl.train.fit.fit``, as ``archdsl train`` calls it."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from common import Clock, network, report, work

import archdsl
from archdsl.accelerate.plan import Plan
from archdsl.runs.events import EpochDone
from archdsl.settings.experiment import Experiment
from archdsl.settings.fold import fold_data, fold_train
from archdsl.train.fit import fit

task = work()
torch.set_num_threads(task.threads)
TEXT = f"""input 3x32x32
{task.net}
data folder("{task.folder}", 32) flip crop(4)
train sgd({task.lr}, momentum={task.momentum}) epochs({task.epochs}) batch({task.batch}) seed(1)
"""
spec = archdsl.load(TEXT)
experiment = Experiment("race", spec.canonical, fold_data(spec.graph.data), fold_train(spec.graph.train), spec.hash)
model, clock, events = network(task), Clock(), []
# `auto` is what a user gets who asks for nothing; `eager` is the same without a graph.
wish: dict[str, Any] = {"speed": task.precision, "device": task.device, "compile": "on" if task.compiled else "auto"}
if task.precision == "eager":
    wish = {"plan": Plan("bf16", True, fused=True), "device": task.device}
with tempfile.TemporaryDirectory() as out:
    fit(model, experiment, out=out, fresh=False, listen=events.append, **wish)
more: dict[str, Any] = {"note": repr(events[0])[:600]}
if (
    task.device != "cpu"
):  # the replays of a graph are no optimiser's steps to a hook; an epoch's seconds end when its work does
    epochs = [e for e in events if isinstance(e, EpochDone)]
    rest = epochs[1:] or epochs
    more["steps"] = epochs[-1].step
    more["steady"] = task.batch * task.per_epoch * len(rest) / sum(e.seconds for e in rest)
report(task, clock, model, **more)
