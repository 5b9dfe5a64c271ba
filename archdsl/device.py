"""The device that a run takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import ArchError, EnvError

if TYPE_CHECKING:
    import torch


def check_device(name: str) -> str:
    """A device as it can be written, without a look at the machine, and so without torch.

    Raises:
        ArchError: it is written in another way.
    """
    kind, colon, number = name.partition(":")
    numbered = kind == "cuda" and number.isascii() and number.isdecimal()
    if kind not in ("auto", "cpu", "cuda", "mps") or (colon and not numbered):
        raise ArchError(f"unknown device {name!r}", help="one of auto, cpu, cuda, cuda:NUMBER, mps")
    return name


def choose_device(name: str = "auto", local: int | None = None) -> tuple[torch.device, str]:
    """The device for ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, and a note on what was taken. Of several
    processes on this machine each takes the GPU of its number, ``local``.

    Raises:
        EnvError: this machine has no such device.
        ArchError: that is not a device.
    """
    kind, _, number = check_device(name).partition(":")
    import torch

    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    if kind == "cuda":
        number = number or str(local or 0)
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number) >= count:
            raise EnvError(
                f"--device {name}: torch sees {count} CUDA devices here",
                help="take --device auto or cpu, or install a CUDA build of torch",
            )
        device = torch.device("cuda", int(number))
        return device, f"device: {device}, {torch.cuda.get_device_name(device)}"
    if kind == "mps" and not _has_mps():
        raise EnvError(f"--device {name}: this machine has no Metal device", help="take --device auto or cpu")
    why = ", as there is no GPU" if name == "auto" and kind == "cpu" else ""
    threads = f", {torch.get_num_threads()} threads" if kind == "cpu" else ""
    return torch.device(kind), f"device: {kind}{threads}{why}"


def wide(device: torch.device) -> torch.dtype:
    """The type of sums. Metal has no float64; float32 sums of some thousand losses are good to about six digits."""
    import torch

    return torch.float32 if device.type == "mps" else torch.float64


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()
