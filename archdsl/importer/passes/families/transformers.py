"""ConvNeXt and the vision transformer."""

from __future__ import annotations

from archdsl.importer.passes.families.stagelist import Block, Family, body, names
from archdsl.importer.tree import Items, Word


def _convnext(items: Items, at: int) -> Block | None:
    down = names(items[at : at + 2]) == "ln conv"
    here = at + 2 * down
    f = body(items[here]) if here < len(items) else ()
    if names(f) != "dwconv ln linear gelu linear scale":
        return None
    deep, _, wide, _, out, scale = (w for w in f if isinstance(w, Word))
    width = out.get("out")
    if down and items[at + 1].args != (("out", width), ("k", 2), ("s", 2)):  # type: ignore[union-attr]
        return None
    if {n for n, _ in deep.args} - {"k"} or not (wide.get("each") and out.get("each")) or wide.get("out") % width:
        return None
    settings = {"k": deep.get("k", 3), "mlp": wide.get("out") // width, "scale": scale.get("init", 1e-6)}
    return Block(width, 2 if down else 1, settings, 1 + 2 * down)


def _vit(items: Items, at: int) -> Block | None:
    if at + 1 >= len(items) or names(body(items[at])) != "ln attention":
        return None
    f = body(items[at + 1])
    if names(f) != "ln linear gelu linear":
        return None
    heads = body(items[at])[1].get("heads", 8)  # type: ignore[union-attr]
    wide, width = f[1].get("out"), f[3].get("out")  # type: ignore[union-attr]
    if wide % width:
        return None
    usual = max(1, width // 64)
    return Block(width, 1, {"heads": None if heads == usual else heads, "mlp": wide // width}, 2)


TRANSFORMERS = (Family("convnext", _convnext, strides=True), Family("vit", _vit))
