"""archdsl: ``archdsl.train.fit.fit``, as ``archdsl train`` calls it."""

from __future__ import annotations

import tempfile

import torch
from common import Clock, network, report, work

import archdsl
from archdsl.train.experiment import Experiment, fold_data, fold_train
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
model, clock, notes = network(task), Clock(), []
with tempfile.TemporaryDirectory() as out:
    # `auto` is what a user gets who asks for nothing.
    fit(model, experiment, out=out, fresh=False, speed=task.precision, listen=lambda e: notes.append(repr(e)[:300]))
report(task, clock, model, note=notes[0])
