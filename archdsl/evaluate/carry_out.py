"""An ``evaluate`` statement carried out: the trained net as its words change it, and the figures on its images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from archdsl.data import Arrays, load, split
from archdsl.data.batches import resident, shuffled
from archdsl.data.corrupt import corrupt
from archdsl.emit.build import build
from archdsl.emit.memory import REMEDY, check_memory, is_out_of_memory
from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.evaluate.evaluate import predictions
from archdsl.evaluate.load import Trained, part_of, trained
from archdsl.evaluate.metrics import Tally
from archdsl.evaluate.names import renamed
from archdsl.evaluate.numbers import numbers
from archdsl.evaluate.shifts import BLOCK
from archdsl.runs.evaluations import keep, stored
from archdsl.seeds import stream
from archdsl.train.freezing import frozen
from archdsl.train.head_scores import HeadScores
from archdsl.train.loss import Plain, loss
from archdsl.train.scores import Evaluations, Scores, weight_figures
from archdsl.words.evaluation.base import Change, Shift
from archdsl.words.tasks import Several

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.evaluate.load import Part, PartName
    from archdsl.ir.trace import Trace
    from archdsl.runs.run import Run
    from archdsl.settings.evaluation import EvaluationSettings
    from archdsl.settings.experiment import DataSettings, Experiment

Listen = Callable[[int], object]
T = TypeVar("T")


def operated(
    trace: Trace,
    run: Run,
    device: torch.device,
    asked: EvaluationSettings,
    experiment: Experiment,
    root: str | Path | None = None,
) -> Trained:
    """The net of a run as the words of an evaluation change it, in float32 on the device.

    Raises:
        ArchError: a word does not fit the network, or one of another package fails.
        EnvError: the data is not there, or the device has not enough memory.
        StoreError: the weights are missing or damaged.
    """
    seed = experiment.train.seed
    rewired = asked.rewired(trace, lambda number: Random(stream(seed, "lesion", number)))
    model = build(rewired)
    names = renamed(run, experiment.text, trace)
    net = trained(model, run, device, part=rewired is not trace, names=names)
    images = _training_images(net, experiment, root)
    epoch = int((run.result or {}).get("epochs") or experiment.train.epochs)
    with (
        torch.no_grad(),
        _enough_memory(),
        _resting(frozen(experiment, trace).bind(model).norms(epoch)),
        torch.random.fork_rng([device] if device.type == "cuda" else []),
    ):
        torch.manual_seed(stream(seed, "dropout", "evaluate"))
        for word in asked.of(Change):
            word.change(torch, net.model, images)
    net.model.eval()
    return net


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Say an error of the allocator where no option of a command says how many images are taken at once."""
    try:
        yield
    except EnvError as error:
        if error.__cause__ is not None and is_out_of_memory(error.__cause__):
            error.help = REMEDY
        raise
    except (RuntimeError, MemoryError) as error:
        check_memory(error, "a batch")
        raise


@contextmanager
def _resting(norms: Iterable[nn.Module]) -> Iterator[None]:
    """These stay in eval mode, also where the net is set to train."""
    held = list(norms)
    for norm in held:
        norm.__dict__["train"] = lambda mode=True, own=norm: own
    try:
        yield
    finally:
        for norm in held:
            del norm.__dict__["train"]


def _training_images(
    net: Trained, experiment: Experiment, root: str | Path | None
) -> Callable[[int], Iterable[Tensor]]:
    """Normalised training images in the batches that the train word ``precise_bn`` takes."""

    def images(count: int) -> Iterator[Tensor]:
        data, seed, size = experiment.data, experiment.train.seed, experiment.train.batch
        part = split(load(data.dataset, root), data.valid, data.subset, seed).train
        if isinstance(part, Arrays):
            if data.corrupt:
                part = corrupt(part, data.corrupt, data.dataset.classes, seed)
            part = resident(part, net.device)  # type: ignore[assignment]
        feed: Any = part
        order = shuffled(len(feed), size, stream(seed, "order", "precise"), count)
        return (net.normalise(batch) for batch, _ in feed.batches(order, net.device))

    return images


