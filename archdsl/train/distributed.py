"""The processes that train one net together, as torchrun starts them. One process alone has rank 0 of 1.

Each process takes its own rows of every batch. The loss is scaled so that the averaged gradient is that of
the whole batch, whatever the sizes of the parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from archdsl.errors import EnvError

PATIENCE = timedelta(minutes=10)  # a process that is silent for so long is taken for dead

# The last reference to a process group must not be dropped by Python code: gloo then waits, with the interpreter's lock
# in hand, for threads of its own that may want it. The system frees them with the process.
_KEPT: list[nn.Module] = []


@dataclass(frozen=True, slots=True)
class Distributed:
    """``rank`` of ``size`` processes; ``local`` is the rank on this machine."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes and talks."""
        return self.rank == 0

    def part(self, count: int) -> tuple[int, int]:
        """The rows [start, stop) of a batch of ``count`` that this process takes; sizes differ by one at most."""
        return self.rank * count // self.size, (self.rank + 1) * count // self.size

    def total(self, *sums: Tensor) -> None:
        """Add each tensor up over all processes, in place."""
        if self.size > 1:
            for value in sums:
                dist.all_reduce(value)

    def least(self, value: Tensor) -> None:
        """The least value of all processes, in place."""
        if self.size > 1:
            dist.all_reduce(value, dist.ReduceOp.MIN)

    def votes(self, device: torch.device, *flags: bool) -> tuple[bool, ...]:
        """For each flag whether any process says yes: what is a call to the others must be made by all at the same step."""
        if self.size == 1:
            return flags
        votes = torch.tensor([int(flag) for flag in flags], device=device if device.type == "cuda" else "cpu")
        dist.all_reduce(votes)
        return tuple(vote > 0 for vote in votes.tolist())

    def broadcast(self, value: Any) -> Any:
        """What the leading process has, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    @torch.no_grad()
    def level(self, net: nn.Module) -> None:
        """Give every process the buffers of the leading one, such as batch norm's statistics."""
        for buffer in net.buffers() if self.size > 1 else ():
            value = buffer.contiguous()  # which it is not in another memory layout
            dist.broadcast(value, 0)
            buffer.copy_(value)

    def wrap(self, net: nn.Module, device: torch.device, thaws: bool = False) -> nn.Module:
        """The net with gradients averaged over the processes; where parts of it ``thaws`` on the way, each pass looks
        which parameters have one.
        """
        if self.size == 1 or not any(p.requires_grad for p in net.parameters()):
            return net
        ids = [device.index or 0] if device.type == "cuda" else None
        wrapped = nn.parallel.DistributedDataParallel(net, device_ids=ids, find_unused_parameters=thaws)
        _KEPT.append(wrapped)
        return wrapped


def unwrapped(net: nn.Module) -> nn.Module:
    """The net without the wrapper: each pass of that one is a call to the other processes."""
    return net.module if isinstance(net, nn.parallel.DistributedDataParallel) else net


def started_by_torchrun() -> bool:
    """Whether torchrun (or a launcher that sets the same variables) started this process."""
    return all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))


@contextmanager
def joined(device: str) -> Iterator[Distributed]:
    """The place of this process among the others: joined at entry, left at exit.

    Raises:
        EnvError: the others cannot be reached.
    """
    if not started_by_torchrun():
        yield Distributed()
        return
    cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    try:
        dist.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise EnvError(
            f"the other processes of this training cannot be reached ({error})",
            help="start all of them by one torchrun, with the same --rdzv-endpoint",
        ) from error
    try:
        yield Distributed(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()


def lost(error: RuntimeError) -> bool:
    """Whether an error of torch says that another process is gone."""
    return isinstance(error, dist.DistError) or any(
        sign in str(error) for sign in ("Connection closed by peer", "Connection reset", "gloo", "NCCL", "Broken pipe")
    )
