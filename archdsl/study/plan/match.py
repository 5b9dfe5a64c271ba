"""Equal budgets: every width of a network scaled by one factor until its parameters or MACs are those of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from archdsl.api import Spec, whole
from archdsl.errors import ArchError, Source, SpecError
from archdsl.registry import find, params
from archdsl.syntax import ast
from archdsl.syntax.walk import rebuild

MULTIPLES = (1, 2, 4, 8, 16, 32)  # of the widths; groups and heads need them
WIDEST = 16.0
STEPS = 24  # of the bisection; widths are whole numbers long before


@dataclass(frozen=True, slots=True)
class Matched:
    """How a network was scaled: the factor on its widths, and the quantity before, after and wanted."""

    quantity: str
    scale: float
    before: int
    after: int
    target: int

    def __str__(self) -> str:
        return f"widths × {self.scale:.3f}: {self.before:,} → {self.after:,} {self.quantity} (wanted {self.target:,})"


def match(spec: Spec, quantity: str, target: int) -> tuple[Spec, Matched]:
    """The spec with its widths scaled so that ``quantity`` (params or macs) comes closest to ``target``.

    Widths are those of stages (``64x2``) and the ``out`` of layers, but for the last layer's. They stay whole
    numbers, and multiples of 2, 4, … where groups or heads ask for it.

    Raises:
        ArchError: no scaling comes within a fifth of the target.
    """
    before = _amount(spec, quantity)
    best, scale = (spec, 1.0)
    for multiple in MULTIPLES:
        found = _searched(spec, quantity, target, multiple)
        if found is not None and abs(_amount(found[0], quantity) - target) < abs(_amount(best, quantity) - target):
            best, scale = found
        if abs(_amount(best, quantity) - target) <= 0.01 * target:
            break
    after = _amount(best, quantity)
    if abs(after - target) > 0.2 * target:
        raise ArchError(
            f"no width gives this arm {target:,} {quantity}; the closest has {after:,}",
            help="leave `match` out, or take an arm of another size as the baseline",
        )
    return best, Matched(quantity, scale, before, after, target)


def _amount(spec: Spec, quantity: str) -> int:
    amount: int = getattr(spec.cost, quantity)
    return amount


def _searched(spec: Spec, quantity: str, target: int, multiple: int) -> tuple[Spec, float] | None:
    """The best of a bisection over the scale; None where no network came out."""
    low, high = 1 / WIDEST, WIDEST
    best: tuple[Spec, float] | None = None
    for _ in range(STEPS):
        middle = (low * high) ** 0.5
        scaled = _scaled(spec, middle, multiple)
        if scaled is None:
            return best
        if best is None or abs(_amount(scaled, quantity) - target) < abs(_amount(best[0], quantity) - target):
            best = (scaled, middle)
        if _amount(scaled, quantity) < target:
            low = middle
        else:
            high = middle
    return best


def _scaled(spec: Spec, scale: float, multiple: int) -> Spec | None:
    try:
        found = whole(
            Source(spec.name, spec.text),
            widths(spec.file, lambda w: _rounded(w * scale, multiple)),
            spec.declared,
        )
        return replace(found, graph=replace(found.graph, data=spec.graph.data))
    except SpecError:
        return None


def _rounded(width: float, multiple: int) -> int:
    return max(multiple, multiple * round(width / multiple))


def widths(file: ast.File, change: Callable[[int], int]) -> ast.File:
    """The file with every width of its network changed, but for the last layer's outputs."""
    items: list[ast.Item] = []
    for item in file.items:
        if isinstance(item, ast.Let):
            items.append(rebuild(item, _changer(change)))
        elif isinstance(item, ast.Statement) and item.kind in ("net", "bare"):
            body, changer = item.body, _changer(change)
            if isinstance(body, ast.Seq) and isinstance(body.items[-1], ast.Word) and body.items[-1].name == "linear":
                new: ast.Expr = ast.Seq((*map(changer, body.items[:-1]), body.items[-1]), body.span)
            else:
                new = changer(body)
            items.append(replace(item, body=new))
        else:
            items.append(item)
    return replace(file, items=tuple(items))


def _changer(change: Callable[[int], int]) -> Callable[[Any], Any]:
    def visit(node: Any) -> Any:
        if isinstance(node, ast.Word):
            stages = None if node.stages is None else tuple(map(stage, node.stages))
            return _word(rebuild(replace(node, stages=stages), visit), change)
        return rebuild(node, visit)

    def stage(node: Any) -> Any:  # elsewhere `3x1` is a window, a stride or the size of an image
        if isinstance(node, ast.Cross) and isinstance(node.parts[0], ast.Number):
            return replace(node, parts=(_number(node.parts[0], change), *node.parts[1:]))
        return node if isinstance(node, ast.Word) else rebuild(node, stage)

    return visit


def _word(word: ast.Word, change: Callable[[int], int]) -> ast.Word:
    entry = find("net", word.name)
    if entry is None:
        return word
    if entry.kind == "family" and word.stages:
        stages = tuple(_number(s, change) if isinstance(s, ast.Number) else s for s in word.stages)
        return replace(word, stages=stages)
    if not word.args or not params(entry) or params(entry)[0].name != "out":
        return word
    args = list(word.args)
    for n, arg in enumerate(args):
        if n == 0 and isinstance(arg, ast.Number):
            args[0] = _number(arg, change)
        elif isinstance(arg, ast.Keyword) and arg.name == "out" and isinstance(arg.value, ast.Number):
            args[n] = replace(arg, value=_number(arg.value, change))
    return replace(word, args=tuple(args))


def _number(number: ast.Number, change: Callable[[int], int]) -> ast.Number:
    return replace(number, text=str(change(int(number.text)))) if number.text.isdecimal() else number
