"""Inverted residuals: MobileNet v2 and v3, EfficientNet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archdsl.importer.passes.families.stagelist import Block, Family, bare
from archdsl.importer.passes.norms import is_activation, traits
from archdsl.importer.tree import Items, Word, first_cin
from archdsl.ir.symbol import make_divisible


@dataclass(frozen=True, slots=True)
class Inverted:
    """A block as it is: channels that arrive, hidden ones (0: no 1×1 before), those that leave; the gate or None."""

    cin: int
    hidden: int
    out: int
    k: int
    s: int
    act: str
    gate: Word | None
    items: int

    @property
    def wide(self) -> int:
        return self.hidden or self.cin


def inverted(items: Items, at: int) -> Inverted | None:
    """The inverted residual that is there, with a skip exactly where the shape stays."""
    item = items[at]
    if isinstance(item, Word) and item.name == "res":
        f = bare(item.get("f")) if [n for n, _ in item.args] == ["f"] else ()
        found = _parts(f) if f else None
        if found is None or found.items != len(f):
            return None
        return replace(found, items=1) if _stays(found) else None
    found = _parts(items[at : at + 7])
    if found is None or _stays(found):
        return None
    then = items[at + found.items : at + found.items + 1]
    return None if then and "act" in traits(then[0]) else found


def _stays(block: Inverted) -> bool:
    return block.s == 1 and block.cin == block.out


def _parts(items: Items) -> Inverted | None:
    words = [w for w in items if isinstance(w, Word)]
    at, hidden, act = 0, 0, ""
    if len(words) < 3:
        return None
    if words[0].name == "conv" and _pointwise(words[0]) and is_activation(words[1]):
        hidden, act, at = words[0].get("out"), words[1].name, 2
    if len(words) < at + 3 or words[at].name != "dwconv" or {n for n, _ in words[at].args} - {"k", "s"}:
        return None
    deep, second = words[at], words[at + 1]
    if not is_activation(second) or (act and second.name != act):
        return None
    at += 2
    gate = words[at] if words[at].name == "se" else None
    at += gate is not None
    if (
        len(words) <= at
        or words[at].name != "conv"
        or not _pointwise(words[at])
        or list(items[: at + 1]) != words[: at + 1]
    ):
        return None
    cin = first_cin(items)
    return Inverted(cin, hidden, words[at].get("out"), deep.get("k", 3), deep.get("s", 1), second.name, gate, at + 1)


def _pointwise(word: Word) -> bool:
    return word.args == (("out", word.get("out")), ("k", 1))


def _squeeze(block: Inverted) -> int:
    assert block.gate is not None
    return int(block.gate.get("squeeze") or max(1, block.wide // 16))


def _v2(items: Items, at: int) -> Block | None:
    b = inverted(items, at)
    if b is None or b.gate is not None or b.wide % b.cin:
        return None
    return Block(b.out, b.s, {"t": b.wide // b.cin, "k": b.k, "act": b.act}, b.items)


def _efficient(items: Items, at: int) -> Block | None:
    b = inverted(items, at)
    if b is None or b.gate is None or b.wide % b.cin or b.gate.get("gate", "sigmoid") != "sigmoid":
        return None
    share = b.cin // _squeeze(b)
    if b.gate.get("act", "relu") != b.act or not share or max(1, b.cin // share) != _squeeze(b):
        return None
    return Block(b.out, b.s, {"t": b.wide // b.cin, "k": b.k, "act": b.act, "se": share}, b.items)


def _v3(items: Items, at: int) -> Block | None:
    b = inverted(items, at)
    if b is None or (
        b.gate is not None
        and (b.gate.get("gate") != "hardsigmoid" or b.gate.get("act") or _squeeze(b) != make_divisible(b.wide // 4))
    ):
        return None
    own = {"exp": b.hidden} if b.hidden else {}
    return Block(b.out, b.s, {**own, "k": b.k, "se": b.gate is not None, "act": b.act}, b.items)


INVERTED = (
    Family("efficientnet", _efficient),
    Family("mobilenetv2", _v2, leaves=inverted),
    Family("mobilenetv3", _v3, split=("act",)),
)
