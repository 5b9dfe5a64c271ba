"""What a run needs before its first step: data on the device, the net in its fast form, and checks that both fit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from archdsl.accelerate.compiled import compiled
from archdsl.accelerate.fast import ahead, fast
from archdsl.accelerate.hardware import kernels, processor
from archdsl.accelerate.plan import Plan, choose, forward_context, has_its_tiles, has_kernels
from archdsl.accelerate.plan import prepare as carry_out
from archdsl.data import Arrays, Splits, load, split
from archdsl.data.batches import Feed, Resident, resident
from archdsl.data.corrupt import corrupt
from archdsl.data.normalise import Normalise, normalise
from archdsl.device import choose_device
from archdsl.errors import ArchError, EnvError
from archdsl.notices import taken
from archdsl.registry.shapes import batch_of
from archdsl.runs.events import Started
from archdsl.runs.identify import check_data
from archdsl.runs.run import Run
from archdsl.settings.checks import refuse_unfit
from archdsl.settings.experiment import DataSettings, Experiment, TrainSettings
from archdsl.train.checks import check_fit, check_parts, is_out_of_memory
from archdsl.train.distributed import Distributed
from archdsl.train.freezing import Frozen, check_left, frozen, scales
from archdsl.train.init import initialise, whiten
from archdsl.train.job import Job
from archdsl.train.optim import count, reparametrise
from archdsl.train.options import FitOptions
from archdsl.train.statistics import statistics, targets, with_counts
from archdsl.train.sync_batchnorm import synchronise
from archdsl.transfer.begin import Begun, begin
from archdsl.transfer.read import trace_of
from archdsl.words.data.tables import Table
from archdsl.words.tasks import record, task_of

QUIET = 30.0  # seconds between two Progress events that nobody asked for: occasions for a checkpoint within an epoch


@dataclass(frozen=True, eq=False)
class Setup:
    """A job, and what is said about it."""

    job: Job
    device: torch.device
    plan: Plan
    facts: Mapping[str, Any]
    started: Started
    conditions: Mapping[str, Any] = field(default_factory=dict)


def prepare(
    model: nn.Module,
    experiment: Experiment,
    options: FitOptions,
    distributed: Distributed,
    stop: Callable[[], bool],
    begun: Run | None = None,
) -> Setup:
    """Load the data, choose device and plan, and put the model on the device.

    Args:
        begun: the run that is resumed, with its plan and its normalisation.

    Raises:
        ArchError: model, data and settings do not fit.
        EnvError: no such device, no data, or the recorded plan is not supported here.
    """
    device, note = choose_device(options.device, distributed.local if distributed.size > 1 else None)
    if options.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is asked for it by torch
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = device.type == "cuda" and not options.deterministic  # shapes stay for a whole run
    data, settings = experiment.data, experiment.train
    refuse_unfit(experiment)
    ahead(model, options.plan)
    splits = _splits(data, settings.seed, options.data_root)
    check_data(experiment, options.data_root)
    start, still = _begin(model, experiment, options.fresh)
    model.to(device)
    mean, std, statistics_note = distributed.broadcast(statistics(data, splits, begun))
    task, splits = targets(data, settings, splits)
    settings, weights_note = with_counts(settings, splits.train.labels, data.dataset.class_names)
    vector = len(data.dataset.input) == 1
    normal = normalise(mean, std, device, 1 if vector else 255)
    test = _feed(splits.test, device)
    check_fit(model, normal, test, data)
    train = _feed(splits.train, device)
    if options.fresh:
        whiten(model, normal, train, device, start.kept)
    planned = begun.plan if begun is not None else None
    plan, said = _plan(model, data, settings, options, device, len(splits.train), planned, distributed)
    if settings.spred:
        reparametrise(model)
    carry_out(model, plan)
    plan = _possible(plan, data, settings, distributed, train, still)
    net, plan, why = _net(model, plan, settings, options.compile, distributed, normal, train)
    job = Job(
        model,
        train=train,
        valid=_feed(splits.valid, device) if splits.valid is not None else None,
        test=test,
        normalise=normal,
        augment=data.augment,
        settings=settings,
        every=options.every if options.every is not None else QUIET,
        stop=stop,
        limit=options.limit,
        channels_last=plan.channels_last,
        graph=plan.graph,
        native=plan.native,
        net=distributed.wrap(net, device, still.thaws),
        distributed=distributed,
        context=lambda: forward_context(plan, device),
        mean=mean,
        std=std,
        frozen=still.bind(net) if net is not model else still,
        scales=scales(experiment),
        task=task,
    )
    check_parts(job)
    several = f"{distributed.size} processes" if distributed.size > 1 else ""
    said_so = ", ".join(filter(None, (said, why)))
    notes = tuple(
        filter(None, (note, said_so, statistics_note, weights_note, *splits.notes, *start.notes, several, *taken()))
    )
    facts = {
        "source": splits.source,
        "place": os.path.abspath(os.path.expanduser(splits.source)),
        "classes": list(data.dataset.class_names),
        "normalise": {"mean": list(mean), "std": list(std)},
        **({"task": record(task)} if record(task) is not None else {}),
        **_columns(data.dataset),
    }
    conditions = {
        "processor": processor(device),
        "kernels": kernels(plan, device, model),
        "deterministic": device.type == "cpu" or options.deterministic,
        **({"processes": distributed.size} if distributed.size > 1 else {}),
    }
    return Setup(job, device, plan, facts, _started(job, splits.source, device, notes), conditions)


def _columns(dataset: object) -> dict[str, Any]:
    """What a run records of a table, by which other tables are matched with it."""
    if not isinstance(dataset, Table):
        return {}
    head = dataset.head
    return {"columns": list(head.features), "target": head.target}


def _possible(
    plan: Plan, data: DataSettings, settings: TrainSettings, distributed: Distributed, train: Feed, still: Frozen
) -> Plan:
    """The part of a plan that these settings allow."""
    alone = distributed.size == 1
    # One process whose data is on the device can replay its steps; gradients of several are summed by their own stream.
    # A part that thaws changes what a step does; words of other packages may do what no graph can hold.
    known = settings.capturable and all(word.capturable for word in data.augment)
    # A second pass within a step draws dropout again from a seed, which no graph can set.
    known = known and not settings.optimizer.closure and task_of(data.dataset).simple
    graph = plan.graph and alone and isinstance(train, Resident) and not still.thaws and known
    compiles = plan.compile and alone
    native = plan.native and not compiles
    return replace(plan, graph=graph, compile=compiles, native=native, amx=plan.amx and native)


def _net(
    model: nn.Module,
    plan: Plan,
    settings: TrainSettings,
    compile: str,
    distributed: Distributed,
    normal: Normalise,
    train: Feed,
) -> tuple[nn.Module, Plan, str]:
    """The form of the net that runs, the plan as far as it can be carried out here, and why the rest could not be."""
    device, why = normal.scale.device, ""
    net = fast(model, plan) if isinstance(model, fx.GraphModule) and not settings.spred else model
    if plan.compile:
        net, plan, why = _compiled(net, plan, compile == "on", normal, train, settings.batch, device)
    if distributed.size > 1 and settings.syncbn:
        net = synchronise(net, device)
    return net, plan, why


def _begin(model: nn.Module, experiment: Experiment, fresh: bool) -> tuple[Begun, Frozen]:
    """Give the model the weights that it begins with, and take those out of training that stay."""
    if fresh:
        initialise(model, experiment.train.seed)
    init, text = experiment.train.init if fresh else None, experiment.text
    begun = begin(model, init, lambda: trace_of(text, experiment.name))
    still = frozen(experiment).bind(model)
    check_left(model, still)
    return begun, still


def _splits(data: DataSettings, seed: int, root: str | Path | None) -> Splits:
    parts = load(data.dataset, root)
    splits = split(parts, data.valid, data.subset, seed)
    if not data.corrupt:
        return splits
    if not isinstance(splits.train, Arrays):
        names = " and ".join(word.name for word in data.corrupt)
        size = (len(parts.train) + len(parts.test)) * math.prod(data.dataset.input)
        raise ArchError(
            "pictures that are read while training cannot be changed once for all",
            help=f"leave {names} out, or admit them into memory: ARCHDSL_RESIDENT_BYTES={size}; a smaller size takes less",
        )
    train = corrupt(splits.train, data.corrupt, data.dataset.classes, seed)
    return replace(splits, train=train)


def _feed(part: object, device: torch.device) -> Feed:
    return resident(part, device) if isinstance(part, Arrays) else part  # type: ignore[return-value]


def _plan(
    model: nn.Module, data: DataSettings, settings: TrainSettings, options: FitOptions, device: torch.device, images: int,
    planned: Mapping[str, Any] | None, distributed: Distributed,
) -> tuple[Plan, str]:  # fmt: skip
    """One plan for all processes. The leading one chooses it, and the others leave it the cores meanwhile."""
    # Options that conflict with the plan of the run have been refused.
    resumed, said = bool(planned) and (options.speed == "auto" or options.plan is None), ""
    if planned and resumed:
        plan = Plan.of(planned)
    elif options.plan is not None:
        plan = options.plan
    else:
        steps = settings.epochs * -(-images // settings.batch)
        steps = min(steps, settings.steps or steps)
        batch = batch_of(data.dataset.input, min(-(-settings.batch // distributed.size), images))
        plan, said = distributed.broadcast(
            choose(model, batch, steps, device, options.speed, options.compile) if distributed.leads else None
        )
    foreign = resumed or options.plan is not None or distributed.size > 1
    lacks = plan.native and foreign and not has_kernels(plan, model)
    if distributed.votes(device, lacks)[0]:
        if not has_its_tiles(plan, model):
            raise EnvError(
                "the plan takes kernels for the tiles of AMX, and this machine does not offer them",
                help="a processor with AMX; or --again to train it again"
                if resumed
                else "ARCHDSL_NATIVE=0 for all processes",
            )
        if resumed:
            raise EnvError(
                "this run was begun with kernels compiled for this machine, and they are not available now",
                help="a C compiler named cc, and ARCHDSL_NATIVE unset; or --again to train it again",
            )
        raise EnvError(
            "the first process takes kernels compiled for its machine, and not every process has them",
            help="a C compiler named cc on each machine; or ARCHDSL_NATIVE=0 for all processes",
        )
    return plan, said


def _compiled(
    net: nn.Module, plan: Plan, asked: bool, normal: Normalise, train: Feed, batch: int, device: torch.device
) -> tuple[nn.Module, Plan, str]:
    """The net compiled for whole batches; where that fails unasked, the net as it is, and why.

    Raises:
        EnvError: it was asked for, and cannot be done.
    """
    images, _ = next(iter(train.batches([torch.arange(min(batch, len(train)))], device)))
    images = normal(images)
    if plan.channels_last and images.ndim == 4:
        images = images.contiguous(memory_format=torch.channels_last)
    try:
        return compiled(net, images, lambda: forward_context(plan, device)), plan, ""
    except RuntimeError as error:  # torch's own errors of compilation are such
        if is_out_of_memory(error):
            raise
        why = str(error).strip().splitlines()[0]
        if asked:
            raise EnvError(f"torch.compile cannot compile this net here: {why}", help="--compile off") from error
        return net, replace(plan, compile=False), f"not compiled: {why}"


def _started(job: Job, source: str, device: torch.device, notes: tuple[str, ...]) -> Started:
    trained = sum(p.numel() for p in job.model.parameters() if p.requires_grad)
    return Started(
        str(device), source, len(job.train), len(job.valid) if job.valid else 0, len(job.test),
        count(job.model), job.epochs, job.steps, notes, trained,
    )  # fmt: skip
