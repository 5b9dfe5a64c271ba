"""Processes that train one net together make every call to each other at the same step, and judge the same net."""

from __future__ import annotations

from typing import Any

from archdsl.runs.events import EpochDone, Progress
from archdsl.settings.experiment import TrainSettings
from archdsl.train.distributed import Distributed, joined
from archdsl.train.loop import train
from archdsl.words.train.optimizers import Sgd
from tests.forked import Forked
from tests.train.nets import CPU, job, small_net
from tests.train.ranks import together

SETTINGS = TrainSettings(Sgd(0.1, 0.9, False), epochs=2, batch=16, evalbatch=8)


def made(distributed: Distributed, settings: TrainSettings = SETTINGS, **more: Any) -> Any:
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
