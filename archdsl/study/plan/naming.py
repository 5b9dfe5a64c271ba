"""What factors and arms are called in tables and figures. Runs are named by their content and keep their results
whatever an arm is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.expand.holes import Axis
from archdsl.study.plan.factors import NAME, SPACE, Factor
from archdsl.study.plan.levels import inner
from archdsl.syntax import ast
from archdsl.syntax.walk import children

BASE = "base"
GIVEN = {"*": "repeats", "^": "stages"}  # what stands right of an operator
CROSS = ("width", "repeats")  # of `64x2`


def labelled(factors: Sequence[Factor]) -> tuple[Factor, ...]:
    """The factors with labels that tell them apart: the last part of `train.wd`, the same once more with a number."""
    tails = [f.label or f.name.rpartition(".")[2] for f in factors]
    counts = Counter(tails)
    seen: Counter[str] = Counter()
    found = []
    for factor, tail in zip(factors, tails, strict=True):
        seen[tail] += 1
        twice = counts[tail] > 1
        label = (
            tail
            if not twice
            else factor.name
            if not factor.label
            else f"{tail} {seen[tail]}"
            if seen[tail] > 1
            else tail
        )
        found.append(replace(factor, label=label))
    return tuple(found)


def label_of(file: ast.File, axis: Axis) -> str:
    """The label of a hole without a name: what its choices share, or what it stands for where it is written; its text where
    neither says anything."""
    hole = axis.holes[0][0]
    if hole.axis:
        return hole.axis
    names = {_head(c) for c in hole.choices if c is not None}
    if len(names) == 1 and (name := names.pop()):
        return name
    return next(_places(file, hole), "") or axis.name


def _head(choice: ast.Expr) -> str:
    """The one word or modifier that a choice is."""
    return choice.name if isinstance(choice, ast.Word | ast.Modifier) else ""


def _places(node: Any, hole: ast.Hole) -> Iterator[str]:
    match node:
        case ast.Keyword(name, value) | ast.Let(name, _, value) if value is hole:
            yield name
        case ast.Binary(op, _, right) if right is hole:
            yield GIVEN.get(op, "")
        case ast.Cross(parts) if any(p is hole for p in parts):
            at = next(i for i, p in enumerate(parts) if p is hole)
            yield CROSS[at] if len(parts) == 2 else ""
        case ast.Word(name, _, args) | ast.Modifier(_, name, args) if args and args[0] is hole:
            yield name
        case _:
            for child in children(node):
                yield from _places(child, hole)


def along(factors: Sequence[Factor], grid: bool) -> tuple[int, ...]:
    """The factors of which no level is the usual one: the numbers of a grid along an axis that has no reference."""
    if not grid or not any(f.is_axis for f in factors):
        return ()
    return tuple(n for n, f in enumerate(factors) if f.numbers is not None)


def arm_name(
    factors: Sequence[Factor],
    usual: Sequence[int],
    picks: Sequence[int],
    choice: Mapping[str, str],
    bases: bool = False,
    axes: Container[int] = (),
    labels: Container[int] | None = None,
) -> str:
    """What an arm is called: what differs from the base, whose levels are ``usual``, such as ``−res``,
    ``norm=+ln, +mixup(0.2)`` or ``wd=1e-4``. Of several bases each arm begins with the name of its own. Along an axis (``axes``:
    the numbers of factors) no level is the usual one, and each is named. With ``labels``, the numbers of
    factors in which arms differ, a level that has a label of the study is called by it, whether it is the usual one or not, and a
    base that all arms share is left out.
    """
    changes = []
    for number, (factor, before, now) in enumerate(zip(factors, usual, picks, strict=True)):
        level = choice.get(factor.name, "")
        if labels is not None and bases and number == 0 and number not in labels:
            continue
        if labels is not None and number in labels and (text := factor.text(level)):
            changes.append(text)
        elif bases and number == 0:
            changes.append(level)
        elif before != now or level != factor.levels[now] or number in axes:
            changes.append(_change(factor, factor.levels[before], level))
    return ", ".join(changes) or BASE


def _change(factor: Factor, before: str, level: str) -> str:
    label = factor.label or factor.name
    bare = label.startswith("{")  # a hole of which nothing but its text is known
    if factor.numbers is not None and not bare:
        return f"{label}={inner(level)[1]}"
    if not level:
        return f"−{_plain(before) if bare else label}"
    if "." in factor.name and factor.name.partition(".")[0] in (*ast.SETTINGS, "let"):
        return f"+{label}" if level == "on" else f"{label}={level}"
    if before == "":
        text = _plain(level)
        if level.startswith("-"):
            return f"−{text}"
        return f"+{text}" if level.startswith("+") or NAME.match(text) else f"{label}={level}"
    if bare:
        return f"{before} → {level}"
    return _plain(level) if _plain(level).startswith(f"{label}(") else f"{label}={SPACE.sub('', level, count=1)}"


def _plain(level: str) -> str:
    """A level without its sign and its statement."""
    return SPACE.sub("", level, count=1).lstrip("+-")


def distinct(names: Sequence[str], choices: Sequence[Mapping[str, str]], factors: Sequence[Factor] = ()) -> list[str]:
    """The names, those that several arms have with all their levels behind them."""
    labels = {f.name: f.shown for f in factors}
    counts = Counter(names)
    out = [
        f"{name} ({', '.join(f'{labels.get(n, n)}={v}' for n, v in _said(choice))})" if counts[name] > 1 else name
        for name, choice in zip(names, choices, strict=True)
    ]
    seen: Counter[str] = Counter()
    for at, name in enumerate(out):
        seen[name] += 1
        if seen[name] > 1:
            out[at] = f"{name} {seen[name]}"
    return out


def _said(choice: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, level or "none") for name, level in choice.items())
