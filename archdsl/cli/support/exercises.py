"""Exercises with conditions that an answer must meet: a worksheet is a YAML file of them, an answer a spec or a study.

A condition is of the grammar of ``--where``. It compares figures of the answer with numbers, or names a word alone. What needs
a trained net is looked at last, and only where all else holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archdsl import conditions
from archdsl.api import Spec, load
from archdsl.conditions import EQUALITY, SIGNS, shown
from archdsl.errors import ArchError, EnvError, suggest
from archdsl.files import read_regular, worksheet_path
from archdsl.ir.cost import evaluations
from archdsl.registry import names
from archdsl.study.amounts import amount, budget
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.file import MOST_BYTES, read_study
from archdsl.study.plan.where import SPACES, words_of
from archdsl.syntax import ast
from archdsl.syntax.walk import walk

EXAMPLE = "write for example params <= 50k, or flip and not mixup"
MEASURED = ("test_", "valid_", "train_")  # figures whose names begin so are those of a run
OF_SPEC = (
    "params",
    "macs",
    "flops",
    "layers",
    "depth",
    "activations",
    "field",
    "stride",
    "evaluations",
    "modifiers",
    "epochs",
)
OF_STUDY = ("arms", "bases", "runs", "seeds", "same")
SUFFIXES = {"spec": (".arch",), "study": (".yaml", ".yml")}  # of files, by what they hold
STATED = ("metric", "design", "match", "budget")
KEYS = {"title", "task", "given", "answer", "set", "require"}
_COUNT = re.compile(r"count\((\w+)\)")
Value = float | str | None


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition, and the hint for an answer that does not meet it."""

    holds: str
    hint: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """``answer``: ``spec`` or ``study``. ``given``: a text to begin with. ``set``: settings under which an answer is trained."""

    number: int
    title: str
    task: str
    require: tuple[Requirement, ...]
    answer: str = "spec"
    given: str = ""
    set: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A requirement of an answer; ``holds`` is None where it was not looked at. ``seen``: the figures that it names."""

    requirement: Requirement
    holds: bool | None
    seen: Mapping[str, Value]


def read_worksheet(path: Path | None = None) -> tuple[Exercise, ...]:
    """The exercises of a worksheet; of the shipped one without a path.

    Raises:
        EnvError: it cannot be read.
        ArchError: it is not a worksheet.
    """
    path = worksheet_path() if path is None else path
    try:
        data = read_regular(path, MOST_BYTES + 1)
    except OSError as error:
        raise EnvError(f"the worksheet {path} cannot be read ({error.strerror})", help="give a YAML file") from error
    try:
        found = yaml.safe_load(data[:MOST_BYTES].decode("utf-8")) if len(data) <= MOST_BYTES else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = f", line {line + 1}" if line is not None else ""
        raise ArchError(f"{path}{place} is not YAML", help="docs/worksheet.md shows the form") from None
    listed = found.get("exercises") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ArchError(f"{path} has no list `exercises`", help="docs/worksheet.md shows the form")
    return tuple(_exercise(number, item, path) for number, item in enumerate(listed, 1))


def _exercise(number: int, item: Any, path: Path) -> Exercise:
    def wrong(what: str) -> ArchError:
        return ArchError(f"exercise {number} of {path}: {what}", help="docs/worksheet.md shows the form")

    if not isinstance(item, dict):
        raise wrong("it has no keys")
    if unknown := [str(key) for key in item if key not in KEYS]:
        raise wrong(
            f"unknown key `{unknown[0]}`; {suggest(unknown[0], KEYS) or 'known are ' + ', '.join(sorted(KEYS))}"
        )
    texts = {key: item.get(key, "") for key in ("title", "task", "given")}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["title"] or not texts["task"]:
        raise wrong("`title`, `task` and `given` are texts, and the first two are needed")
    answer, sets, require = item.get("answer", "spec"), item.get("set", []), item.get("require")
    if answer not in ("spec", "study"):
        raise wrong("`answer` is spec or study")
    if not isinstance(sets, list) or not all(isinstance(text, str) for text in sets):
        raise wrong("`set` is a list of texts such as train.epochs=2")
    if not isinstance(require, list) or not require or not all(_is_requirement(one) for one in require):
        raise wrong("`require` is a list, each with the texts `holds` and `hint`")
    wanted = tuple(Requirement(one["holds"], one["hint"]) for one in require)
    return Exercise(number, texts["title"], texts["task"].strip(), wanted, answer, texts["given"], tuple(sets))


def _is_requirement(one: Any) -> bool:
    return isinstance(one, dict) and set(one) == {"holds", "hint"} and all(isinstance(v, str) for v in one.values())


def checked(exercise: Exercise, answer: str, runs: Path) -> list[Outcome]:
    """What holds of an answer, in the order of the requirements; it may be trained for that, into the folder ``runs``.

    Raises:
        ArchError: the answer is not a valid spec or study, or a requirement is not a condition.
    """
    other = {"spec": "study", "study": "spec"}[exercise.answer]
    if Path(answer).suffix in SUFFIXES[other]:
        raise ArchError(
            f"exercise {exercise.number} asks for a {exercise.answer}, and {answer} is a {other} by its name",
            help=f"write a {exercise.answer} ({SUFFIXES[exercise.answer][0]}); "
            f"`archdsl exercise {exercise.number}` shows the task",
        )
    if exercise.answer == "study":
        figures = _of_study(Path(answer))
        return [_outcome(one, figures) for one in exercise.require]
    written = load(answer)
    spec = load(written, set=exercise.set)
    figures = _of_spec(spec, written)
    late = [_measured(one.holds) for one in exercise.require]
    found = [None if is_late else _outcome(one, figures) for one, is_late in zip(exercise.require, late, strict=True)]
    if any(late) and all(one is None or one.holds for one in found):
        figures = _trained(spec, figures, runs)
        return [one or _outcome(requirement, figures) for one, requirement in zip(found, exercise.require, strict=True)]
    return [one or Outcome(requirement, None, {}) for one, requirement in zip(found, exercise.require, strict=True)]


def _measured(text: str) -> bool:
    return any(word.startswith(MEASURED) for word in re.findall(r"\w+", text))


def _outcome(requirement: Requirement, figures: _Figures) -> Outcome:
    seen: dict[str, Value] = {}
    test = conditions.condition(
        requirement.holds, _Names(figures, seen, shown("holds", requirement.holds)), "holds", EXAMPLE
    )
    return Outcome(requirement, test(), seen)


@dataclass(frozen=True, slots=True)
class _Figures:
    """What the names of a condition mean: ``numbers``, ``texts`` that are compared as they are, ``words`` that the answer has,
    and counts of layers by word."""

    numbers: Mapping[str, float | None]
    words: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def _of_spec(spec: Spec, written: Spec) -> _Figures:
    """Figures of a network, and of the text as it is ``written``, before the settings under which it is trained."""
    rows, cost = spec.trace.flat(), spec.cost
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.op.name] = counts.get(row.op.name, 0) + 1
    epochs = [float(s.value) for s in written.graph.train if s.entry.name == "epochs" and isinstance(s.value, int)]
    numbers: dict[str, float | None] = {name: getattr(cost, name) for name in OF_SPEC[:6]} | {
        "field": min(cost.field) if cost.field else None,
        "stride": max(cost.stride) if cost.stride else None,
        "evaluations": evaluations(spec.trace),
        "modifiers": sum(isinstance(node, ast.Modifier) for node in walk(written.file)),
        "epochs": epochs[0] if epochs else None,
    }
    return _Figures(numbers, words_of(written.file) | frozenset(counts), {"data": _data([written])}, counts)


def _data(specs: Iterable[Spec]) -> str:
    """The data set of specs, by its word; "" where one has none, or where they have several."""
    named = {next((s.entry.name for s in spec.graph.data if s.entry.slot == "dataset"), "") for spec in specs}
    return named.pop() if len(named) == 1 else ""


def _trained(spec: Spec, figures: _Figures, runs: Path) -> _Figures:
    from archdsl.notebook import train

    result = train(spec, runs=runs).result or {}
    measured = {k: float(v) for k, v in result.items() if k.startswith(MEASURED) and isinstance(v, int | float)}
    return _Figures({**figures.numbers, **measured}, figures.words, figures.texts, figures.counts)


def _of_study(path: Path) -> _Figures:
    if path.suffix not in (".yaml", ".yml"):
        raise ArchError(
            f"{path} is not a study file", help="this exercise asks for a study: a YAML file (docs/studies.md)"
        )
    study = read_study(path)
    arms = arms_of(study).arms
    held = [words_of(arm.spec.file) for arm in arms]
    varied = frozenset().union(*held) - frozenset.intersection(*held)
    most = budget(study.budget).runs if study.budget else None
    every = len(arms) * len(study.seeds)
    numbers: dict[str, float | None] = {
        "arms": len(arms),
        "bases": len(study.base),
        "seeds": len(study.seeds),
        "runs": min(every, most or every),
        "same": amount(study.same) if study.same else None,
    }
    texts = {
        "metric": study.metric,
        "design": study.design or "one-out",
        "match": study.match or "",
        "data": _data(arm.spec for arm in arms),
        "budget": study.budget,
    }
    stated = {name for name, text in {**texts, "same": study.same}.items() if text}
    stated |= {"sequential"} if study.sequential else set()
    return _Figures(numbers, varied | stated, texts)


@dataclass(frozen=True, slots=True)
class _Names:
    """The vocabulary of a condition on an answer; ``seen`` gets the figures that it asks for."""

    figures: _Figures
    seen: dict[str, Value]
    shown: str

    def compared(self, name: str, sign: str, value: str, quoted: bool) -> Callable[[], bool]:
        if name in self.figures.texts:
            if sign not in EQUALITY:
                raise ArchError(f"{self.shown}: `{name}` has no order", help=f"write {name} = {value}")
            self.seen[name] = self.figures.texts[name] or "none"
            return lambda: SIGNS[sign](self.figures.texts[name], value)
        bound, count = conditions.number(value), _COUNT.fullmatch(name)
        if bound is None:
            raise ArchError(f"{self.shown}: `{value}` is not a number", help=EXAMPLE)
        known = (*OF_SPEC, *OF_STUDY, *STATED, "data")
        if count is None and name not in self.figures.numbers and not name.startswith(MEASURED):
            raise ArchError(
                f"{self.shown}: unknown figure `{name}`", help=suggest(name, known) or f"known are {', '.join(known)}"
            )
        actual = self.figures.counts.get(count[1], 0) if count else self.figures.numbers.get(name)
        self.seen[name] = actual
        return lambda: actual is not None and SIGNS[sign](actual, bound)

    def alone(self, name: str) -> Callable[[], bool]:
        word = name.lstrip("+")
        if word not in (*STATED, "same", "sequential") and not any(word in names(space) for space in SPACES):
            known = [n for space in SPACES for n in names(space)]
            raise ArchError(
                f"{self.shown}: unknown word `{name}`", help=suggest(word, known) or "`archdsl words` lists all"
            )
        return lambda: word in self.figures.words