def figures(
    net: Trained,
    asked: EvaluationSettings,
    data: DataSettings,
    seed: int,
    root: str | Path | None = None,
    batch: int = BLOCK,
    listen: Listen = lambda images: None,
) -> tuple[dict[str, float], Tensor | None]:
    """The figures of a net on the test part, and on the validation part where the data has one, by the names of metrics; and
    whether each test image was classified correctly, (images,) bool; None where images have no class as a whole.

    Raises:
        ArchError: corruptions, or passes with dropout, of another output than one of classes; else as ``evaluate``.
        EnvError: as ``evaluate``.
    """
    if not net.task.counted and (asked.of(Shift) or asked.passes is not None):
        what = "has several heads" if isinstance(net.task, Several) else "predicts numbers"
        raise ArchError(
            f"corruptions and passes with dropout are of one output of classes, and the net {what}",
            help="evaluate it without them",
        )
    parts: list[PartName] = ["test", *(["valid"] if data.valid is not None else [])]  # type: ignore[list-item]
    found: dict[str, float] = {}
    right: list[Tensor] = []
    done = 0
    for name in parts:
        part = part_of(data, seed, name, root, net)
        if isinstance(net.task, Several):
            found |= _of_heads(net, net.task, part, batch, found)
            continue
        scores = Scores(name, net.device, net.task)
        if not net.task.counted:
            found |= _of_numbers(net, part, scores, batch, found)
            continue
        tally = Tally(len(net.class_names), net.device)
        batches = predictions(net, part, asked.of(Shift), passes=asked.passes, batch=batch, seed=seed)
        for said, labels in _counted(net, batches, found):
            tally.add(said, labels)
            (scores.add if net.task.whole else scores.add_items)(said.log_probs, labels)
            if name == "test" and net.task.simple:
                right.append((said.log_probs.argmax(1) == labels).cpu())
            listen(done := done + (len(labels) if net.task.whole else batch))
        report = tally.read()
        found |= scores.read()
        found |= {f"{name}_accuracy": report.accuracy, f"{name}_loss": report.nll, f"{name}_entropy": report.entropy}
        if report.information is not None:
            found[f"{name}_information"] = report.information
    return {**found, **weight_figures(net.model)}, torch.cat(right) if right else None


def _counted(net: Trained, batches: Iterator[T], found: dict[str, float]) -> Iterator[T]:
    """The batches; of the first one, how often the networks of the net's ODEs were evaluated is noted, as a run does."""
    with Evaluations(net.single) as count:
        for batch in batches:
            if count.mean is not None:
                found.setdefault("evaluations", count.mean)
            yield batch


def _of_numbers(net: Trained, part: Part, scores: Scores, batch: int, found: dict[str, float]) -> dict[str, float]:
    """The figures of a net that predicts numbers."""
    squares, rows = 0.0, 0
    for output, targets in _counted(net, numbers(net, part, batch), found):
        scores.add(output, targets)
        squares += float((output - targets).square().mean(1).sum())
        rows += len(targets)
    return {**scores.read(), f"{part.name}_loss": squares / max(rows, 1)}


def _of_heads(net: Trained, task: Several, part: Part, batch: int, found: dict[str, float]) -> dict[str, float]:
    """The figures of a net with several heads."""
    scores, total, rows = HeadScores(part.name, net.device, task), 0.0, 0
    for output, targets in _counted(net, numbers(net, part, batch), found):
        scores.add(output, targets)
        total += float(loss(output, Plain(targets), task=task)) * len(targets)
        rows += len(targets)
    return {**scores.read(), f"{part.name}_loss": total / max(rows, 1)}


def evaluated(
    trace: Trace,
    run: Run,
    device: torch.device,
    asked: EvaluationSettings,
    experiment: Experiment,
    root: str | Path | None = None,
    listen: Listen = lambda images: None,
) -> Mapping[str, Any]:
    """The record of an evaluation of a finished run: the one in its folder, or one that is made and kept there.

    Raises:
        ArchError: the run did not finish; else as ``operated`` and ``figures``.
    """
    seed = experiment.train.seed
    key = asked.key(seed, trace)
    if (run.result or {}).get("status") != "finished":
        raise ArchError(f"the run {run.folder} did not finish, and is not evaluated", help="train it to its end first")
    if (record := stored(run, key)) is not None:
        return record
    began = time.monotonic()
    with _enough_memory():
        net = operated(trace, run, device, asked, experiment, root)
        found, right = figures(net, asked, experiment.data, seed, root, listen=listen)
    counted = {"test_images": len(right)} if right is not None else {}
    about = {"evaluate": asked.text, "seed": seed, "device": device.type, "torch": torch.__version__}
    keep(
        run,
        key,
        {**about, "seconds": time.monotonic() - began, "figures": {**found, **counted}},
        right.numpy() if right is not None else None,
    )
    kept = stored(run, key)
    if kept is None:
        raise StoreError(f"the evaluation of {run.folder} could not be stored", help="try again")
    return kept
