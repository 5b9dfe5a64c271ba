"""One step of training, in reading order.

Eager, static and fused runs call this function. They differ in the batches and the learning rates that they prepare for
it (``loop``, ``static``, ``fused.loop``).

Shapes: N images of a micro-batch, B of a batch, S seeds that are trained as one net (1 in an ordinary run).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archdsl.data.augment import Target
from archdsl.train.inputs import Batch
from archdsl.train.job import Job
from archdsl.train.optim import Update
from archdsl.train.replica import SeedReplica


@dataclass(frozen=True, eq=False, slots=True)
class MicroBatch:
    """What one forward pass takes: of each seed images (N, C, H, W) and their targets. ``fraction``: its part of the step."""

    images: Sequence[Tensor]
    targets: Sequence[Target]
    fraction: float


def train_step(
    net: nn.Module, update: Update, replicas: Sequence[SeedReplica], batches: Iterable[Sequence[Batch]]
) -> None:
    """One update of the weights. Nothing is read on the host, and nothing waits for the device.

    Args:
        net: gives (N, S·classes) logits for images (N, S·C, H, W).
        update: has the learning rates of this step.
        replicas: the S seeds; the random generators of the layers are seeded for this step.
        batches: of this step; each entry has one batch for each seed.
    """
    job, passed = replicas[0].job, []
    update.zero()
    for of_seeds in batches:
        pairs = list(zip(replicas, of_seeds, strict=True))
        augmented = [r.inputs.augment(b) for r, b in pairs]  # S × (B, C, H, W) float32, from uint8, and labels
        augmented = [(r.inputs.augment_in_model(x, b), y) for (x, y), (r, b) in zip(augmented, pairs, strict=True)]
        for parts in _micro_batches(augmented, of_seeds[0].size):  # S × ((N, C, H, W), (N,))
            mixed = [r.inputs.mix(x, labels, b) for (x, labels), (r, b) in zip(parts, pairs, strict=True)]
            # The gradient is that of the mean over the step, not over the micro-batch.
            fraction = len(parts[0][1]) * job.distributed.size / of_seeds[0].total
            micro = MicroBatch([x for x, _ in mixed], [target for _, target in mixed], fraction)
            losses, logits = _forward_backward(net, replicas, micro)  # S × (), S × (N, classes)
            for (replica, batch), (_, labels), value, out in zip(pairs, parts, losses, logits, strict=True):
                replica.state.meter.add_on_device(value.detach(), out.detach(), labels, batch.number)
            if job.closure:
                passed.append(micro)
    update.apply(_closure(net, update, replicas, passed) if job.closure else None)
    for replica in replicas:
        if replica.state.average is not None:
            replica.state.average.update()


def _micro_batches(batches: Sequence[tuple[Tensor, Tensor]], size: int) -> Iterator[tuple[tuple[Tensor, Tensor], ...]]:
    """Of each seed images and labels, in the size of one forward pass."""
    return zip(*(zip(x.split(size), y.split(size), strict=True) for x, y in batches), strict=True)


def _forward_backward(
    net: nn.Module, replicas: Sequence[SeedReplica], micro: MicroBatch
) -> tuple[list[Tensor], Sequence[Tensor]]:
    """Add a micro-batch's gradients to those that are there; gives each seed's loss and logits."""
    with replicas[0].job.context():
        logits = forward(net, micro.images, replicas[0].job)
        losses = [r.loss(out, t) for r, out, t in zip(replicas, logits, micro.targets, strict=True)]
        # The gradient of a sum is, for each seed, that of its own loss.
        value = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
    (value if micro.fraction == 1 else value * micro.fraction).backward()
    return losses, logits


def forward(net: nn.Module, images: Sequence[Tensor], job: Job) -> Sequence[Tensor]:
    """Each seed's logits (N, classes) in fp32, for its own images (N, C, H, W)."""
    x = images[0] if len(images) == 1 else torch.cat(list(images), 1)  # (N, S·C, H, W)
    if job.channels_last and x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    logits: Tensor = net(x).float()  # (N, S·classes)
    return (logits,) if len(images) == 1 else logits.chunk(len(images), 1)


def _closure(
    net: nn.Module, update: Update, replicas: Sequence[SeedReplica], passed: Sequence[MicroBatch]
) -> Callable[[], Tensor]:
    """What an optimiser calls that needs gradients at other weights than the present ones (``closure = True``).

    A call drops the gradients, computes those of the same step at the weights that the parameters then have, and gives
    the loss (0-dim). The pass sees the same augmented and mixed images and the same draws of dropout. It leaves the
    meters and the buffers as they are: batch norm's running statistics are those of the first pass. ``Update.apply`` adds
    the penalties' gradients and clips in both passes, as the gradient is that of the whole loss (Foret et al. 2021).
    """
    model = replicas[0].job.model

    @torch.enable_grad()  # type: ignore[untyped-decorator]
    def closure() -> Tensor:
        before = [(buffer, buffer.clone()) for buffer in model.buffers()]
        update.zero()
        replicas[0].seed_dropout()
        losses = [_forward_backward(net, replicas, micro)[0][0].detach() * micro.fraction for micro in passed]
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
        return torch.stack(losses).sum()

    return closure
