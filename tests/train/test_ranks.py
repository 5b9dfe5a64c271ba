"""Processes that train one net together make every call to each other at the same step, and judge the same net."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from archdsl.accelerate.plan import Plan
from archdsl.data.batches import resident
from archdsl.emit.layers.weights import ZeroBatchNorm1d, ZeroBatchNorm2d
from archdsl.errors import ArchError
from archdsl.runs.conditions import conditions_of
from archdsl.runs.events import EpochDone, Finished, Progress, Stopped, Warned
from archdsl.settings.experiment import TrainSettings
from archdsl.train import prepare as setups
from archdsl.train.checks import check_parts
from archdsl.train.distributed import Distributed, joined
from archdsl.train.fit import fit
from archdsl.train.job import Job, steps_left
from archdsl.train.loop import Training, train
from archdsl.train.metrics import evaluate
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted
from archdsl.train.sync_batchnorm import synchronise
from archdsl.words.train.optimizers import Sgd
from tests.forked import Forked
from tests.train.nets import CPU, experiment, job, small_net, stripes
from tests.train.ranks import together

SETTINGS = TrainSettings(Sgd(0.1, 0.9, False), epochs=2, batch=16, evalbatch=8)


def made(distributed: Distributed, settings: TrainSettings = SETTINGS, **more: Any) -> Job:
    """A job on stripes, of a net with batch norm and dropout."""
    model = small_net(2)
    return job(settings, model, net=distributed.wrap(model, CPU), distributed=distributed, **more)


def shown(rank: int) -> list[list[float]]:
    with joined("cpu") as distributed:
        events = list(train(made(distributed, every=0.0 if rank == 0 else 1e9)))
    return [
        [e.loss for e in events if isinstance(e, Progress)],
        [e.loss for e in events if isinstance(e, EpochDone)],
    ]


def test_progress_is_read_by_all_when_one_shows_it(forking: Forked) -> None:
    first, second = together(forking, shown)
    assert first == second
    assert [len(part) for part in first] == [6, 2]


def judged(rank: int) -> list[list[float | None]]:
    """What the events say of the last weights, and what an evaluation in this process alone does."""
    with joined("cpu") as distributed:
        own = replace(made(distributed, valid=resident(stripes(17, 1), CPU)), test=resident(stripes(1, 2), CPU))
        events = list(train(own))
    assert isinstance(events[-1], Finished)
    (done,) = [e for e in events if isinstance(e, EpochDone) and e.epoch == 2]
    alone = [evaluate(own.model, part, own.normalise) or (None, None) for part in (own.valid, own.test)]
    told = [done.valid_loss, done.valid_accuracy, events[-1].test_loss, events[-1].test_accuracy]
    return [told, [figure for both in alone for figure in both]]


def test_parts_of_unequally_many_batches_are_judged(forking: Forked) -> None:
    """Of 17 validation images one process has one batch, and the other two; of one test image one process has none."""
    first, second = together(forking, judged)
    assert first[0] == second[0] == pytest.approx(first[1])
    assert first[1] == second[1], "all processes have the same net"


def resumed(rank: int) -> list[list[float | None]]:
    """Loss and accuracy of each epoch of a run, straight and stopped within its second epoch."""
    with joined("cpu") as distributed:
        straight = list(train(made(distributed)))
        first = Training(made(distributed, stop=lambda: first.state.step == 5))
        stopped = list(first.events())
        assert isinstance(stopped[-1], Stopped)
        second = Training(made(distributed))
        second.load(*distributed.broadcast(first.checkpoint()))
        again = [*stopped, *second.events()]
    return [[f for e in all_ if isinstance(e, EpochDone) for f in (e.loss, e.accuracy)] for all_ in (straight, again)]


def test_an_epoch_that_was_stopped_counts_the_images_of_all_processes(forking: Forked) -> None:
    first, second = together(forking, resumed)
    assert first == second
    assert first[1] == pytest.approx(first[0], rel=1e-6)


@pytest.mark.parametrize(
    ("images", "batch", "accumulate", "least"),
    [(449, 64, 2, 1), (450, 64, 2, 2), (401, 50, 1, 0), (402, 50, 1, 2), (404, 50, 1, 0), (512, 64, 2, 0)],
)
def test_each_process_has_two_images_of_each_batch(images: int, batch: int, accumulate: int, least: int) -> None:
    """A last image alone joins the batch before; a step of several batches may end in a small one."""
    settings = replace(SETTINGS, batch=batch, accumulate=accumulate)
    several = job(settings, count=images, distributed=Distributed(1, 2))
    if not least:
        check_parts(several)
        assert min(len(part) for group in steps_left(several, 1, 0) for part in group.parts) >= 2
        return
    with pytest.raises(ArchError, match=f"the smallest batch of an epoch has {least} image.*2 processes"):
        check_parts(several)


def chosen(rank: int) -> list[object]:
    asked: list[object] = []

    def choose(model: object, shape: tuple[int, ...], *more: object) -> tuple[Plan, str]:
        asked.append(shape)
        return Plan(threads=1 + rank), f"chosen by {rank}"

    setups.choose = choose  # type: ignore[assignment]
    with joined("cpu") as distributed:
        setup = setups.prepare(small_net(10), experiment(), FitOptions(device="cpu"), distributed, lambda: False)
    return [setup.plan.threads, any("chosen by 0" in note for note in setup.started.notes), asked]


def test_one_process_chooses_the_plan_of_all_for_its_part_of_a_batch(forking: Forked) -> None:
    assert together(forking, chosen) == [[1, True, [[32, 1, 28, 28]]], [1, True, []]]


NORMS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "image": (lambda: nn.BatchNorm2d(3), (7, 3, 4, 5)),
    "zero": (lambda: ZeroBatchNorm2d(3), (7, 3, 4, 5)),
    "vector": (lambda: nn.BatchNorm1d(5), (7, 5)),
    "zero vector": (lambda: ZeroBatchNorm1d(5), (7, 5)),
    "bare": (lambda: nn.BatchNorm2d(3, affine=False), (7, 3, 4, 5)),
    "bare vector": (lambda: nn.BatchNorm1d(5, momentum=None, affine=False), (7, 5)),
}


def normalised(rank: int) -> dict[str, list[float]]:
    """How far the rows of one process are from those of the whole batch in one: output, gradient and both averages."""
    found = {}
    with joined("cpu") as distributed:
        for name, (make, shape) in NORMS.items():
            torch.manual_seed(3)
            x, direction = torch.randn(shape), torch.randn(shape)
            low, high = distributed.part(shape[0])
            results = []
            for rows, net in ((slice(None), make()), (slice(low, high), synchronise(make(), CPU))):
                for p in net.parameters():
                    nn.init.constant_(p, 0.7)
                own = x[rows].clone().requires_grad_()
                y = net.train()(own)
                (y * direction[rows]).sum().backward()
                results.append((y, own.grad, net.running_mean, net.running_var))
            whole, part = results
            pairs = zip((whole[0][low:high], whole[1][low:high], *whole[2:]), part, strict=True)
            found[name] = [float((a - b).abs().max()) for a, b in pairs]
    return found


def test_each_batch_norm_is_over_the_images_of_all(forking: Forked) -> None:
    for found in together(forking, normalised):
        assert found.keys() == NORMS.keys()
        assert all(difference < 1e-5 for differences in found.values() for difference in differences), found


def begun(rank: int, out: str) -> str:
    asked = count()
    try:
        fit(small_net(10), experiment(), out=out, device="cpu", speed="plain", stop=lambda: next(asked) >= 3)
    except Interrupted:
        return "interrupted"
    return "ended"


def test_a_run_that_goes_on_in_fewer_processes_says_so(forking: Forked, tmp_path: Path) -> None:
    assert together(forking, begun, str(tmp_path)) == ["interrupted"] * 2
    (file,) = tmp_path.glob("*/versions.json")
    assert json.loads(file.read_text())["processes"] == 2
    heard: list[object] = []
    for stop in (lambda: True, lambda: False):
        with suppress(Interrupted):
            fit(small_net(10), experiment(), out=tmp_path, device="cpu", speed="plain", stop=stop, listen=heard.append)
    (warning,) = (e.text for e in heard if isinstance(e, Warned))
    assert "number of processes of this run was 2 and is 1 now" in warning
    assert json.loads(file.read_text())["processes"] == "2, then 1"
    assert conditions_of(json.loads(file.read_text()))["processes"] == "2, then 1"
