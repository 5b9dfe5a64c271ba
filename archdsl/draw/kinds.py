"""Kinds of ops as a drawing tells them apart, and an op in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.registry import find, params

if TYPE_CHECKING:
    from archdsl.ir.nodes import Op

# In the order of the legend, with what it says. A word's traits decide, the first that fits.
KINDS = {
    "conv": "convolution",
    "linear": "linear",
    "attention": "attention",
    "norm": "normalisation",
    "act": "activation",
    "pool": "pooling",
    "join": "branches meet",
    "gate": "gate",
    "drop": "regularisation",
    "pad": "padding",
    "shape": "reshaping and other",
    "block": "module",
    "input": "input",
}
_TRAITS = {
    "pad": "pad",
    "scale": "norm",
    "attention": "attention",
    "linear": "linear",
    "conv": "conv",
    "weighted": "conv",
    "norm": "norm",
    "act": "act",
    "softmax": "act",
    "pool": "pool",
    "drop": "drop",
    "noise": "drop",
}
POINTWISE = frozenset({"norm", "act", "drop", "gate", "pad"})  # what is in the box of the layer before it
_QUIET = frozenset({"bias", "momentum", "eps", "p", "affine", "each", "zero"})  # arguments that no drawing needs
MOST = 38  # characters


def kind(op: Op) -> str:
    """The kind of an op: a key of ``KINDS``."""
    if op.entry.kind == "join":
        return "join"
    entry = find("net", op.entry.alias) or op.entry
    return next((k for trait, k in _TRAITS.items() if trait in entry.traits), "shape")


def brief(op: Op, vague: bool = False) -> str:
    """An op as papers write it: ``conv 7×7, 64, /2``. Padding and bias show in shapes and parameters; ``vague`` leaves
    out a rate, which differs between the copies of a repetition."""
    if vague and "drop" in op.entry.traits:
        return op.name
    head, tail = op.name, []
    known = {p.name: v for p, v in zip(params(op.entry), op.args, strict=True)}
    for parameter in params(op.entry):
        name, value = parameter.name, known[parameter.name]
        rate = name == "p" and "drop" in op.entry.traits
        if (name in _QUIET and not rate) or parameter.base == "node":
            continue
        if name == "k" and (parameter.base == "size" or isinstance(value, int)):
            head = f"{op.name} {value if 'along' in op.entry.traits else _window(value)}"
        elif name == "s" and parameter.base == "size":
            step = known.get("k") if value is None else value
            tail += [f"{'s=' if op.name == 'upconv' else '/'}{_text(step)}"] if step not in (1, (1, 1)) else []
        elif parameter.required:
            tail.append(_text(value))
        elif (type(value), value) != (type(parameter.default), parameter.default):
            tail.append(f"{name}={_text(value)}" if value is not True else name)
    text = head + ("," if head != op.name and tail else "") + (" " if tail else "") + ", ".join(tail)
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def _window(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else f"{value}×{value}"


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.3g}"
        case None:
            return "none"
        case tuple():
            return "×".join(map(str, value))
        case _:
            return str(value)
