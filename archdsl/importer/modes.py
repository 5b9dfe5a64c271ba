"""A network in eval mode and in train mode: what only one of them shows is in the steps, or refused, or said.

The graph is taken in both. Apart from dropout and its kin, which do nothing in eval mode, both must be the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from archdsl.emit.canonical import made
from archdsl.errors import ArchError
from archdsl.importer.findings import Finding, Refused
from archdsl.importer.fuse import arguments
from archdsl.importer.lift import lift
from archdsl.importer.steps import Step
from archdsl.importer.trace import traced
from archdsl.ir.trace import Row

LEAVE = "; --unused leaves out what only train mode does, and says so"


@dataclass(frozen=True, slots=True)
class Lifted:
    """A network's steps and which of them is the result; its graph in eval mode; remarks for the head of the spec;
    whether the steps say all that train mode does: no part of it was left out, and no mask that the source draws itself
    was read as a word."""

    steps: list[Step]
    output: int
    graph: fx.GraphModule
    notes: tuple[str, ...]
    whole: bool


def lifted(module: nn.Module, shape: tuple[int, ...], name: str, unused: bool = False) -> Lifted:
    """The steps of a module, in which both of its modes agree. The module is left in eval mode.

    Args:
        unused: what eval mode does not need may be left out: parameters, and what only train mode does.

    Raises:
        Refused: places that no word expresses in one of the modes; with each its reason.
        ArchError: no graph can be taken of it.
    """
    before = _counters(module)
    graph = traced(module, shape, name)
    steps, output = lift(graph, shape, name, None if unused else module)
    notes: list[str] = []
    masks: list[str] = []
    whole = True
    try:
        steps, output = _trained(module, shape, name, (steps, output), masks)
    except Refused as error:
        if not unused:
            raise
        whole = False
        notes += [f"Left out, what only train mode does: {f}." for f in error.findings]
    finally:
        module.eval()
    if moved := [n for n, value in _counters(module).items() if before.get(n, value) != value]:
        notes.append(f"The forward pass of the source changes {', '.join(moved)}; a spec keeps no such state.")
    if masks:
        notes.append(f"Random masks that the source draws by hand, read as dropout: {', '.join(dict.fromkeys(masks))}.")
    return Lifted(steps, output, graph, tuple(dict.fromkeys(notes)), whole and not masks)


def _counters(module: nn.Module) -> dict[str, int | float | bool]:
    """The plain numbers among the attributes of all modules."""
    return {
        f"{path}.{name}" if path else name: value
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if isinstance(value, int | float) and name != "training"
    }


def _trained(
    module: nn.Module, shape: tuple[int, ...], name: str, other: tuple[list[Step], int], masks: list[str]
) -> tuple[list[Step], int]:
    """The steps of train mode, where they are those of eval mode but for dropout.

    Raises:
        Refused: they are not, or cannot be expressed.
    """
    try:
        graph = traced(module, shape, name, training=True)
        steps, output = lift(graph, shape, name, training=True, by_hand=masks)
    except Refused as error:
        found = tuple(Finding(f.path, f.op, f"only in train mode: {f.reason}") for f in error.findings)
        raise Refused(name, found, LEAVE) from None
    except ArchError as error:
        raise Refused(name, (Finding("", "forward", f"only in train mode: {error.message}"),), LEAVE) from error
    if difference := _difference(other, (steps, output)):
        raise Refused(name, (difference,), LEAVE)
    return steps, output


def _difference(evaluated: tuple[list[Step], int], trained: tuple[list[Step], int]) -> Finding | None:
    """The first place, from the result back, in which the modes differ by more than dropout."""
    paired: dict[int, int] = {}
    stack = [(evaluated[1], trained[1])]
    while stack:
        a, b = (_behind_drops(steps, at) for (steps, _), at in zip((evaluated, trained), stack.pop(), strict=True))
        if a < 0 and b < 0:
            continue
        if min(a, b) < 0 or paired.get(a, b) != b:
            return _parted(evaluated[0], a, trained[0], b)
        if a in paired:
            continue
        paired[a] = b
        here, there = evaluated[0][a], trained[0][b]
        if _line(here) != _line(there) or here.sources != there.sources or len(here.inputs) != len(there.inputs):
            return _parted(evaluated[0], a, trained[0], b)
        stack += zip(here.inputs, there.inputs, strict=True)
    return None


def _behind_drops(steps: list[Step], at: int) -> int:
    while at >= 0 and "drop" in steps[at].op.entry.traits:
        at = steps[at].inputs[0]
    return at


def _line(step: Step) -> str:
    given = arguments(step)
    if "drop" in given:  # dropout within a layer aside
        return f"{step.op.name} {given | {'drop': 0.0}}"
    return made(Row(step.path, step.op, step.layer, step.inputs))


def _parted(evaluated: list[Step], a: int, trained: list[Step], b: int) -> Finding:
    here, there = (_said(steps, at) for steps, at in ((evaluated, a), (trained, b)))
    path = trained[b].path if b >= 0 else evaluated[a].path if a >= 0 else ""
    return Finding(path, "forward", f"train mode computes another network: {there} where eval mode has {here}")


def _said(steps: list[Step], at: int) -> str:
    return f"`{steps[at].op.name}` ({steps[at].path or 'the network itself'})" if at >= 0 else "the input"
