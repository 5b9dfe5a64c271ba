"""The small typed surface: a spec read, checked, expanded, traced and counted in one call, without torch.

>>> load("conv(8) bn relu", input=(1, 28, 28), classes=10).cost.params
178
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.emit.canonical import canonical, digest
from archdsl.errors import ArchError, Diagnostic, EnvError, Source, SpecError
from archdsl.expand import Completed, Graph, Setting, complete, expand, given
from archdsl.expand.complete import check_labels
from archdsl.expand.graph import Declared
from archdsl.expand.inspect import too_deep
from archdsl.expand.overrides import override
from archdsl.expand.pin import pinned
from archdsl.expand.text import canonical_text
from archdsl.ir.cost import Cost, cost
from archdsl.ir.trace import Trace
from archdsl.lines import setting_lines, train_lines
from archdsl.syntax import ast
from archdsl.syntax.locate import locate
from archdsl.syntax.parse import parse
from archdsl.words.tasks import CLASSIFICATION, Task, task_of

if TYPE_CHECKING:
    from torch import nn

    from archdsl.settings.experiment import DataSettings, Experiment, TrainSettings

HASH_DIGITS = 16


@dataclass(frozen=True)
class Spec:
    """An experiment with everything that is known without torch.

    name: the file, or ``<spec>`` for a text. text: as it was written. file: its syntax tree, settings given beside the
    text worked in. graph: the network without sugar, and the data and train words. completed: the traced network, with
    the head and the biases that the text left open. cost: the totals.
    """

    name: str
    text: str
    file: ast.File
    graph: Graph
    completed: Completed
    cost: Cost

    @property
    def trace(self) -> Trace:
        return self.completed.trace

    @property
    def input(self) -> tuple[int, ...]:
        return self.completed.input

    @property
    def classes(self) -> int:
        return self.completed.classes

    @property
    def task(self) -> Task:
        """What the output is for."""
        return self.completed.task

    @property
    def declared(self) -> Declared:
        """What its data set said of the network, or would have."""
        return Declared(self.input, self.classes, self.task)

    @property
    def notes(self) -> tuple[Diagnostic, ...]:
        """Warnings and notes."""
        return self.completed.notes

    def _repr_html_(self) -> str:
        from archdsl.draw.notebook import html

        return html(self.trace, self.cost, self.name)

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the experiment, the same for every way to write it."""
        return _hash(self)

    @property
    def canonical(self) -> str:
        """The text that a run records: one file, without includes and comments."""
        return canonical_text(self.file)


def read(
    spec: str | Path | Source | Spec, *, input: int | Sequence[int] | str | None = None, classes: int | str | None = None,
    data: str | None = None, set: Iterable[str] = (),
) -> tuple[Source, ast.File]:  # fmt: skip
    """A spec's text, and its tree with the given settings worked in; holes may be in it.

    Raises:
        ArchError: no such file, a setting that names nothing, an argument of a wrong type.
        SpecError: the text does not parse.
    """
    if isinstance(spec, Spec):
        source, file = Source(spec.name, spec.text), spec.file
    else:
        what = given.spec(spec)
        source = what if isinstance(what, Source) else locate(what)
        file = parse(source)
    return source, override(file, given.texts("set", set), input=given.input_text(input),
                            classes=given.classes_text(classes), data=given.text("data", data))  # fmt: skip


def load(
    spec: str | Path | Source | Spec, *, input: int | Sequence[int] | str | None = None, classes: int | str | None = None,
    data: str | None = None, set: Iterable[str] = (),
) -> Spec:  # fmt: skip
    """Load a spec: a path, a shipped spec's name, or the text itself; or one that is loaded, with other settings.

    Args:
        input: the shape that arrives, ``(3, 32, 32)``, ``"3x32x32"``, ``64`` or ``Ids(128, 256)``; goes before what the
            text states.
        classes: the number of classes; likewise.
        data: the data set; likewise.
        set: settings as on the command line, ``["train.epochs=1"]``.

    Raises:
        ArchError: no such file, a setting that names nothing, an argument of a wrong type.
        SpecError: everything that is wrong with the text, each with its place.
    """
    source, file = read(spec, input=input, classes=classes, data=data, set=set)
    if isinstance(spec, Spec) and file is spec.file:
        return spec
    return whole(source, file)


def recorded(name: str, text: str, declared: Declared | None, input: tuple[int, ...] | str | None = None) -> Spec:
    """The spec of a run, for which the data is not looked at: it may be gone, or hold other classes by now.

    Args:
        declared: shape, number of classes and task that the run has recorded; None has the data set asked.
        input: another shape, as for ``load``.

    Raises:
        SpecError: everything that is wrong with the text.
    """
    source, file = read(Source(name, text), input=input)
    return whole(source, file, declared)


