"""What training asks of a network, and which words have nothing to work on in it: from its trace, without torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple, Protocol

from archdsl.errors import ArchError, SpecError
from archdsl.ir.places import depths, layers_of
from archdsl.ir.trace import trace_node
from archdsl.registry.shapes import dims
from archdsl.report.numbers import many
from archdsl.settings.finding import Finding
from archdsl.settings.task_checks import head_findings
from archdsl.words.layer_weights import NAMES
from archdsl.words.tasks import task_of

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace
    from archdsl.settings.experiment import DataSettings, TrainSettings
    from archdsl.words.train.tuning import Freeze

# What layers of these traits hold is added to the values or scales them, whatever its shape; see ``words.layer_weights``.
NO_WEIGHTS = frozenset(("norm", "scale", "class", "position"))
NOTHING_LEFT = ("`freeze` leaves nothing to train", "freeze less; `archdsl eval` evaluates a net as it is")
NOTHING_YET = (
    "`freeze` leaves nothing to train in the first epoch",
    "freeze less: a part with `until` is frozen from the first epoch on",
)
NOT_SLOWED = (
    "`rate` and `layerdecay` have no effect: no layer that they slow down is trained",
    "leave them out, or freeze less",
)
ONE_IMAGE = (
    "batch norm cannot train on a batch of one image",
    "a larger batch than batch(1), or ln or gn instead of bn",
)


class Length(Protocol):
    """How long a run is, see ``demands.Steps``."""

    @property
    def images(self) -> int: ...
    @property
    def per_epoch(self) -> int: ...
    def of(self, train: TrainSettings) -> int: ...


class Parameter(NamedTuple):
    """A trained tensor: its name in the state dict, its shape, and the layer that holds it."""

    name: str
    shape: tuple[int, ...]
    row: Row

    @property
    def last(self) -> str:
        """The name without its path."""
        return self.name.rpartition(".")[2]

    @property
    def weight(self) -> bool:
        """Whether a layer multiplies by it, as ``optim.parts.weights_of`` counts weights."""
        entry = self.row.op.entry
        return len(self.shape) >= 2 and not (NO_WEIGHTS & entry.traits or entry.name == "offset" or self.last in NAMES)


def parameters(trace: Trace, frozen: Collection[str] = ()) -> list[Parameter]:
    """The tensors that are trained at some time, in order of execution; ``frozen`` are paths of layers that never are."""
    return [
        Parameter(f"{row.path}.{name}", shape, row)
        for row in trace.flat()
        if not _inside(row.path, frozen)
        for name, shape in row.layer.weights.items()
        if not (name == "weight" and "fixed" in row.op.entry.traits)
    ]


def _inside(path: str, paths: Collection[str]) -> bool:
    """Whether a layer is one of the paths, or stands inside of one."""
    while path:
        if path in paths:
            return True
        path = path.rpartition(".")[0]
    return False


def hidden(weights: list[Parameter]) -> list[Parameter]:
    """Those that Muon works on: between the first and the last one, less those of a single row or column."""
    return [w for w in weights[1:-1] if min(_matrix(w)) > 1]


def _matrix(weight: Parameter) -> tuple[int, int]:
    """Rows and columns of a weight, one row for each output channel; a transposed convolution's lie the other way."""
    rows = weight.shape[0]
    if "conv" in weight.row.op.entry.traits and len(weight.row.layer.out) == 3:
        rows = weight.row.layer.out[0]
    return rows, prod(weight.shape) // rows


