"""One run inside of a worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from archdsl.accelerate.hardware import kernels, processor
from archdsl.accelerate.plan import Plan, unprobed
from archdsl.api import Spec, experiment_of, load
from archdsl.device import choose_device
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError, Source, StoreError
from archdsl.runs.conditions import conditions_of
from archdsl.runs.events import EpochDone, Event, Progress, Started
from archdsl.runs.identify import with_data
from archdsl.runs.run import NUMERICS, Run, find_run
from archdsl.runs.store.lock import RunLocked
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from archdsl.study.execute.order import Order, Outcome, Terms
from archdsl.train.fit import fit
from archdsl.train.fused.fit import NotFusable, fit_together
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted

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
    about = {"processor": processor(device), "kernels": kernels(plan, device), "plan": asdict(plan)}
    return conditions_of({"torch": torch.__version__, "numerics": NUMERICS, "device": device.type, **about})


def train_cell(
    order: Order, terms: Terms, tell: Callable[[int, float], None], stop: Callable[[], bool] | None = None
) -> Outcome:
    """Train one run into its folder; ``stop`` is asked whether it is to end with a checkpoint.

    An order of several seeds is trained as one net; where that cannot be, run by run.

    Raises:
        Interrupted: a signal came; the folder has a checkpoint.
    """
    if order.others:
        return _several(order, terms, tell, stop)
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
    except RunLocked as error:
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


def _several(
    order: Order, terms: Terms, tell: Callable[[int, float], None], stop: Callable[[], bool] | None
) -> Outcome:
    each = order.each
    try:
        runs = _together(each, terms, tell, stop)
    except NotFusable:
        outcomes = [train_cell(one, terms, tell, stop) for one in each]
        return replace(outcomes[0], others=tuple(outcomes[1:]))
    except (EnvError, StoreError) as error:
        return Outcome(order.key, "failed", str(error), "environment")
    found = []
    for one, run in zip(each, runs, strict=True):
        figures = dict(run.result or {})
        found.append(Outcome(one.key, str(figures.get("status", "interrupted")), "", "", figures, str(run.folder)))
    return replace(found[0], others=tuple(found[1:]))


def _together(
    orders: tuple[Order, ...], terms: Terms, tell: Callable[[int, float], None], stop: Callable[[], bool] | None
) -> list[Run]:
    """The runs of orders that differ in their seed.

    Raises:
        NotFusable: they have to be trained one by one, which will also say what is wrong with them.
    """
    specs = [_spec(o) for o in orders]
    experiments = [_experiment(o, spec) for o, spec in zip(orders, specs, strict=True)]
    device, plan = plan_of(terms)
    if any(find_run(Path(terms.out), e) is not None for e in experiments) or any(o.key in terms.again for o in orders):
        raise NotFusable("one of them was begun before")
    options = FitOptions(
        out=terms.out, data_root=terms.data_root, device=str(device), plan=plan, limit=terms.limit, stop=stop
    )
    epochs = experiments[0].train.epochs

    def listen(number: int, event: Event) -> None:
        if isinstance(event, EpochDone) and not number:
            tell(event.epoch, event.epoch / epochs)

    try:
        return fit_together(specs[0].trace, experiments, options, listen)
    except (EnvError, StoreError, Interrupted):
        raise
    except (ArchError, RuntimeError, ValueError, ArithmeticError) as error:
        raise NotFusable(str(error)) from error


def _note(order: Order, terms: Terms, message: str) -> None:
    """Leave in the store that the run failed, and why."""
    device, plan = plan_of(terms)
    experiment = _experiment(order, _spec(order), checked=False)
    folder = RunFolder.open(Path(terms.out), experiment)
    try:
        folder.describe(str(device), asdict(plan), {})
        folder.note({"status": "failed", "message": message})
    finally:
        folder.close()


def _fit(order: Order, terms: Terms, listen: Callable[[Event], Any], stop: Callable[[], bool] | None) -> Run:
    spec = _spec(order)
    device, plan = plan_of(terms)
    options = FitOptions(
        out=terms.out, data_root=terms.data_root, device=str(device), plan=plan, limit=terms.limit, every=EVERY,
        again=order.key in terms.again, stop=stop, other_data="begin",
    )  # fmt: skip
    return fit(build(spec.trace), _experiment(order, spec), options, listen)


def _spec(order: Order) -> Spec:
    return load(Source(f"{order.name}.arch", order.text))


def _experiment(order: Order, spec: Spec, checked: bool = True) -> Experiment:
    """The experiment on the data that the study has seen; this machine's is compared with it when it is read."""
    return with_data(experiment_of(spec, checked), order.data)
