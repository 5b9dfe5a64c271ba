"""Answers of probes, kept per machine, torch and net, so that the same command takes the same way twice."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from archdsl.accelerate.native.kernels import processor_lines
from archdsl.data.roots import cache_base
from archdsl.notices import notice
from archdsl.runs.run import NUMERICS
from archdsl.trust import distrust, make_private

FORMS = 3  # raised when a probe tries other forms: earlier answers knew fewer


def signature(model: nn.Module, shape: tuple[int, ...], threads: int, forms: Sequence[Mapping[str, Any]] = ()) -> str:
    """A name for the net's layers with their settings, such as strides, and what is between them, the batch, the machine, torch,
    our numerics, and the forms that are tried: one that a machine lacks for a while is tried when it is there.
    """
    layers = [
        (
            type(m).__name__,
            m.extra_repr(),
            _plain(m),
            [tuple(p.shape) for p in m.parameters(recurse=False)],
            _between(m),
        )
        for m in model.modules()
    ]
    # Containers on several machines may have one name and one home.
    machine = (platform.node(), platform.machine(), processor_lines(), os.cpu_count(), threads)
    return hashlib.sha256(
        repr((layers, shape, machine, torch.__version__, NUMERICS, FORMS, forms)).encode()
    ).hexdigest()[:16]


def _plain(module: nn.Module) -> list[tuple[str, Any]]:
    """The settings of a layer that are plain values."""
    kinds = (int, float, str, tuple)  # whole tuples of plain values, such as a stride
    own = (
        (k, v) for k, v in vars(module).items() if not k.startswith("_") and k != "training" and isinstance(v, kinds)
    )
    return sorted((k, repr(v)) for k, v in own)


def _between(module: nn.Module) -> list[str]:
    """What a graph does, such as a sum or one layer again; layers by the order in which they are met, not by their names."""
    nodes = module.graph.nodes if isinstance(module, fx.GraphModule) else ()
    met: dict[str, int] = {}
    return [
        str(met.setdefault(str(node.target), len(met)))
        if node.op == "call_module"
        else getattr(node.target, "__name__", str(node.target))
        for node in nodes
        if node.op.startswith("call_")
    ]


def recall(name: str) -> dict[str, Any] | None:
    """What was remembered under this name; None where nothing readable is."""
    if why := distrust(_file(name)):
        notice(f"earlier measurements are not used: {why}")
        return None
    try:
        found = json.loads(_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remember(name: str, answer: dict[str, Any]) -> None:
    """Write the answer; a machine without room for it probes again."""
    file = _file(name)
    if distrust(file):
        return
    with suppress(OSError):
        make_private(file.parent)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(answer), encoding="utf-8")
        os.replace(part, file)


def _file(name: str) -> Path:
    return cache_base() / "plans" / f"{name}.json"
