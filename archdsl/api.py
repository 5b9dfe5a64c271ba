"""The small typed surface: a spec read, checked, expanded, traced and counted in one call, without torch.

>>> spec = load("conv(8) bn relu", input=(1, 28, 28), classes=10)
>>> spec.cost.params
178
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.emit.canonical import canonical, digest, plain
from archdsl.errors import ArchError, Diagnostic, Source
from archdsl.expand import Graph, Setting, Settled, expand, settle
from archdsl.expand.inspect import too_deep
from archdsl.expand.overrides import override
from archdsl.expand.pin import pinned
from archdsl.expand.settle import check_labels
from archdsl.expand.text import canonical_text
from archdsl.ir.cost import Cost, cost
from archdsl.ir.trace import Trace
from archdsl.registry import params
from archdsl.syntax import ast
from archdsl.syntax.locate import locate
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from torch import nn

    from archdsl.train.experiment import Experiment

HASH_DIGITS = 16


@dataclass(frozen=True)
class Spec:
    """An experiment with everything that is known without torch.

    name: the file, or ``<spec>`` for a text. text: as it was written. file: its syntax tree, settings given beside the
    text worked in. graph: the network without sugar, and the data and train words. settled: the traced network, with
    the head and the biases that the text left open. cost: the totals.
    """

    name: str
    text: str
    file: ast.File
    graph: Graph
    settled: Settled
    cost: Cost

    @property
    def trace(self) -> Trace:
        return self.settled.trace

    @property
    def input(self) -> tuple[int, ...]:
        return self.settled.input

    @property
    def classes(self) -> int:
        return self.settled.classes

    @property
    def notes(self) -> tuple[Diagnostic, ...]:
        """Warnings and notes."""
        return self.settled.notes

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the experiment, the same for every way to write it."""
        settings = [*setting_lines("data", self.graph.data), *_train_lines(self.graph.train)]
        return digest(canonical(self.trace, self.classes, settings))[:HASH_DIGITS]

    @property
    def canonical(self) -> str:
        """The text that a run records: one file, without includes and comments."""
        return canonical_text(self.file)


def read(
    spec: str | Path | Source, *, input: tuple[int, ...] | str | None = None, classes: int | str | None = None,
    data: str | None = None, set: Iterable[str] = (),
) -> tuple[Source, ast.File]:  # fmt: skip
    """A spec's text, and its tree with the given settings worked in; holes may be in it.

    Raises:
        ArchError: no such file, a setting that names nothing.
        SpecError: the text does not parse.
    """
    source = spec if isinstance(spec, Source) else locate(str(spec))
    shape = "x".join(map(str, input)) if isinstance(input, tuple) else input
    return source, override(parse(source), set, input=shape, classes=classes, data=data)


def load(
    spec: str | Path | Source, *, input: tuple[int, ...] | str | None = None, classes: int | str | None = None,
    data: str | None = None, set: Iterable[str] = (),
) -> Spec:  # fmt: skip
    """Load a spec: a path, a shipped spec's name, or the text itself.

    Args:
        input: the shape that arrives, ``(3, 32, 32)`` or ``"3x32x32"``; goes before what the text states.
        classes: the number of classes; likewise.
        data: the data set; likewise.
        set: settings as on the command line, ``["train.epochs=1"]``.

    Raises:
        ArchError: no such file, a setting that names nothing.
        SpecError: everything that is wrong with the text, each with its place.
    """
    source, file = read(spec, input=input, classes=classes, data=data, set=set)
    return whole(source, file)


def whole(source: Source, file: ast.File) -> Spec:
    """A spec from its tree.

    Raises:
        SpecError: everything that is wrong with it.
    """
    try:
        graph = expand(file)
        settled = settle(graph)
        check_labels(settled.trace, graph.train)
        return Spec(source.name, source.text, file, graph, settled, cost(settled.trace))
    except RecursionError:
        raise too_deep() from None


def experiment_of(spec: Spec) -> Experiment:
    """All that determines a training run of a spec.

    Raises:
        ArchError: it names no data set, or words of it contradict each other.
        EnvError: the weights to begin with are not there.
    """
    from archdsl.train.experiment import Experiment, fold_data, fold_train

    name = Path(spec.name).stem if spec.name.endswith(".arch") else "net"
    data, train = fold_data(spec.graph.data), fold_train(spec.graph.train)
    file = spec.file
    if train.init is not None:
        from archdsl.train.transfer.place import resolved

        init = resolved(train.init)
        train, file = replace(train, init=init), pinned(file, init.sha)
    return Experiment(name, canonical_text(file), data, train, spec.hash)


def setting_lines(space: str, settings: Iterable[Setting]) -> list[str]:
    """Data or train words in one spelling: sorted by the slot that they fill, augmentations in the order of the text."""
    lines = [(_rank(space, s.entry.slot), f"{space} {_call(s)}") for s in settings]
    return [text for _, text in sorted(lines, key=lambda line: line[0])]


def _train_lines(settings: tuple[Setting, ...]) -> list[str]:
    """The train settings that are not the defaults, so that a new train word leaves every hash as it was; as they were
    written where they contradict each other, or where weights to begin with are not there. (A default that changes needs
    a new number of our numerics.)
    """
    from archdsl.train.experiment import TrainSettings, fold_train

    try:
        found, usual = fold_train(settings), TrainSettings()
        if found.init is not None:
            from archdsl.train.transfer.place import resolved

            found = replace(found, init=resolved(found.init))
    except ArchError:
        return setting_lines("train", settings)
    pairs = ((name, getattr(found, name)) for name in TrainSettings.__dataclass_fields__)
    return sorted(f"train {name} {value!r}" for name, value in pairs if value != getattr(usual, name))


def _rank(space: str, slot: str) -> str:
    """Words of equal rank keep their order; in a data statement, all but these work one after the other."""
    return slot if space == "train" or slot in ("dataset", "valid", "subset") else "~"


def _call(setting: Setting) -> str:
    """One word with its arguments by name. An argument that is `none` unless given is left out, so that a word that gets
    one keeps its hash.
    """
    every = zip(params(setting.entry), setting.args, strict=True)
    pairs = [(p, a) for p, a in every if not (a is None and p.default is None)]
    return f"{setting.entry.name}({', '.join(f'{p.name}={plain(a)}' for p, a in pairs)})"


def model(
    spec: str | Path | Source, *, input: tuple[int, ...] | str | None = None, classes: int | str | None = None,
    **settings: Any,
) -> nn.Module:  # fmt: skip
    """A ready ``torch.nn.Module`` of a spec; arguments as ``load``."""
    from archdsl.emit.build import build

    module: nn.Module = build(load(spec, input=input, classes=classes, **settings).trace)
    return module
