"""Modifiers that change what convolutions a block is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl.errors import SpecError, fail
from archdsl.ir.make import o
from archdsl.ir.nodes import Node, Op, Seq, arg, rebuild, with_args
from archdsl.registry import Phase, modifier, params
from archdsl.registry.types import Act, Count
from archdsl.words.modifiers.walk import change_ops, closed, each_body, flat, is_op


def _conv(node: Node) -> bool:
    return isinstance(node, Op) and node.name == "conv"


def _undo_bottleneck(term: Node) -> Node | None:
    """1×1, k×k, 1×1 as two k×k convolutions of the inner width."""
    place = False

    def change(body: Seq) -> Node:
        nonlocal place
        convs = [i for i in flat(body) if isinstance(i, Op) and i.name == "conv"]
        if len(convs) != 3 or arg(convs[0], "k") != 1 or arg(convs[2], "k") != 1:
            return body
        place, middle = True, convs[1]
        swap: dict[int, Node] = {
            id(convs[0]): Seq(()),
            id(convs[1]): middle,
            id(convs[2]): with_args(middle, s=1, groups=1),
        }
        items = list(flat(body))
        first = items.index(convs[0])
        until = items.index(middle)  # the reducing convolution goes with its normalisation and activation
        items[first:until] = [i for i in items[first + 1 : until] if not is_op(i, "norm", "act")]
        return replace(body, items=tuple(swap.get(id(i)) or i for i in items))

    result = each_body(term, change)
    return result if place else None


@modifier(
    "plain[16x2,32x2] +bottleneck +res",
    "resnet[16x2,32x2] +bottleneck",
    phase=Phase.BLOCK,
    undo=_undo_bottleneck,
    paper="He et al. 2015, arXiv:1512.03385",
)
def bottleneck(term: Node, expansion: Count = 4) -> Node | None:
    """Each block's convolutions as 1×1, k×k, 1×1, the last one `expansion` times as wide.

    Between them are the normalisation and the activation of the block; it begins and ends as before. A block with other layers,
    or with convolutions of unlike windows, has no such form.
    """
    place = False

    def change(body: Seq) -> Node:
        nonlocal place
        items = flat(body)
        at = [i for i, item in enumerate(items) if _conv(item)]
        if not at:
            return body
        place = True
        convs = [item for item in items if isinstance(item, Op) and _conv(item)]
        _alike(items, convs)
        between = items[at[0] + 1 : at[1]] if len(at) > 1 else ()
        act = next((i for i in items if is_op(i, "act")), None)
        norm = next((i for i in items if is_op(i, "norm")), None)
        unit = between if len(between) == 2 else [n for n in (norm, act) if n is not None]
        strided = next((c for c in convs if arg(c, "s") != 1), convs[0])
        width, middle = arg(convs[0], "out"), with_args(strided, p=None)
        made = (o.conv(width, 1), *unit, middle, *unit, o.conv(width * expansion, 1))
        return replace(body, items=(*items[: at[0]], *made, *items[at[-1] + 1 :]))

    result = each_body(term, change)
    return result if place else None


def _alike(items: tuple[Node, ...], convs: list[Op]) -> None:
    """Refuse a block of which a bottleneck would lose something.

    Raises:
        SpecError: A210, it has other layers, or convolutions of unlike windows.
    """
    if other := next((i for i in items if not _conv(i) and not is_op(i, "norm", "act")), None):
        name = f"`{other.name}`" if other.name else "other parts"
        raise _refused(f"has {name}", other, "it rewrites convolutions with normalisation and activations")
    for name in ("k", "dilation", "groups"):
        if unlike := next((c for c in convs if arg(c, name) != arg(convs[0], name)), None):
            raise _refused(f"has convolutions of unlike `{name}`", unlike, "give all of a block's convolutions one")
    if len(strided := [c for c in convs if arg(c, "s") != 1]) > 1:
        raise _refused("has several convolutions with a stride", strided[1], "give one of them alone a stride")


def _refused(why: str, node: Node, help: str) -> SpecError:
    return fail("A210", f"`+bottleneck` does not apply to a block that {why}", node.span, help)


def _each_window(term: Node, change: Callable[[Op], Node | None]) -> Node | None:
    """The term with its convolutions wider than 1×1 changed; None where there is none."""
    return change_ops(term, lambda op: change(op) if op.name == "conv" and arg(op, "k") != 1 else None)


def _undo_groups(term: Node) -> Node | None:
    return _each_window(term, lambda c: with_args(c, groups=1) if arg(c, "groups") != 1 else None)


@modifier(
    "conv(32) (conv(32) relu conv(32))*2 +groups(4)",
    phase=Phase.GROUPS,
    undo=_undo_groups,
    paper="Xie et al. 2016, Aggregated residual transformations, arXiv:1611.05431",
)
def groups(term: Node, n: Count = 32) -> Node | None:
    """Convolutions with windows wider than 1×1 in `n` groups."""
    return _each_window(term, lambda c: with_args(c, groups=n))


def _undo_dw(term: Node) -> Node | None:
    """A depthwise convolution and the 1×1 behind it as one convolution."""
    found = False

    def walk(node: Node) -> Node:
        nonlocal found
        if not isinstance(node, Seq) or closed(node):
            return node if closed(node) else rebuild(node, walk)
        items: list[Node] = []
        for item in flat(node):
            last = items[-1] if items else None
            if isinstance(last, Op) and last.name == "dwconv" and isinstance(item, Op) and _pointwise(item):
                found = True
                items[-1] = with_args(item, **{n: arg(last, n) for n in ("k", "s", "p", "dilation")})
            else:
                items.append(walk(item))
        return replace(node, items=tuple(items))

    result = walk(term if isinstance(term, Seq) else Seq((term,)))
    return result if found else None


def _pointwise(op: Op) -> bool:
    return op.name == "conv" and arg(op, "k") == 1


@modifier(
    "conv(16) (conv(32) bn relu)*2 +dw",
    phase=Phase.DEPTHWISE,
    undo=_undo_dw,
    paper="Howard et al. 2017, arXiv:1704.04861",
)
def dw(term: Node) -> Node | None:
    """Convolutions with windows wider than 1×1 as depthwise ones followed by 1×1, which keeps groups and treatment of weights."""
    return _each_window(term, _separable)


def _separable(c: Op) -> Node:
    spatial: dict[str, Any] = {n: arg(c, n) for n in ("k", "s", "p", "dilation")}
    if arg(c, "ws") == "norm":
        spatial["ws"] = "norm"
    return Seq((o.dwconv(**spatial, bias=False), _of_label(with_args(c, k=1, s=1, p=None, dilation=1))), label=c.label)


def _of_label(op: Op) -> Op:
    """A layer without its label, which its place takes."""
    return replace(op, label="", span=None)


def _undo_ws(term: Node) -> Node | None:
    """The term with plain weights; None where none are standardised."""

    def plain(op: Op) -> Node | None:
        return with_args(op, ws="none") if _weights(op) not in ("none", "norm", None) else None

    return change_ops(term, plain)


@modifier(
    "vgg[16x2,32x2] +gn(8) +ws",
    phase=Phase.WEIGHTS,
    undo=_undo_ws,
    keeps_params=True,
    slot="ws",
    paper="Qiao et al. 2019, Micro-batch training, arXiv:1903.10520",
)
def ws(term: Node) -> Node | None:
    """Weight standardisation of every convolution."""
    return standardise(term, "standard")


def standardise(term: Node, kind: str) -> Node | None:
    """Every convolution with standardised weights, and the shortcuts' too where they become convolutions."""
    return change_ops(term, lambda op: with_args(op, ws=kind) if op.name in ("conv", "shortcut") else None)