def whole(source: Source, file: ast.File, declared: Declared | None = None, runs: Path | None = None) -> Spec:
    """A spec from its tree; ``declared`` stands for what its data set says of the network. Of data of one's own that
    is gone, the runs in the folder ``runs`` say it.

    Raises:
        SpecError: everything that is wrong with it.
    """
    try:
        graph = expand(file, declared=declared)
        completed = complete(graph)
        check_labels(completed.trace, graph.train)
        return Spec(source.name, source.text, file, graph, completed, cost(completed.trace))
    except RecursionError:
        raise too_deep() from None
    except EnvError:
        found = _kept(file, runs) if runs is not None and declared is None else None
        if found is None:
            raise
        spec = whole(source, file, Declared(found.value.input, found.value.classes, task_of(found.value)))
        return replace(spec, graph=replace(spec.graph, data=tuple(
            found if s.span == found.span else s for s in spec.graph.data)))  # fmt: skip


def _kept(file: ast.File, runs: Path) -> Setting | None:
    """The word of a data set that is gone, with what the runs in a folder recorded of it; None where there is none."""
    from archdsl.runs.kept import kept

    words = kept(expand(file, declared=Declared((1,), 1)).data, runs)
    return next((w for w in words if getattr(w.value, "kept", None) is not None), None)


def experiment_of(spec: Spec, checked: bool = True) -> Experiment:
    """All that determines a training run of a spec, but for the fingerprint of its data: ``archdsl.runs.identify`` looks at
    that.

    Args:
        checked: refuse what could not be trained; without it, settings can be read that contradict the data.

    Raises:
        ArchError: it names no data set.
        SpecError: what ``setting_findings`` has as errors.
        EnvError: the weights to begin with are not there.
    """
    from archdsl.runs.recorded import recorded_name
    from archdsl.settings.experiment import Experiment
    from archdsl.settings.fold import fold_data, fold_train

    name = recorded_name(spec.name) or (Path(spec.name).stem if spec.name.endswith(".arch") else "net")
    data, train = fold_data(spec.graph.data), fold_train(spec.graph.train)
    file = spec.file
    if train.init is not None:
        from archdsl.transfer.place import resolved

        init = resolved(train.init)
        train, file = replace(train, init=init), pinned(file, init.sha)
    found = setting_findings(spec, sources=False) if checked else ()
    errors = tuple(d for d in found if d.severity == "error")
    if errors:
        raise SpecError(errors)
    text = canonical_text(file, evaluation=False)  # a run is named by its training
    if data.own:
        return Experiment(name, text, data, train, _hash(spec, placeless=True), spec.hash)
    return Experiment(name, text, data, train, spec.hash)


def _hash(spec: Spec, placeless: bool = False) -> str:
    settings = [*setting_lines("data", spec.graph.data, placeless), *train_lines(spec.graph.train)]
    task = spec.task.name if spec.task.name != CLASSIFICATION.name else ""
    return digest(canonical(spec.trace, spec.classes, settings, task))[:HASH_DIGITS]


def setting_findings(spec: Spec, sources: bool = True) -> tuple[Diagnostic, ...]:
    """What `train` would refuse of a spec before its first step (errors), and words without effect (warnings), as far as
    it is known without torch; data of one's own is counted where a word depends on it. Labels of parts are checked by ``load``.

    Args:
        sources: look for the weights of ``init``, too; a finished run is found without them.
    """
    from archdsl.settings.checks import setting_diagnostics
    from archdsl.settings.evaluation import evaluation_findings

    found = setting_diagnostics(spec.graph.data, spec.graph.train, spec.trace, spec.classes, _images)
    asked = evaluation_findings(spec.graph.evaluate, spec.trace, spec.task)
    return (*found, *asked, *(_sources(spec) if sources else ()))


def _images(data: DataSettings, train: TrainSettings) -> int | None:
    """The training images or rows of data of one's own, where a word of the text depends on their number."""
    if not data.own or not (data.valid or data.subset or train.warmup or train.lookahead):
        return None
    from archdsl.data.counting import training_count

    return training_count(data.dataset)


def _sources(spec: Spec) -> Iterator[Diagnostic]:
    """Weights to begin with that are not there, or are others than the text says. Those of a model zoo are looked for when
    the run begins.
    """
    from archdsl.settings.checks import REFUSED
    from archdsl.transfer.place import ZOOS, verified
    from archdsl.words.train.tuning import Init

    for setting in spec.graph.train:
        init = setting.value
        if isinstance(init, Init) and init.source.partition(":")[0] not in ZOOS:
            try:
                verified(init.source, init.sha)
            except ArchError as error:
                yield Diagnostic(REFUSED, error.message, setting.span, error.help)


def model(
    spec: str | Path | Source | Spec, *, input: int | Sequence[int] | str | None = None, classes: int | str | None = None,
    **settings: Any,
) -> nn.Module:  # fmt: skip
    """A ready ``torch.nn.Module``; arguments as ``load``. Augmentations with ``where=model`` are its first layer, ``augment``."""
    from archdsl.data.augment import with_augmentations

    known = load(spec, input=input, classes=classes, **settings)
    return with_augmentations(known.trace, known.graph)
