"""Residual connections, before and after activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archdsl.errors import fail
from archdsl.ir.make import o, seq
from archdsl.ir.nodes import Fan, Node, Op, Seq, children, rebuild, with_items
from archdsl.registry import Phase, modifier
from archdsl.registry.types import Net
from archdsl.words.modifiers.walk import closed, each_block, each_body, flat, in_body, is_op, is_open, within


def has_skip(node: Node) -> bool:
    """Whether a residual connection stands anywhere inside."""
    return (isinstance(node, Fan) and node.role == "res") or any(has_skip(c) for c in children(node) if not closed(c))


def _undo_res(term: Node) -> Node | None:
    """The term with its residual branches alone."""
    found = False

    def strip(node: Node) -> Node:
        nonlocal found
        if isinstance(node, Fan) and node.role == "res":
            found = True
            branch = strip(node.branches[0])
            return Seq((branch,), label=node.label) if node.label else branch
        return node if closed(node) else rebuild(node, strip)

    result = strip(term)
    return result if found else None


@modifier(
    "vgg[64x2,128x2] +res",
    "(conv(16) relu conv(16) relu)*3 +res",
    phase=Phase.SKIP,
    undo=_undo_res,
    paper="He et al. 2015, Deep residual learning, arXiv:1512.03385",
    local=True,
)
def res(term: Node, skip: Net | None = None) -> Node | None:
    """A skip round each block's convolutions, before its pooling, with the last activation behind the sum.

    Where shapes differ the skip is a 1×1 convolution with the stride, of vectors and tokens a linear layer; `skip` chooses
    another way.
    """
    place = False

    def wrap(body: Seq) -> Node:
        nonlocal place
        items = flat(body)
        if not any(_is_layer(i) or not closed(i) for i in items if _weighs(i)):
            return body
        place = True
        kept, tail = _split(items)
        inner = Seq(kept, role="body", pre=body.pre)
        return Seq((Fan(o.add(), (inner, skip or o.shortcut()), role="res", name="res"), *tail))

    def block(node: Node) -> Node:
        nonlocal place
        if has_skip(node):
            place = True
            return node
        return in_body(node, wrap)

    result = each_block(term, block)
    return result if place else None


def _split(items: tuple[Node, ...]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Layers without the activations at their end, and those: also out of a let that ends in one."""
    end = len(items)
    while end > 0 and is_op(items[end - 1], "act"):
        end -= 1
    kept, tail = items[:end], items[end:]
    if kept and is_open(last := kept[-1]):
        inner, more = _split(flat(Seq(last.items)))
        if more:
            return (*kept[:-1], with_items(last, inner)), (*more, *tail)
    return kept, tail


def _is_layer(node: Node) -> bool:
    """Whether a node is one layer with weights, or what modifiers take for one."""
    return is_op(node, "weighted") or (isinstance(node, Seq) and node.role == "layer")


def _is_part(node: Node) -> bool:
    """Whether what `+pre` moves, or moves past, is inside a node."""
    return is_op(node, "weighted", "norm", "act") or any(_is_part(c) for c in children(node) if not closed(c))


def _weighs(node: Node) -> bool:
    return is_op(node, "weighted") or any(_weighs(c) for c in children(node))


def _undo_pre(term: Node) -> Node | None:
    """Normalisation and activation behind each convolution again, the last activation behind the sum."""
    found = False

    def back(body: Seq) -> tuple[Seq, tuple[Node, ...]]:
        nonlocal found
        found = True
        items, waiting, out = flat(body), [], []
        for node in items:
            if is_op(node, "norm", "act"):
                waiting.append(node)
            else:
                out += [node, *waiting] if _is_layer(node) else [node]
                waiting = [] if _is_layer(node) else waiting
        end = len(out)
        while end and is_op(out[end - 1], "act"):
            end -= 1
        return replace(body, items=tuple(out[:end]), pre=False), tuple(out[end:])

    def walk(node: Node) -> Node:
        if closed(node) or not isinstance(node, Seq):
            return node
        items: list[Node] = []
        for item in node.items:
            if isinstance(item, Fan) and item.role == "res" and (turned := _pre_body(item.branches[0])) is not None:
                body, tail = back(turned)
                items += [replace(item, branches=(_put(item.branches[0], turned, body), *item.branches[1:])), *tail]
            elif isinstance(item, Seq) and item.role == "body" and item.pre:
                body, tail = back(item)
                items += [replace(body, items=(*body.items, *tail))]
            elif isinstance(item, Seq) and item.pre:
                continue  # what `+pre` put behind the last block
            else:
                items.append(walk(item))
        return replace(node, items=tuple(items))

    result = walk(term)
    return result if found else None


