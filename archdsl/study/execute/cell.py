"""One run inside of a worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError, Source, StoreError
from archdsl.study.execute.order import Order, Outcome, Terms
from archdsl.train.device import choose_device
from archdsl.train.events import EpochDone, Event, Progress, Started
from archdsl.train.fit import Wish, fit
from archdsl.train.plan import Plan, unprobed
from archdsl.train.runs import NUMERICS, Run
from archdsl.train.signals import Interrupted
from archdsl.train.store.claim import Taken
from archdsl.train.writer import RunFolder

EVERY = 1.0  # seconds between two looks at a run


@lru_cache
def plan_of(terms: Terms) -> tuple[torch.device, Plan]:
    """The device and the plan of every run; a probe of each net would give two arms two precisions."""
    device, _ = choose_device(terms.device)
    if device.type == "cpu":
        torch.set_num_threads(terms.threads)
    return device, unprobed(device, terms.precision, torch.get_num_threads())


def conditions(terms: Terms) -> dict[str, str]:
    """Under which the runs of this worker are made."""
    device, plan = plan_of(terms)
    return {
        "torch": torch.__version__, "numerics": NUMERICS, "device": device.type, "precision": plan.precision,
    }  # fmt: skip


def train_cell(
    order: Order, terms: Terms, tell: Callable[[int, float], None], stop: Callable[[], bool] | None = None
) -> Outcome:
    """Train one run into its folder; ``stop`` is asked whether it is to end with a checkpoint.

    Raises:
        Interrupted: a signal came; the folder has a checkpoint.
    """
    steps = 1

    def listen(event: Event) -> None:
        nonlocal steps
        match event:
            case Started():
                steps = event.steps
            case Progress() | EpochDone():
                tell(event.epoch, event.step / steps)
            case _:
                pass

    try:
        run = _fit(order, terms, listen, stop)
    except Interrupted:
        raise
    except Taken as error:
        return Outcome(order.key, "busy", error.message)
    except (EnvError, StoreError) as error:
        return Outcome(order.key, "failed", str(error), "environment")
    except (ArchError, RuntimeError, ValueError, ArithmeticError) as error:
        message = str(error) or type(error).__name__
        with suppress(ArchError):
            _note(order, terms, message)
        return Outcome(order.key, "failed", message, "experiment")
    figures = dict(run.result or {})
    status, message = str(figures.get("status", "interrupted")), str(figures.get("message", ""))
    return Outcome(order.key, status, message, "", figures, str(run.folder))


def _note(order: Order, terms: Terms, message: str) -> None:
    """Leave in the store that the run failed, and why."""
    device, plan = plan_of(terms)
    experiment = experiment_of(load(Source(f"{order.name}.arch", order.text)))
    folder = RunFolder.open(Path(terms.out), experiment)
    try:
        folder.describe(str(device), asdict(plan), {})
        folder.note({"status": "failed", "message": message})
    finally:
        folder.close()


def _fit(order: Order, terms: Terms, listen: Callable[[Event], Any], stop: Callable[[], bool] | None) -> Run:
    spec = load(Source(f"{order.name}.arch", order.text))
    device, plan = plan_of(terms)
    wish = Wish(
        out=terms.out, data_root=terms.data_root, device=str(device), plan=plan, limit=terms.limit, every=EVERY,
        again=order.key in terms.again, stop=stop,
    )  # fmt: skip
    return fit(build(spec.trace), experiment_of(spec), wish, listen)
