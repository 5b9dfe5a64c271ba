"""ResNets: basic blocks, bottlenecks, bottlenecks in groups."""

from __future__ import annotations

from archdsl.importer.passes.families.stagelist import Block, Family, body, names
from archdsl.importer.passes.norms import is_activation
from archdsl.importer.tree import Items, Word

PLAIN = {"out", "k", "s"}
UNIFORM = ("base", "groups")


def _basic(items: Items, at: int) -> Block | None:
    f = body(items[at])
    if names(f) != "conv relu conv" or names(items[at + 1 : at + 2]) != "relu":
        return None
    a, b = (w for w in f if isinstance(w, Word) and w.name == "conv")
    k = a.get("k", 3)
    if {n for n, _ in a.args} - PLAIN or {n for n, _ in b.args} - {"out", "k"} or b.get("k", 3) != k:
        return None
    return Block(a.get("out"), a.get("s", 1), {"k": k}, 2) if a.get("out") == b.get("out") else None


def _narrow(items: Items, at: int) -> Block | None:
    f = body(items[at])
    if names(f) != "conv relu conv relu conv" or names(items[at + 1 : at + 2]) != "relu":
        return None
    a, b, c = (w for w in f if isinstance(w, Word) and w.name == "conv")
    inner, out, groups = a.get("out"), c.get("out"), b.get("groups", 1)
    if a.args != (("out", inner), ("k", 1)) or c.args != (("out", out), ("k", 1)) or b.get("out") != inner:
        return None
    width = out // 4
    base = inner * 64 // (groups * width) if width else 0
    if {n for n, _ in b.args} - {*PLAIN, "groups"} or out % 4 or not base or int(width * base / 64) * groups != inner:
        return None
    return Block(width, b.get("s", 1), {"k": b.get("k", 3), "base": base, "groups": groups}, 2)


def _grouped(items: Items, at: int) -> Block | None:
    block = _narrow(items, at)
    return block if block and block.settings["groups"] > 1 else None


def _whole(items: Items, at: int) -> Block | None:
    block = _narrow(items, at)
    return block if block and block.settings["groups"] == 1 else None


def _depthwise(items: Items, at: int) -> Block | None:
    """MobileNet v1."""
    part = items[at : at + 4]
    if len(part) != 4 or not names(part):
        return None
    deep, act, wide, last = (w for w in part if isinstance(w, Word))
    if (deep.name, wide.name) != ("dwconv", "conv") or act != last or not is_activation(act):
        return None
    if {n for n, _ in deep.args} - {"k", "s"} or wide.args != (("out", wide.get("out")), ("k", 1)):
        return None
    return Block(wide.get("out"), deep.get("s", 1), {"k": deep.get("k", 3), "act": act.name}, 4)


RESIDUAL = (
    Family("resnet", _basic, strides=True, all=True),
    Family("bottleneck", _whole, True, split=UNIFORM, all=True),
    Family("resnext", _grouped, True, split=UNIFORM, all=True),
    Family("mobilenet", _depthwise, strides=True),
)
