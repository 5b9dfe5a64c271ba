"""Steps that are one word together: attention with its linear layers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from archdsl.importer.steps import Inexpressible, Step, Steps
from archdsl.registry import params


def fused(steps: Steps, made: list[Step], output: int) -> tuple[list[Step], int]:
    """``linear(3*d)``, `attend` of its thirds and a linear layer as `attention`, where nothing else reads what is between."""
    uses = Counter(i for step in made for i in step.inputs) + Counter([output])
    at: dict[int, int] = {-1: -1}
    steps.made = []
    for old, step in enumerate(made):
        found = _attention(made, uses, step)
        new = -1
        if found is not None:
            args, sources, before = found
            steps.path = made[step.inputs[0]].path
            try:
                new = steps.put("attention", at[before], sources=sources, **args)
            except Inexpressible:
                new = -1
        if new < 0:
            steps.made.append(replace(step, inputs=tuple(at[i] for i in step.inputs)))
            new = len(steps.made) - 1
        at[old] = new
    return steps.made, at[output]


def arguments(step: Step) -> dict[str, Any]:
    """The arguments of a step by their names."""
    return {p.name: a for p, a in zip(params(step.op.entry), step.op.args, strict=True)}


def _attention(made: list[Step], uses: Counter[int], last: Step) -> tuple[dict[str, Any], dict[str, str], int] | None:
    if last.op.name != "linear" or last.inputs[0] < 0:
        return None
    middle = made[last.inputs[0]]
    if middle.op.name != "attend" or uses[last.inputs[0]] != 1:
        return None
    parts = [made[i] if i >= 0 else None for i in middle.inputs]
    if any(
        p is None or (p.op.name != "slice" and p.op.name != "part") or uses[i] != 1
        for p, i in zip(parts, middle.inputs, strict=True)
    ):
        return None
    sources = [p.inputs[0] for p in parts if p is not None]
    thirds = [arguments(p) for p in parts if p is not None]
    if len(set(sources)) != 1 or sources[0] < 0 or uses[sources[0]] != 3:
        return None
    first = made[sources[0]]
    if first.op.name != "linear" or [(t.get("i"), t.get("n")) for t in thirds] != [(1, 3), (2, 3), (3, 3)]:
        return None
    one, two, given = arguments(first), arguments(last), arguments(middle)
    if given["cosine"] != "none" or given["channels"] or given["relpos"] not in ("none", "signed"):
        return None
    if given["by"] != "softmax" or given["centred"] or given["prefix"] or given["kv"]:
        return None
    if one["bias"] != two["bias"] or (given["talk"] and not two["bias"]):
        return None
    cin = first.layer.weights["weight"][1]
    width = one["out"] // 3
    args: dict[str, Any] = {k: given[k] for k in ("heads", "drop", "scale", "window", "shift", "grid")}
    args |= {
        "rotary": given["rotary"],
        "talk": given["talk"],
        "bias": two["bias"],
        "relpos": given["relpos"] == "signed",
    }
    args |= {
        "head_dim": None if width == cin else width // given["heads"],
        "out": None if two["out"] == cin else two["out"],
    }
    tokens = len(first.layer.out) == 2
    plain = tokens and not (
        args["relpos"] or args["talk"] or args["scale"] or args["head_dim"] or args["out"] or args["rotary"]
    )
    names = ("in_proj_", "out_proj.") if plain else ("qkv.", "proj.") if tokens else ("f.qkv.", "f.proj.")
    held = {names[0] + k: v for k, v in first.sources.items()} | {names[1] + k: v for k, v in last.sources.items()}
    held |= {("" if tokens else "f.") + k.removeprefix("f."): v for k, v in middle.sources.items()}
    return args, held, first.inputs[0]