def _weights(op: Op) -> str | None:
    """What a layer makes of its weights before it uses them; None for one that has no such argument."""
    return arg(op, "ws") if any(p.name == "ws" for p in params(op.entry)) else None


def _undo_wn(term: Node) -> Node | None:
    """The term with plain weights; None where none are normalised."""
    return change_ops(term, lambda op: with_args(op, ws="none") if _weights(op) == "norm" else None)


@modifier(
    "vgg[16x2,32x2] +wn",
    "(conv1(8, causal) relu conv1(8, causal) relu) +wn",
    phase=Phase.WEIGHTS,
    undo=_undo_wn,
    slot="ws",
    paper="Salimans & Kingma 2016, Weight normalization, arXiv:1602.07868",
)
def wn(term: Node) -> Node | None:
    """Weight normalisation of every convolution and linear layer: gain · weight / |weight| for each output channel.

    The learnt gain begins as the length of the weight, so that the network begins as it would without.
    """
    return change_ops(term, lambda op: with_args(op, ws="norm") if _weights(op) is not None else None)


def _undo_dirac(term: Node) -> Node | None:
    """The term with torch's own initial weights; None where no convolution begins as the identity."""
    return change_ops(
        term, lambda op: with_args(op, init="default") if op.name == "conv" and arg(op, "init") == "dirac" else None
    )


@modifier(
    "vgg[16x2,32x2] +bn +dirac",
    phase=Phase.WEIGHTS_START,
    undo=_undo_dirac,
    keeps_params=True,
    paper="Zagoruyko & Komodakis 2017, DiracNets, arXiv:1706.00388; Jordan 2024, arXiv:2404.00498",
)
def dirac(term: Node) -> Node | None:
    """Every convolution begins as the identity of the channels that arrive; filters beyond them begin at random."""
    return change_ops(term, lambda op: with_args(op, init="dirac") if op.name == "conv" else None)


def _undo_act(term: Node) -> Node | None:
    """The term without activations: a linear net, for the ablation that shows what they are for."""
    return change_ops(term, lambda op: Seq(()) if is_op(op, "act") else None)


@modifier(
    "vgg[16x2,32x2] +act(gelu)", phase=Phase.ACTIVATION, undo=_undo_act, keeps_params=True, name="act", local=True
)
def plus_act(term: Node, name: Act) -> Node | None:
    """Another activation in the place of each one (gates keep theirs)."""
    return change_ops(term, lambda op: replace(getattr(o, name)(), label=op.label) if is_op(op, "act") else None)


def _each_bias(term: Node, value: bool) -> Node | None:
    def change(op: Op) -> Node | None:
        layer = is_op(op, "weighted") or op.entry.kind == "late"  # a shortcut may become one
        has = layer and any(p.name == "bias" for p in params(op.entry))
        return with_args(op, bias=value) if has else None

    return change_ops(term, change)


@modifier(
    "vgg[16x2,32x2] +bn +bias",
    "(conv(16) relu conv(16)) -bias",
    phase=Phase.BIAS,
    undo=lambda term: _each_bias(term, False),
    name="bias",
)
def plus_bias(term: Node) -> Node | None:
    """A bias in every layer of the term that can have one, whatever follows; `-bias` takes all away."""
    return _each_bias(term, True)
