"""What an ``evaluate`` statement asks for, folded from its words, and the key under which a run keeps the figures. Knows no
torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, TypeVar

from archdsl.errors import ArchError, Diagnostic, SpecError, fail
from archdsl.ir.blocks import blocks, reached
from archdsl.ir.fans import heads_of
from archdsl.registry import params
from archdsl.registry.shapes import dims
from archdsl.words.evaluation.base import Change, Evaluation, Passes, Rewiring, Shift
from archdsl.words.tasks import CLASSIFICATION, Task

if TYPE_CHECKING:
    from archdsl.expand.graph import Setting
    from archdsl.ir.trace import Row, Trace

KINDS = (Rewiring, Change, Shift, Passes)
VERSION = "1"  # raise it when the same evaluation gives other figures: those that are stored are then others
T = TypeVar("T", bound=Evaluation)


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The words of a statement in the order in which they act; ``text`` is the statement in that order, on one line."""

    words: tuple[Evaluation, ...]
    text: str

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """The words of a kind."""
        return tuple(word for word in self.words if isinstance(word, kind))

    @property
    def passes(self) -> int | None:
        """Passes with random layers active; None: one pass without."""
        return next((word.passes for word in self.of(Passes)), None)

    def rewired(self, trace: Trace, draw: Callable[[int], Random]) -> Trace:
        """The network that is evaluated.

        Args:
            draw: random numbers of the run's seed for the word of each number.

        Raises:
            ArchError: the network does not allow it.
        """
        for number, word in enumerate(self.of(Rewiring)):
            trace = word.rewire(trace, draw(number))
        return reached(trace) if self.of(Rewiring) else trace

    def key(self, seed: int, trace: Trace) -> str:
        """The hash that names the evaluation among those of a run: of its words, the seed, and what they mean by a block.

        Two texts of one experiment may number its blocks in two ways: a family counts its own, and layers that are spelt out
        count one by one.

        Raises:
            ArchError: the network does not allow it.
        """
        meant = ""
        if self.of(Rewiring):
            number = {row.path: n for n, row in enumerate(trace.rows)}
            changed = self.rewired(trace, Random)  # any draw: what can be drawn is said by the blocks
            left = [(number.get(row.path, row.path), row.inputs) for row in changed.rows]
            known = [(b.start, b.end, b.passes) for b in blocks(trace)]
            meant = f"\n{known} {left} {changed.output}"
        if len({word.stream for word in self.of(Shift)}) < len(self.of(Shift)):
            meant += "\nindependent"  # a corruption that came twice had the same random numbers
        return hashlib.sha256(f"{VERSION}\n{self.words!r}\n{seed}{meant}".encode()).hexdigest()[:16]


def fold_evaluation(words: Iterable[Setting]) -> EvaluationSettings | None:
    """The settings of the words of an ``evaluate`` statement; None where there are none.

    Raises:
        SpecError: A224, a word that nothing carries out.
    """
    ordered = sorted(words, key=lambda w: next((n for n, k in enumerate(KINDS) if isinstance(w.value, k)), len(KINDS)))
    for word in ordered:
        if not isinstance(word.value, KINDS):
            about = f"`{type(word.value).__name__}` of {type(word.value).__module__}"
            raise fail(
                "A224",
                f"nothing says how {about} is carried out",
                word.span,
                f"derive its class from {', '.join(k.__name__ for k in KINDS)}, as docs/house.md describes",
            )
    text = " ".join(map(_spelt, ordered))
    return EvaluationSettings(tuple(word.value for word in ordered), text) if ordered else None


def _spelt(word: Setting) -> str:
    """The word as a text has it; arguments that are not set are left out."""
    given: list[str] = []
    named = False
    for parameter, value in zip(params(word.entry), word.args, strict=True):
        if value == parameter.default:
            named = True  # those behind it are given by name
        elif parameter.base == "blocks":
            given += map(_plain, value)
        else:
            given.append(f"{parameter.name}={_plain(value)}" if named else _plain(value))
    return f"{word.entry.name}({', '.join(given)})" if given else word.entry.name


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value).lower().removesuffix(".0")


def evaluation_findings(words: Iterable[Setting], trace: Trace, task: Task = CLASSIFICATION) -> Iterator[Diagnostic]:
    """What an evaluation of a network for this task would be refused for, as far as it is known without torch."""
    words = tuple(words)
    try:
        fold_evaluation(words)
    except SpecError as error:
        yield from error.diagnostics
        return
    for word in words:
        try:
            trace = _fitting(word.value, trace, task)
        except ArchError as error:
            yield Diagnostic("A224", error.message, word.span, error.help)


def check_evaluation(found: EvaluationSettings, trace: Trace, task: Task = CLASSIFICATION) -> None:
    """Refuse an evaluation that does not fit a network or its task.

    Raises:
        ArchError: a word cannot be carried out.
    """
    for word in found.words:
        trace = _fitting(word, trace, task)


def _fitting(word: Evaluation, trace: Trace, task: Task) -> Trace:
    """The network that the word leaves.

    Raises:
        ArchError: the word cannot be carried out.
    """
    if word.pictures and len(trace.input) != 3:
        raise ArchError(
            f"`{word.word}` changes images, and the network takes {dims(trace.input)}",
            help="leave it out",
        )
    if isinstance(word, Shift | Passes) and heads_of(trace):
        raise ArchError(
            f"`{word.word}` is for one output of classes, and the network has several heads", help="leave it out"
        )
    if isinstance(word, Shift | Passes) and not task.counted:
        raise ArchError(
            f"`{word.word}` is for an output of classes, and the task of the network is {task.name}",
            help="leave it out",
        )
    if isinstance(word, Shift):
        check_places(word, task)
    if word.draws and not any(_draws(row) for row in trace.flat()):
        raise ArchError(
            f"`{word.word}` needs a layer that draws at random, and the network has none",
            help="add drop, spatial or droppath to the network",
        )
    return word.rewire(trace, Random(0)) if isinstance(word, Rewiring) else trace


def check_places(word: Shift, task: Task) -> None:
    """Refuse a corruption that may move pixels, whose classes would stay where they are.

    Raises:
        ArchError: it does.
    """
    if not task.whole and not word.in_place:
        raise ArchError(
            f"`{word.word}` may move pixels, whose classes would stay where they are",
            help="leave it out; corruptions that move none, such as noise, blur and contrast, are supported",
        )


def _draws(row: Row) -> bool:
    """Whether a layer may draw at random: dropout and its kin, or one with a rate of it among its arguments."""
    rates = [a for p, a in zip(params(row.op.entry), row.op.args, strict=True) if p.name == "drop"]
    return "drop" in row.op.entry.traits or any(rates)
