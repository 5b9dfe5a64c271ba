"""Answers of probes, kept per machine, torch and net, so that the same command takes the same way twice."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl.data.roots import cache_base
from archdsl.notices import notice
from archdsl.runs.run import NUMERICS
from archdsl.trust import distrust, make_private

FORMS = 2  # raised when a probe tries other forms: earlier answers knew fewer


def signature(model: nn.Module, shape: tuple[int, ...], threads: int) -> str:
    """A name for the net's shapes and kinds of layers, the batch, the machine, torch and our numerics."""
    layers = [(type(m).__name__, [tuple(p.shape) for p in m.parameters(recurse=False)]) for m in model.modules()]
    machine = (platform.node(), platform.machine(), os.cpu_count(), threads, torch.__version__, NUMERICS, FORMS)
    return hashlib.sha256(repr((layers, shape, machine)).encode()).hexdigest()[:16]


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
