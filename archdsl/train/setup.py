"""What a run needs before its first step: data on the device, the net in its fast form, and checks that both fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from archdsl.errors import ArchError, EnvError
from archdsl.train.augment import check
from archdsl.train.datasets import Arrays, Splits, load, split
from archdsl.train.datasets.corrupt import corrupt
from archdsl.train.device import Normalise, choose_device, measured, normalise
from archdsl.train.events import Started
from archdsl.train.experiment import DataSettings, Experiment
from archdsl.train.fast import fast
from archdsl.train.feed import Feed, resident
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.optim import count, reparametrise
from archdsl.train.plan import Plan, choose, forward_context, prepare
from archdsl.train.schedule import check as check_schedule
from archdsl.train.syncnorm import synchronise
from archdsl.train.world import World
from archdsl.words.data.changes import RandomPixels
from archdsl.words.data.sets import IMAGENET_MEAN, IMAGENET_STD
from archdsl.words.train.values import Plateau

if TYPE_CHECKING:
    from archdsl.train.fit import Wish

WHITENED = 5000  # images from which a whitening layer takes its filters (Jordan 2024)
QUIET = 30.0  # seconds between two looks at a run that nobody watches: chances of a checkpoint within an epoch


@dataclass(frozen=True, eq=False)
class Setup:
    """A job, and what is said about it."""

    job: Job
    device: torch.device
    plan: Plan
    facts: Mapping[str, Any]
    started: Started


def gather(
    model: nn.Module, experiment: Experiment, wish: Wish, world: World, stop: Callable[[], bool],
    planned: Mapping[str, Any] | None = None,
) -> Setup:  # fmt: skip
    """Load the data, choose device and plan, and put the model in its place. A run that goes on keeps the plan with
    which it was begun.
    """
    device, note = choose_device(wish.device, world.local if world.size > 1 else None)
    if wish.deterministic:
        torch.use_deterministic_algorithms(True)
    data, settings = experiment.data, experiment.train
    check(data.augment, data.dataset.input)
    splits = _splits(experiment, wish)
    watching = "plateau" if isinstance(settings.schedule, Plateau) else "patience" if settings.patience else ""
    if watching and splits.valid is None:
        raise ArchError(f"`{watching}` watches the validation images, and none are set aside",
                        help="add valid(10%) to the data statement")  # fmt: skip
    if wish.fresh:
        initialise(model, settings.seed)
    model.to(device)
    mean, std, told = _statistics(data, splits)
    vector = len(data.dataset.input) == 1
    normal = normalise(mean, std, device, 1 if vector else 255)
    test = _feed(splits.test, device)
    _check_fit(model, normal, test, data, device)
    train = _feed(splits.train, device)
    if wish.fresh:
        _whiten(model, normal, train, device)
    if planned and wish.speed == "auto":
        plan, said = Plan(**planned), ""
    elif wish.plan is not None:
        plan, said = wish.plan, ""
    else:
        plan, said = _plan(model, experiment, wish, device, len(splits.train))
    if settings.spred:
        reparametrise(model)
    prepare(model, plan)
    net = fast(model, plan) if isinstance(model, fx.GraphModule) and not settings.spred else model
    if world.size > 1 and settings.syncbn:
        net = synchronise(net, device)
    job = Job(
        model,
        train=train,
        valid=_feed(splits.valid, device) if splits.valid is not None else None,
        test=test,
        normalise=normal,
        augment=data.augment,
        settings=settings,
        every=wish.every if wish.every is not None else QUIET,
        stop=stop,
        limit=wish.limit or settings.timelimit,
        channels_last=plan.channels_last,
        net=world.wrap(net, device),
        world=world,
        context=lambda: forward_context(plan, device),
        mean=mean,
        std=std,
    )
    _check_parts(job)
    notes = tuple(n for n in (note, said, told, f"{world.size} processes" if world.size > 1 else "") if n)
    facts = {
        "source": splits.source,
        "classes": list(data.dataset.class_names),
        "normalise": {"mean": list(mean), "std": list(std)},
    }
    return Setup(job, device, plan, facts, _started(job, splits.source, device, notes))


def _whiten(model: nn.Module, normal: Normalise, train: Feed, device: torch.device) -> None:
    """Let the layers that take their weights from the training images do so, from the first of them."""
    layers: list[Any] = [m for m in model.modules() if callable(getattr(m, "whiten", None))]
    if not layers:
        return
    images, _ = next(iter(train.batches([torch.arange(min(WHITENED, len(train)))], device)))
    hooks = [m.register_forward_pre_hook(lambda m, x: m.whiten(x[0])) for m in layers]
    with torch.no_grad():
        model.eval()(normal(images))
        model.train()
    for hook in hooks:
        hook.remove()


def _splits(experiment: Experiment, wish: Wish) -> Splits:
    data, seed = experiment.data, experiment.train.seed
    splits = split(load(data.dataset, wish.data_root), data.valid, data.subset, seed)
    if not data.corrupt:
        return splits
    if len(data.dataset.input) != 3 and any(isinstance(c, RandomPixels) for c in data.corrupt):
        raise ArchError(
            "`randompixels` changes images, and this data has none", help="take randomlabels, or leave it out"
        )
    if not isinstance(splits.train, Arrays):
        raise ArchError("pictures that are read while training cannot be changed once for all",
                        help="leave randomlabels and randompixels out, or take a subset that fits into memory")  # fmt: skip
    train = corrupt(splits.train, data.corrupt, data.dataset.classes, seed)
    return Splits(train, splits.valid, splits.test, splits.source)


def _statistics(data: DataSettings, splits: Splits) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """Mean and deviation that the set publishes, else measured on the training images; and what is to be said."""
    mean, std = getattr(data.dataset, "mean", None), getattr(data.dataset, "std", None)
    if mean and std:
        return mean, std, ""
    if isinstance(splits.train, Arrays):
        return *measured(splits.train), ""
    said = "the pictures do not fit into memory, so they are normalised with ImageNet's mean and deviation"
    return IMAGENET_MEAN, IMAGENET_STD, said


def _feed(part: object, device: torch.device) -> Feed:
    return resident(part, device) if isinstance(part, Arrays) else part  # type: ignore[return-value]


def _plan(model: nn.Module, experiment: Experiment, wish: Wish, device: torch.device, images: int) -> tuple[Plan, str]:
    settings, shape = experiment.train, experiment.data.dataset.input
    steps = settings.epochs * -(-images // settings.batch)
    return choose(model, (min(settings.batch, images), *shape), min(steps, settings.steps or steps), device, wish.speed)


def _check_fit(model: nn.Module, normal: Normalise, test: Feed, data: DataSettings, device: torch.device) -> None:
    """Refuse a net that does not take these images or does not give these classes, before the first step: a
    wrong label would end a GPU's process.
    """
    classes, mode = data.dataset.classes, model.training
    model.eval()
    images, _ = next(iter(test.batches([torch.arange(min(2, len(test)))], device)))
    with torch.no_grad():
        try:
            given = tuple(model(normal(images)).shape[1:])
        except (RuntimeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            shape = "x".join(map(str, data.dataset.input))
            raise ArchError(f"the net does not take the images of {data.dataset.name} ({shape}): {error}",
                            help=f"give it `input {shape}`") from error  # fmt: skip
    model.train(mode)
    if given != (classes,):
        raise ArchError(f"the net gives {'x'.join(map(str, given))} values an image, and {data.dataset.name} has "
                        f"{classes} classes", help=f"end the net in linear({classes})")  # fmt: skip


def _check_parts(job: Job) -> None:
    """Every process needs two images of every batch, and a schedule some steps."""
    check_schedule(job.settings.schedule, job.settings.warmup, job.steps, job.per_epoch)
    rest = len(job.train) % job.group or job.group
    if job.world.size > 1 and min(rest, job.settings.batch) < 2 * job.world.size:
        raise ArchError(f"the last batch of an epoch has {rest} images, too few for {job.world.size} processes",
                        help=f"another batch size than batch({job.settings.batch}), or fewer processes")  # fmt: skip


def _started(job: Job, source: str, device: torch.device, notes: tuple[str, ...]) -> Started:
    return Started(
        str(device), source, len(job.train), len(job.valid) if job.valid else 0, len(job.test),
        count(job.model), job.epochs, job.steps, notes,
    )  # fmt: skip


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of torch says that memory did not suffice."""
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


@contextmanager
def explained(experiment: Experiment) -> Iterator[None]:
    """Errors of torch that a setting of the text causes, said in the words of the text."""
    batch = experiment.train.batch
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise EnvError("not enough memory for a step", help=f"less than batch({batch})") from error
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise ArchError("batch norm cannot train on a batch of one image",
                        help="a larger batch than batch(1), or ln or gn instead of bn") from error  # fmt: skip
