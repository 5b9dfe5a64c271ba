"""What of the machine a run's figures depend on, as its ``versions.json`` says it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from functools import cache
from pathlib import Path

import torch
from torch import nn

from archdsl.accelerate.native.conv import takes
from archdsl.accelerate.native.kernels import FLAGS
from archdsl.accelerate.plan import Plan, has_bf16
from archdsl.runs.conditions import TORCH, UNUSED

DIGITS = 8
FEWEST_LANES = 4  # of a vector that the kernels are compiled for


def processor(device: torch.device) -> str:
    """The processor's make and the instructions that torch uses on it; of a GPU its name. Libraries take other routes, which
    round differently, on other ones.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return platform.machine()
    capability = getattr(torch.backends.cpu, "get_cpu_capability", lambda: "")()
    parts = (_vendor(), platform.machine(), capability, "bf16" if has_bf16() else "")
    return " ".join(filter(None, parts))


@cache
def _vendor() -> str:
    try:
        found = re.search(r"^vendor_id\s*:\s*(\S+)", Path("/proc/cpuinfo").read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() if platform.system() != "Linux" else ""


def kernels(plan: Plan, device: torch.device, model: nn.Module | None = None) -> str:
    """Which kernels the steps run in: torch's, our own with the compiler that made them, or ``unused`` where a model has no
    layer that ours know, so that both are the same.
    """
    half = plan.precision == "bf16"  # the same answer on a processor without tiles, which take more channels
    unused = model is not None and not any(_ours(m) or (half and takes(m, amx=True)) for m in model.modules())
    if device.type != "cpu" or unused:
        return UNUSED
    if not plan.native:
        return TORCH
    return (
        f"native {_compiler()}"
        + (" with AMX" if plan.amx else "")
        + (f", by torch: {'; '.join(plan.by_torch)}" if plan.by_torch else "")
    )


def _ours(module: nn.Module) -> bool:
    """Whether our kernels may know this layer on some processor. Asked alike where they are off, and where they are not
    there, so it does not ask them.
    """
    if isinstance(module, nn.Conv2d):
        channels = (module.in_channels, module.out_channels)
        return module.kernel_size == (3, 3) and module.groups == 1 and all(n % FEWEST_LANES == 0 for n in channels)
    return isinstance(module, nn.BatchNorm2d)


def _compiler() -> str:
    """A few digits for the compiler and its options: other ones order the same sums differently."""
    found = shutil.which(os.environ.get("CC") or "cc")
    size = os.stat(found).st_size if found is not None else 0
    return hashlib.sha256(repr((size, FLAGS)).encode()).hexdigest()[:DIGITS]