def network_findings(
    data: DataSettings | None, train: TrainSettings, trace: Trace, classes: int, steps: Length | None
) -> Iterator[Finding]:
    """What training refuses of this network, and the words that find nothing to work on in it.

    Args:
        data: None where the text names no data set.
        classes: that the network ends in.
        steps: the length of the run, where it is known.
    """
    if data is not None:
        yield from _data(data, trace, classes)
    try:
        frozen, idle = frozen_paths(train.freeze, trace)
    except SpecError:
        return  # a label that is not there, which has a finding of its own
    left = parameters(trace, frozen)
    if train.freeze and not left:
        yield Finding(*NOTHING_LEFT, train.freeze[0])
        return
    if train.freeze and not parameters(trace, {path for word in train.freeze for path in layers_of(trace, word.part)}):
        yield Finding(*NOTHING_YET, train.freeze[0])
        return
    for word in idle:
        yield _idle(f"`freeze({word.part})` has no effect: the part has nothing that is trained", word)
    yield from _normalised(train, trace, frozen, steps)
    yield from _unused(train, left)
    yield from _rates(train, trace, left)
    yield from _products(train, left)
    yield from _statistics(train, trace, frozen)
    yield from head_findings(train, trace)


def _idle(message: str, about: object, help: str = "leave it out") -> Finding:
    return Finding(message, help, about, "warning")


def frozen_paths(words: tuple[Freeze, ...], trace: Trace) -> tuple[frozenset[str], list[Freeze]]:
    """The paths of the layers that are frozen for the whole run, and the words that freeze nothing.

    Raises:
        SpecError: A223, a label that the network does not have.
    """
    paths: set[str] = set()
    idle = []
    held = {r.path for r in trace.flat() if r.layer.weights or r.layer.buffers}
    for word in words:
        part = layers_of(trace, word.part)
        if word.until is None:
            paths.update(part)
        if not held.intersection(part):
            idle.append(word)
    return frozenset(paths), idle


def _data(data: DataSettings, trace: Trace, classes: int) -> Iterator[Finding]:
    """A network that was made for other images or classes than those of the data."""
    shape = data.dataset.input
    if shape != trace.input and not takes(trace, shape, classes):
        yield Finding(*wrong_shape(data.dataset.name, shape), "dataset")
    elif classes != data.dataset.classes:
        yield Finding(*wrong_classes((classes,), data), "dataset")


def takes(trace: Trace, shape: tuple[int, ...], classes: int) -> bool:
    """Whether a network with the weights of this trace takes images of another shape."""
    try:
        other = trace_node(trace.graph, shape, classes)
    except ArchError:
        return False
    ours, theirs = ([(r.path, r.layer.weights) for r in t.flat()] for t in (trace, other))
    return ours == theirs and other.out == trace.out


def wrong_shape(name: str, shape: tuple[int, ...]) -> tuple[str, str]:
    """That a network does not take the images of a data set, and the remedy."""
    size = dims(shape)
    return f"the net does not take the images of {name} ({size})", f"give it `input {size}`"


def wrong_classes(given: tuple[int, ...], data: DataSettings) -> tuple[str, str]:
    """That a network ends in another number of values than the data has classes, and the remedy."""
    classes, task = data.dataset.classes, task_of(data.dataset)
    if not task.simple:
        wanted = task.wanted(data.dataset.input, classes)
        return (
            f"the net gives {'x'.join(map(str, given))} values, and in {data.dataset.name} {wanted}",
            f"{task.ends}; `classes` is {classes} here",
        )
    return (
        f"the net gives {'x'.join(map(str, given))} values an image, and {data.dataset.name} has {classes} classes",
        f"end the net in linear({classes})",
    )


def _normalised(train: TrainSettings, trace: Trace, frozen: Collection[str], steps: Length | None) -> Iterator[Finding]:
    """Batch norm that would see one value a channel in some batch."""
    narrow = any(
        "running_mean" in r.layer.buffers and prod(r.layer.out[1:]) == 1 and not _inside(r.path, frozen)
        for r in trace.flat()
    )
    if not narrow:
        return
    if train.batch == 1:
        yield Finding(*ONE_IMAGE, "batch")
    elif steps is not None and steps.images == 1:
        yield Finding(ONE_IMAGE[0], "one image is left to train on: train on more, or ln or gn instead of bn", "batch")
    elif steps is not None and smallest_batch(train, steps) == 1:
        yield Finding(
            ONE_IMAGE[0],
            f"with these {many(steps.images, 'image')} the last batch of an epoch has one: another batch "
            f"size than batch({train.batch}), or ln or gn instead of bn",
            "batch",
        )


