"""The heads of a network that has several: their labels, and whether they are those that the data has targets for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import fail
from archdsl.ir.fans import heads_of
from archdsl.words.tasks import CLASSIFICATION, Several, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.errors import Span
    from archdsl.ir.nodes import Node
    from archdsl.ir.trace import Trace
    from archdsl.syntax import ast


def check_named(expr: ast.Word, word: str, branches: Sequence[Node]) -> None:
    """Refuse a head without a label, and a single one.

    Raises:
        SpecError: A308.
    """
    example = f"write `{word}(kind: linear(3) | price: linear(1))`"
    if any(not getattr(branch, "label", "") for branch in branches):
        help = f"{example}; a head of several layers is a group, `kind: (linear(32) relu linear(3))`"
        raise fail("A308", f"a branch of `{word}` has no label", expr.span, help)
    if len(branches) < 2 and len(expr.args or ()) > 1:
        raise fail("A308", f"the branches of `{word}` are separated by `|`", expr.span, example)
    if len(branches) < 2:
        raise fail("A308", f"`{word}` has one branch", expr.span, f"{example}, or the layers of a single head alone")


def ended(trace: Trace, classes: int, span: Span | None, stated: Task | None) -> tuple[Task, int]:
    """The task of a network and the number of its outputs, from what is stated and how it ends.

    Args:
        classes: what ``classes`` means; 0 where nothing says it.
        stated: by the text or its data set; None where neither does.

    Raises:
        SpecError: A308, heads that the data has no targets for, in another order or of another size, or targets without
            heads.
    """
    found = heads_of(trace)
    if not isinstance(stated, Several):
        if not found:
            return stated or CLASSIFICATION, classes
        if stated is not None and stated.output(trace.input, classes) is not None:
            raise fail(
                "A308",
                f"the network has the heads {_listed(found)}, and its data one target, for {stated.name}",
                span,
                'end it with one head, or name data with several targets: `csv("PATH", target="kind", numbers="price")`',
            )
        return stated or Several(), trace.out[0]
    if not found:
        wanted = stated.wanted(trace.input, classes) if stated.heads else "the task is heads"
        remedy = stated.ends if stated.heads else "end it with `heads(kind: linear(3) | price: linear(1))`"
        raise fail("A308", f"the network does not end in `heads`, and {wanted}", span, remedy)
    if stated.heads and list(found) != list(stated.sizes):
        wanted = stated.wanted(trace.input, classes)
        order = ", which is another order" if sorted(found) == sorted(stated.sizes) else ""
        raise fail("A308", f"the network has the heads {_listed(found)}{order}, and {wanted}", span, stated.ends)
    if stated.heads and classes != sum(stated.sizes.values()):
        raise fail(
            "A308",
            f"the text has {classes} `classes`, and {stated.wanted(trace.input, classes)}",
            span,
            "leave `classes` out: the data says them",
        )
    for name, size in stated.sizes.items():
        if found[name] != size:
            values = "a number" if size == 1 else f"{size} classes"
            raise fail(
                "A308",
                f"the head `{name}` gives {found[name]} values, and its target is {values}",
                span,
                f"end it with `{name}: linear(classes)`",
            )
    return stated, trace.out[0]


def _listed(names: dict[str, int]) -> str:
    return ", ".join(f"`{name}`" for name in names)
