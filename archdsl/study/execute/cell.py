"""One run inside of a worker."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from archdsl.accelerate.hardware import kernels, processor
from archdsl.accelerate.plan import Plan, unprobed
from archdsl.device import choose_device
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError, InternalError, StoreError
from archdsl.evaluate.carry_out import evaluated
from archdsl.expand.evaluation import evaluation
from archdsl.runs.conditions import conditions_of
from archdsl.runs.events import EpochDone, Event, Progress, Started, warnings_of
from archdsl.runs.identify import check_data
from archdsl.runs.run import NUMERICS, RESULT, SPEC, Run, find_run, load_run
from archdsl.runs.store.lock import RunLocked
from archdsl.runs.writer import RunFolder
from archdsl.settings.evaluation import fold_evaluation
from archdsl.study.execute.messages import RunOptions, RunRequest, RunResult, Tell
from archdsl.study.execute.requested import experiment_for, spec_of
from archdsl.train.fit import fit
from archdsl.train.fused.fit import NotFusable, fit_together
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted

EVERY = 1.0  # seconds between two looks at a run


@lru_cache
def plan_of(options: RunOptions) -> tuple[torch.device, Plan]:
    """The device and the plan of every run; a probe of each net would give two arms two precisions."""
    device, _ = choose_device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(options.threads)
    return device, unprobed(device, options.precision, torch.get_num_threads())


def conditions(options: RunOptions) -> dict[str, str]:
    """Under which the runs of this worker are made."""
    device, plan = plan_of(options)
    about = {"processor": processor(device), "kernels": kernels(plan, device), "plan": plan.record()}
    return conditions_of({"torch": torch.__version__, "numerics": NUMERICS, "device": device.type, **about})


def train_cell(
    request: RunRequest, options: RunOptions, tell: Tell, stop: Callable[[], bool] | None = None
) -> RunResult:
    """Train one run into its folder; ``stop`` is asked whether it is to end with a checkpoint.

    An order of several seeds is trained as one net; where that cannot be, run by run.

    Raises:
        Interrupted: a signal came; the folder has a checkpoint.
    """
    if request.others:
        return _several(request, options, tell, stop)
    if (unmet := _unmet(request, options)) is not None:
        return unmet
    listen = _Listening(request.until, tell)
    try:
        if request.evaluation:
            return _evaluate(request, options)
        run = _fit(request, options, listen, lambda: listen.pausing or (stop is not None and stop()))
    except Interrupted as interrupted:
        if listen.pausing and not (stop is not None and stop()):
            return RunResult(request.key, "paused", folder=str(interrupted.folder))
        raise
    except RunLocked as error:
        return RunResult(request.key, "busy", error.message)
    except (EnvError, StoreError) as error:
        return RunResult(request.key, "failed", str(error), "environment")
    except (ArchError, RuntimeError, ValueError, ArithmeticError) as error:
        message = str(error) or type(error).__name__
        with suppress(ArchError):
            _note(request, options, message)
        return RunResult(request.key, "failed", message, "experiment")
    figures = dict(run.result or {})
    status, message = str(figures.get("status", "interrupted")), str(figures.get("message", ""))
    return RunResult(request.key, status, message, "", figures, str(run.folder))


@dataclass
class _Listening:
    """Hears a run and tells what its study is to know; ``pausing`` once the epoch ``until`` has ended."""

    until: int
    tell: Tell
    pausing: bool = False
    steps: int = 1
    done: tuple[int, float] = (0, 0.0)

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self.steps = event.steps
            case Progress() | EpochDone():
                self.pausing = isinstance(event, EpochDone) and 0 < self.until <= event.epoch
                self.done = (event.epoch, event.step / self.steps)
                self.tell(*self.done)
            case _:
                pass
        if warned := warnings_of(event):
            self.tell(*self.done, *warned)


def _unmet(request: RunRequest, options: RunOptions) -> RunResult | None:
    """The result of a run that begins with the weights of one that has none to give; None of any other."""
    if not request.begins:
        return None
    with suppress(ArchError):
        run = load_run(request.begins)
        status = (run.result or {}).get("status", "interrupted")
        if status == "finished":
            return None
        why = f"it begins with the weights of {request.begins}, which ended as `{status}`"
        if status not in ("diverged", "failed"):
            return RunResult(request.key, "failed", why)
        _note(request, options, why)
        return RunResult(request.key, "failed", why, "experiment")
    return RunResult(request.key, "failed", f"it begins with the weights of {request.begins}, which are not there")


def _evaluate(request: RunRequest, options: RunOptions) -> RunResult:
    """The evaluation of a run that has ended; of one without weights, how that ended.

    Raises:
        ArchError: it cannot be carried out.
    """
    spec = spec_of(request)
    experiment = experiment_for(request, spec, checked=False)
    run = find_run(Path(options.out), experiment)
    status = str(((run.result if run is not None else None) or {}).get("status", "failed"))
    if run is None or status != "finished":
        return RunResult(request.key, status, "the run to be evaluated did not finish")
    asked = fold_evaluation(evaluation(request.evaluation))
    if asked is None:
        raise InternalError("a request for an evaluation without words")
    check_data(experiment, options.data_root)
    record = evaluated(spec.trace, run, plan_of(options)[0], asked, experiment, options.data_root)
    return RunResult(
        request.key, "finished", "", "", {**record["figures"], "seconds": record["seconds"]}, str(run.folder)
    )


def _several(request: RunRequest, options: RunOptions, tell: Tell, stop: Callable[[], bool] | None) -> RunResult:
    each, runs = request.each, list[Run]()
    try:
        runs = _together(each, options, tell, stop)
    except NotFusable:
        pass  # what is trained here would share the memory with all that the error holds
    except (EnvError, StoreError) as error:
        return RunResult(request.key, "failed", str(error), "environment")
    if not runs:
        gc.collect()  # of nets that hold themselves
        results = [train_cell(one, options, tell, stop) for one in each]
        return replace(results[0], others=tuple(results[1:]))
    found = []
    for one, run in zip(each, runs, strict=True):
        figures = dict(run.result or {})
        found.append(RunResult(one.key, str(figures.get("status", "interrupted")), "", "", figures, str(run.folder)))
    return replace(found[0], others=tuple(found[1:]))


def _together(
    requests: tuple[RunRequest, ...],
    options: RunOptions,
    tell: Tell,
    stop: Callable[[], bool] | None,
) -> list[Run]:
    """The runs of requests that differ in their seed.

    Raises:
        NotFusable: they have to be trained one by one, which will also say what is wrong with them.
    """
    specs = [spec_of(o) for o in requests]
    experiments = [experiment_for(o, spec) for o, spec in zip(requests, specs, strict=True)]
    device, plan = plan_of(options)
    if any(find_run(Path(options.out), e) is not None for e in experiments) or any(
        o.key in options.again for o in requests
    ):
        raise NotFusable("one of them was begun before")
    fit_options = FitOptions(
        out=options.out, data_root=options.data_root, device=str(device), plan=plan, limit=options.limit, stop=stop
    )
    epochs = experiments[0].train.epochs

    def listen(number: int, event: Event) -> None:
        if isinstance(event, EpochDone) and not number:
            tell(event.epoch, event.epoch / epochs)
        elif warned := warnings_of(event):
            tell(0, 0.0, *warned)

    try:
        return fit_together(specs[0].trace, experiments, fit_options, listen)
    except (EnvError, StoreError, Interrupted):
        raise
    except (ArchError, RuntimeError, ValueError, ArithmeticError) as error:
        raise NotFusable(str(error)) from error


def _note(request: RunRequest, options: RunOptions, message: str) -> None:
    """Leave in the store that the run failed, and why. What is there of it says under which conditions it was begun; a result
    that was to be replaced stays.
    """
    device, plan = plan_of(options)
    experiment = experiment_for(request, spec_of(request), checked=False)
    folder = RunFolder.open(Path(options.out), experiment)
    try:
        if (folder.path / RESULT).exists():
            return
        if not (folder.path / SPEC).is_file():
            about = {"processor": processor(device), "kernels": kernels(plan, device)}
            folder.describe(str(device), plan.record(), {}, {**about, "deterministic": device.type == "cpu"})
        folder.note({"status": "failed", "message": message})
    finally:
        folder.close()


def _fit(
    request: RunRequest, options: RunOptions, listen: Callable[[Event], Any], stop: Callable[[], bool] | None
) -> Run:
    spec = spec_of(request)
    device, plan = plan_of(options)
    fit_options = FitOptions(
        out=options.out,
        data_root=options.data_root,
        device=str(device),
        plan=plan,
        limit=options.limit,
        every=EVERY,
        again=request.key in options.again,
        stop=stop,
        other_data="begin",
    )
    return fit(build(spec.trace), experiment_for(request, spec), fit_options, listen)
