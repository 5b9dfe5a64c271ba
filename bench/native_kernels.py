"""Our kernels for a CPU beside torch's functions, on one thread: the convolutions of three nets but their first ones, the batch
norms of the narrower net with what follows each, forward and backward, and the making of a batch by flip and crop.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import torch
from _timing import Times, comparison, interleave, options, publish
from torch import Tensor, nn
from torch.nn import functional

from archdsl.accelerate.native import available
from archdsl.accelerate.native.batch import Batches
from archdsl.accelerate.native.conv import FastConv
from archdsl.accelerate.native.norm import FusedNorm
from archdsl.accelerate.plan import has_bf16
from archdsl.data.augment import augment
from archdsl.data.augment.draws import Draws
from archdsl.data.normalise import normalise
from archdsl.words.data.augmentations import Crop, Flip

LAST, BATCH = torch.channels_last, 128
LAYERS = ((16, 32, False), (16, 32, True), (32, 16, False), (32, 16, True))  # channels, side, whether a pooling follows
WIDTHS = (16, 24, 64)  # of nets; 24 and 48 channels fill no vectors of 512 bits
CPU = torch.device("cpu")


class Plain(nn.Module):
    """torch's functions, the pooling before the ReLU as our nets have it."""

    def __init__(self, norm: nn.BatchNorm2d, pool: bool) -> None:
        super().__init__()
        self.norm, self.pool = norm, pool

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W)."""
        y = self.norm(x)
        return functional.relu_(functional.max_pool2d(y, 2) if self.pool else y)


def steps(layers: list[nn.Module], images: list[Tensor]) -> None:
    """Forward and backward of each layer by itself, under autocast where images are bf16."""
    for layer, x in zip(layers, images, strict=True):
        with torch.autocast("cpu", torch.bfloat16, enabled=x.dtype is torch.bfloat16):
            y = layer(x)
        y.sum().backward()
        x.grad = None


def convolutions(shapes: Iterable[tuple[int, int, int]], kind: torch.dtype, rounds: int) -> Times:
    """Forward, and the gradients of images and weights, of each."""
    theirs: list[nn.Module] = []
    images = []
    for ins, outs, side in shapes:
        theirs.append(nn.Conv2d(ins, outs, 3, padding=1, bias=False).to(memory_format=LAST))
        images.append(torch.randn(BATCH, ins, side, side).to(kind).to(memory_format=LAST).requires_grad_())
    ours: list[nn.Module] = [FastConv(conv) for conv in theirs if isinstance(conv, nn.Conv2d)]
    return interleave({"torch": lambda: steps(theirs, images), "ours": lambda: steps(ours, images)}, rounds, 2)


def main() -> None:
    """Measure and publish."""
    args = options(__doc__, rounds=31).parse_args()
    if not available("bf16") or not available("bf16", narrow=True):
        sys.stderr.write("the kernels cannot be had here: they need Linux and a C compiler\n")
        raise SystemExit(4)
    torch.set_num_threads(1)
    images = [torch.randn(BATCH, c, s, s).to(memory_format=LAST).requires_grad_() for c, s, _ in LAYERS]
    ours: list[nn.Module] = [FusedNorm(nn.BatchNorm2d(c), True, nn.MaxPool2d(2) if p else None) for c, _, p in LAYERS]
    theirs: list[nn.Module] = [Plain(nn.BatchNorm2d(c), p) for c, _, p in LAYERS]
    norms = interleave({"torch": lambda: steps(theirs, images), "ours": lambda: steps(ours, images)}, args.rounds, 3)
    kinds = {"fp32": torch.float32, **({"bf16": torch.bfloat16} if has_bf16() else {})}  # elsewhere torch imitates it
    convs = {
        f"vgg[{w}x2,{2 * w}x2] in {name}": convolutions(
            ((w, w, 32), (w, 2 * w, 16), (2 * w, 2 * w, 16)), kind, args.rounds
        )
        for w in WIDTHS
        for name, kind in kinds.items()
    }
    words, chances, normal = (Flip(0.5), Crop(4)), Draws(0, CPU), normalise((0.5,) * 3, (0.25,) * 3, CPU)
    raw, batches = torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8), Batches(words, chances, normal)
    made = interleave(
        {
            "torch": lambda: normal(augment(raw, words, chances, 0)).contiguous(memory_format=LAST),
            "ours": lambda: batches(raw, 0),
        },
        args.rounds,
        3,
    )
    tables = [
        *(
            comparison(
                f"convolutions of {what}, all but the first, forward and backward, {BATCH} images", times, "torch"
            )
            for what, times in convs.items()
        ),
        comparison(f"four batch norms, ReLU and pooling, forward and backward, {BATCH} images", norms, "torch"),
        comparison(f"a batch of {BATCH} images of 32×32: flip, crop, normalise, channels_last", made, "torch"),
    ]
    publish(
        "native_kernels",
        tables,
        {"convolutions": convs, "norms": norms, "batch": made},
        ["torch"],
        args.out,
    )


if __name__ == "__main__":
    main()
