"""The entry of a word and the decorators that make one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Literal, TypeVar

from archdsl.errors import ArchError
from archdsl.registry.guard import guard
from archdsl.registry.lookup import register
from archdsl.registry.phases import Phase
from archdsl.registry.proper import check

Kind = Literal["op", "block", "late", "join", "family", "modifier", "data", "train", "metric", "evaluation", "proxy"]
F = TypeVar("F", bound=Callable[..., Any])


class Place:
    """Where a word is written. ``load`` is one object for each time that its module is loaded."""

    __slots__ = ("file", "line", "load")

    def __init__(self, file: str, line: int, load: object = None) -> None:
        self.file, self.line, self.load = file, line, load


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One word.

    ``traits`` say what a layer is to modifiers, lints and training, see ``TRAITS``. ``phase`` orders modifiers; ``undo`` is what
    ``-name`` does. ``slot`` is the setting that a data or train word fills; two words for one slot are an error, an empty slot
    takes any number. ``local``: a family each of whose stages depends on its own numbers and its place alone; a modifier that
    changes each stage by itself and finds a place in each.
    ``unpublished`` is why a data or train word has no paper. ``alias``: the word that this is another name of; texts that have
    it keep their hash, and lists leave it out. ``place`` is where its decorator is.

    ``name`` is that of the function, or of the class in lower case, unless the decorator says another one, whatever the kind.
    """

    name: str
    kind: Kind
    make: Callable[..., Any]
    help: str
    examples: tuple[str, ...]
    paper: str = ""
    unpublished: str = ""
    traits: frozenset[str] = frozenset()
    phase: Phase | None = None
    undo: Callable[..., Any] | None = None
    slot: str = ""
    keeps_params: bool = False
    local: bool = False
    alias: str = ""
    place: Place | None = None

    @property
    def summary(self) -> str:
        return self.help.split("\n", 1)[0]


def _decorator(kind: Kind, examples: tuple[str, ...], name: str | None = None, **settings: Any) -> Callable[[F], F]:
    if any(callable(example) for example in examples):
        bare: Any = next(filter(callable, examples))
        raise ArchError(
            f"the decorator of `{bare.__name__}` of {bare.__module__} is written without parentheses",
            help='give it an example: `@op("conv(8) word")`',
        )

    def decorate(make: F) -> F:
        frame, help = sys._getframe(1), make.__doc__ or ""
        own = make.__name__.rstrip("_")
        if isinstance(make, type):
            own = own.lower()
            if help.startswith(f"{make.__name__}("):  # the signature, which a dataclass has in place of a docstring
                help = ""
        place = Place(frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__spec__"))
        entry = Entry(
            name or own, kind, make, cleandoc(help) if "\n" in help else help.strip(), examples, place=place, **settings
        )
        check(entry)
        register(entry)
        guard(entry)
        if hasattr(make, "spelt"):
            make.spelt = entry.name
        return make

    return decorate


def op(*examples: str, paper: str = "", traits: str = "", name: str | None = None, alias: str = "") -> Callable[[F], F]:
    """A layer: a function from the arriving shape and the arguments to an ``archdsl.ir.layer.Layer``."""
    return _decorator("op", examples, paper=paper, traits=frozenset(traits.split()), name=name, alias=alias)


def join(*examples: str, paper: str = "", traits: str = "", name: str | None = None) -> Callable[[F], F]:
    """A way for branches to meet: a function from their shapes to a ``Layer``."""
    return _decorator("join", examples, paper=paper, traits=frozenset(traits.split()), name=name)


def block(*examples: str, paper: str = "", traits: str = "", name: str | None = None) -> Callable[[F], F]:
    """A composite: a function from arguments to IR nodes."""
    return _decorator("block", examples, paper=paper, traits=frozenset(traits.split()), name=name)


def late(*examples: str, paper: str = "", name: str | None = None) -> Callable[[F], F]:
    """A composite that unfolds when shapes are known: a function from the arriving shape, the shape of the branch that
    it meets, the normalisation in which that branch ends (or None) and the arguments to an IR node."""
    return _decorator("late", examples, paper=paper, name=name)


def family(*examples: str, paper: str = "", name: str | None = None, local: bool = False) -> Callable[[F], F]:
    """A composite with a stage list, its first parameter."""
    return _decorator("family", examples, paper=paper, name=name, local=local)


def modifier(
    *examples: str,
    paper: str = "",
    phase: Phase | None = None,
    undo: Callable[..., Any] | None = None,
    keeps_params: bool = False,
    slot: str = "",
    name: str | None = None,
    local: bool = False,
) -> Callable[[F], F]:
    """A rewriting: a function from a node and the arguments to a node, None where the term has no place for it; ``undo``
    is ``-name``, None where there is nothing to undo. It needs both. Two modifiers of one ``slot`` contradict each other."""
    return _decorator(
        "modifier",
        examples,
        paper=paper,
        phase=phase,
        undo=undo,
        keeps_params=keeps_params,
        slot=slot,
        name=name,
        local=local,
    )


def data_word(
    *examples: str, paper: str = "", unpublished: str = "", slot: str = "", name: str | None = None
) -> Callable[[F], F]:
    """A word of a ``data`` statement: a setting, as a frozen dataclass whose fields are the arguments; or a function from
    the arguments to a setting."""
    return _decorator("data", examples, paper=paper, unpublished=unpublished, slot=slot, name=name)


def train_word(
    *examples: str, paper: str = "", unpublished: str = "", slot: str = "", name: str | None = None
) -> Callable[[F], F]:
    """A word of a ``train`` statement: a setting, as a frozen dataclass whose fields are the arguments; or a function from
    the arguments to a setting."""
    return _decorator("train", examples, paper=paper, unpublished=unpublished, slot=slot, name=name)


def evaluation_word(
    *examples: str, paper: str = "", unpublished: str = "", slot: str = "", name: str | None = None
) -> Callable[[F], F]:
    """A word of an ``evaluate`` statement, as a frozen dataclass whose fields are the arguments: an
    ``archdsl.words.evaluation.base.Evaluation``."""
    return _decorator("evaluation", examples, paper=paper, unpublished=unpublished, slot=slot, name=name)


def metric_word(*examples: str, paper: str = "", unpublished: str = "", name: str | None = None) -> Callable[[F], F]:
    """A figure of a run, as a frozen dataclass whose fields are the arguments: an ``archdsl.words.metrics.base.Metric``."""
    return _decorator("metric", examples, paper=paper, unpublished=unpublished, name=name)


def proxy_word(*examples: str, paper: str = "", unpublished: str = "", name: str | None = None) -> Callable[[F], F]:
    """A zero-cost proxy, as a frozen dataclass: an ``archdsl.words.proxies.base.Proxy``."""
    return _decorator("proxy", examples, paper=paper, unpublished=unpublished, name=name)