def smallest_batch(train: TrainSettings, steps: Length) -> int:
    """The images of the smallest batch of a run; see ``feed.batches`` and ``job.steps_left``."""
    size, group = train.batch, train.batch * train.accumulate
    whole, rest = divmod(steps.images, group)
    if rest == 1 and whole and group > 1:  # that image joins the step before
        whole, rest = whole - 1, group + 1
    if steps.of(train) < steps.per_epoch:  # the last step of an epoch is never reached
        rest = 0
    last = [rest % size or size, min(rest, size)] if train.accumulate > 1 else [rest]
    return min([*([size] if whole else []), *(last if rest else [])], default=size)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a word may ask of the parameters that are trained."""

    left: list[Parameter]

    @property
    def wide(self) -> bool:
        """Whether some have two or more dimensions."""
        return any(len(p.shape) >= 2 for p in self.left)

    @property
    def hidden(self) -> bool:
        """Whether there are weights that Muon works on."""
        return bool(hidden([p for p in self.left if p.weight]))

    @property
    def before_last(self) -> bool:
        """Whether some are of another layer than the last one with weights."""
        last = next((p.name.rpartition(".")[0] for p in reversed(self.left) if p.weight), "")
        return any(p.name.rpartition(".")[0] != last for p in self.left)

    def biases(self, norms: bool) -> bool:
        """Whether there are biases; with ``norms`` of a normalisation."""
        return any(p.last == "bias" and (not norms or "norm" in p.row.op.entry.traits) for p in self.left)


def _unused(train: TrainSettings, left: list[Parameter]) -> Iterator[Finding]:
    facts = Facts(left)
    for slot, word in train.words():
        if (remark := word.idle_in(facts)) is not None:
            yield _idle(remark.message, slot, remark.help)


def _rates(train: TrainSettings, trace: Trace, left: list[Parameter]) -> Iterator[Finding]:
    if not train.rate and train.layerdecay is None:
        return
    paths = {p.row.path for p in left}
    parts = [(word, set(layers_of(trace, word.part))) for word in train.rate if word.factor != 1]
    below: set[str] = set()  # layers that the decay slows down
    if train.layerdecay not in (None, 1):
        depth, head = depths(trace)
        below = {path for path, d in depth.items() if d != head}
    slowed = below.union(*(part for _, part in parts))
    if slowed and not slowed & paths:
        yield Finding(*NOT_SLOWED, parts[0][0] if parts else "layerdecay")
        return
    for word, part in parts:
        if not part & paths:
            yield _idle(f"`rate({word.part}, {word.factor:g})` has no effect: nothing of that part is trained", word)
    if train.layerdecay not in (None, 1) and not below & paths:
        yield _idle("`layerdecay` has no effect: every layer that is trained counts as the head", "layerdecay")


def _products(train: TrainSettings, left: list[Parameter]) -> Iterator[Finding]:
    products = any(
        p.weight and p.last == "weight" and {"conv", "linear", "attention"} & p.row.op.entry.traits for p in left
    )
    if train.spred and not products:
        yield _idle("`spred` has no effect: no weight of a convolution or a linear layer is trained", "spred")


def _statistics(train: TrainSettings, trace: Trace, frozen: Collection[str]) -> Iterator[Finding]:
    norms = [r for r in trace.flat() if "running_mean" in r.layer.buffers]
    for name, asked in (("precise_bn", train.precise_bn is not None), ("syncbn", train.syncbn)):
        if asked and not norms:
            yield _idle(f"`{name}` has no effect: the network has no batch norm", name)
        elif asked and all(_inside(r.path, frozen) for r in norms):
            yield _idle(f"`{name}` has no effect: every batch norm is frozen", name)