def _pre_body(node: Node) -> Seq | None:
    """What `+pre` has turned of a branch, which a let or a label may name."""
    while isinstance(node, Seq) and is_open(node) and len(node.items) == 1:
        node = node.items[0]
    return node if isinstance(node, Seq) and node.pre else None


def _put(node: Node, old: Seq, new: Node) -> Node:
    """A branch with another body in the place of ``_pre_body``."""
    return new if node is old else with_items(node, (_put(node.items[0], old, new),)) if isinstance(node, Seq) else node


@modifier(
    "vgg[16x2,32x2] +pre",
    "plain[16x2,32x2] +res +pre",
    phase=Phase.PREACTIVATION,
    undo=_undo_pre,
    paper="He et al. 2016, Identity mappings in deep residual networks, arXiv:1603.05027",
)
def pre(term: Node) -> Node | None:
    """Normalisation and activation before each convolution of a block, and once behind the last block."""
    ends: list[tuple[Node, ...]] = []

    def turn(body: Seq, tail: tuple[Node, ...]) -> Seq:
        items = flat(body)
        if body.pre:
            return body
        if len(items) > 1 and (named := next((n for n in items if is_open(n) and _is_part(n)), None)):
            what = named.label or named.name or "a group"
            raise fail(
                "A210",
                f"`+pre` does not apply to a block in which `{what}` is beside other layers",
                named.span,
                "write its layers out",
            )
        first = next((i for i, n in enumerate(items) if _is_layer(n)), None)
        if first is None:
            return body
        units: list[list[Node]] = []
        for node in (*items[first:], *tail):
            if _is_layer(node):
                units.append([])
            units[-1].append(node)
        ends.append(tuple(n for n in units[-1][1:] if is_op(n, "norm", "act")))
        turned = [n for unit in units for n in _turned(unit)]
        return replace(body, items=(*items[:first], *turned), role="body", pre=True)

    def inside(block: Node) -> Node:
        fans = _residuals(block)
        if not fans:
            return each_body(block, lambda body: turn(body, ()))
        return _turn_residual(block if isinstance(block, Seq) else Seq((block,)), turn)

    result = each_block(term, inside)
    return seq(result, Seq(ends[-1], pre=True)) if ends else None


def _turned(unit: list[Node]) -> tuple[Node, ...]:
    """A layer and what follows it, with the normalisation and the activation before it; dropout and gates stay behind it.

    Raises:
        SpecError: A210, another layer is between the two, which would act on another value then.
    """
    layer, *rest = unit
    places = [at for at, n in enumerate(rest) if is_op(n, "norm", "act")]
    moved = [rest[at] for at in places]
    for node in rest[: places[-1]] if places else ():  # by place: layers that are written alike are equal
        if not (closed(node) or is_op(node, "norm", "act", "drop")):
            what = f"`{node.name}`" if isinstance(node, Op | Fan | Seq) and node.name else "other parts"
            raise fail(
                "A210",
                f"`+pre` does not apply to a block that has {what} between a layer and its activation",
                node.span,
                "write the block out in the order that is meant, or take that layer out of it",
            )
    return (*moved, layer, *[n for n in rest if not is_op(n, "norm", "act")])


def _residuals(node: Node) -> list[Fan]:
    if isinstance(node, Fan) and node.role == "res":
        return [node]
    return [f for c in children(node) for f in _residuals(c)]


def _noting(
    turn: Callable[[Seq, tuple[Node, ...]], Seq], tail: tuple[Node, ...], done: list[bool]
) -> Callable[[Seq], Node]:
    """``turn`` with what is behind the sum; ``done`` gets whether it changed anything."""

    def change(body: Seq) -> Node:
        new = turn(body, tail)
        done.append(new is not body)
        return new

    return change


def _turn_residual(node: Node, turn: Callable[[Seq, tuple[Node, ...]], Seq]) -> Node:
    """The residual sums inside, each with the activation behind it moved into its branch."""
    if not isinstance(node, Seq):
        return node
    items, at = flat(node), 0
    out: list[Node] = []
    while at < len(items):
        item, at = items[at], at + 1
        if isinstance(item, Fan) and item.role == "res" and isinstance(item.branches[0], Seq):
            tail: list[Node] = []
            while at < len(items) and is_op(items[at], "act"):
                tail.append(items[at])
                at += 1
            done: list[bool] = []
            turned = within(item.branches[0], _noting(turn, tuple(tail), done))
            out += [replace(item, branches=(turned, *item.branches[1:]))] if any(done) else [item, *tail]
        else:
            out.append(_turn_residual(item, turn))
    return replace(node, items=tuple(out))
