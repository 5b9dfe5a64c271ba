"""Metrics of the trained net of a run, computed from the weights that it keeps."""

from __future__ import annotations

from pathlib import Path

import torch

from archdsl.api import experiment_of, recorded
from archdsl.emit.build import build
from archdsl.evaluate.load import part_of, trained
from archdsl.runs.identify import check_data, with_data
from archdsl.runs.run import SPEC, load_run
from archdsl.words.metrics.base import OfNet

CPU = torch.device("cpu")


@torch.no_grad()
def measure(folder: Path, word: OfNet) -> float | None:
    """The figure of a finished run; None where its net has none.

    Raises:
        ArchError: the spec is that of a package which is not here, or the word fails.
        EnvError: the figure is of images, and the data of the run is not on this machine, or has changed since.
        StoreError: the run is damaged.
    """
    run = load_run(folder)
    spec = recorded(str(folder / SPEC), run.spec, run.declared)
    model = build(spec.trace)
    net = trained(model, run, CPU)
    images = None
    if word.images:
        experiment = with_data(experiment_of(spec, checked=False), run.fingerprint)
        check_data(experiment)
        part = part_of(experiment.data, experiment.train.seed, "test")
        images = net.normalise(next(iter(part.blocks(word.images)))[0])
    return word.measure(torch, model, images)
