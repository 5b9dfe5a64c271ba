"""Our kernels for a CPU beside torch's functions, on one thread: the convolutions of three nets but their first ones, the batch
norms of the narrower net with what follows each, forward and backward, and the making of a batch by flip and crop; for
passes without gradients, linear layers, an MLP with its norm, and a block of MobileNet, beside oneDNN's packed layers, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import torch
from _timing import Times, comparison, interleave, options, publish
from torch import Tensor, nn
from torch.nn import functional

from archdsl.accelerate.memory import keep_pages
from archdsl.accelerate.native import available
from archdsl.accelerate.native.batch import Batches
from archdsl.accelerate.native.conv import FastConv
from archdsl.accelerate.native.dense import AnsweringDense, AnsweringDepthwise, AnsweringPair
from archdsl.accelerate.native.known import in_turn
from archdsl.accelerate.native.norm import FusedNorm
from archdsl.accelerate.packed import packed
from archdsl.accelerate.plan import has_bf16
from archdsl.data.augment import augment
from archdsl.data.augment.draws import Draws
from archdsl.data.normalise import normalise
from archdsl.emit.layers import LayerScale
from archdsl.words.data.augmentations import Crop, Flip

LAST, BATCH = torch.channels_last, 128
LAYERS = ((16, 32, False), (16, 32, True), (32, 16, False), (32, 16, True))  # channels, side, whether a pooling follows
LINEAR = ((1, 512, 512), (16, 3072, 512), (128, 512, 512), (2048, 64, 128), (1024, 512, 512))  # rows, inputs, outputs
WIDTHS = (16, 24, 64)  # of nets; 24 and 48 channels fill no vectors of 512 bits
REPEATED = 20  # calls of a layer without gradients in a round
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


def by_onednn(layer: nn.Module, gate: nn.Module | None = None) -> nn.Module:
    """A layer as the form for inference has it where our kernel does not do it."""
    found = packed(layer, gate)
    if found is None:
        raise SystemExit(f"{layer} has no form by oneDNN")
    return found


@torch.no_grad()
def without_gradients(rounds: int) -> dict[str, Times]:
    """Linear layers with ReLU; the MLP of a ConvNeXt with its norm, scale and skip; a block of MobileNet."""
    found: dict[str, Times] = {}
    for rows, ins, outs in LINEAR:
        layer, gate, x = nn.Linear(ins, outs), nn.ReLU(), torch.randn(rows, ins)
        forms = {
            "torch": [layer, gate],
            "oneDNN, packed": [by_onednn(layer, gate)],
            "ours": [AnsweringDense(layer, gate=gate)],
        }
        found[f"linear layer of {rows:,} rows, {ins:,} to {outs:,}, ReLU"] = interleave(
            {
                name: lambda form=form, x=x: repeated(lambda: in_turn(form, x, None, None))
                for name, form in forms.items()
            },
            rounds,
            3,
        )
    norm, up, gelu, down, scale = nn.LayerNorm(96), nn.Linear(96, 384), nn.GELU(), nn.Linear(384, 96), LayerScale((96,))
    x = torch.randn(2048, 96)
    pair = AnsweringPair(AnsweringDense(up, norm, gate=gelu), AnsweringDense(down, scale=scale))
    mlp = [norm, by_onednn(up, gelu), by_onednn(down), scale]
    found["MLP of 2,048 rows, 96 to 384 to 96, with layer norm, GELU, scale and skip"] = interleave(
        {
            "torch": lambda: repeated(lambda: in_turn([norm, up, gelu, down, scale], x, x, None)),
            "oneDNN, packed": lambda: repeated(lambda: in_turn(mlp, x, x, None)),
            "ours": lambda: repeated(lambda: pair(x, x)),
        },
        rounds,
        3,
    )
    deep, wide, relu = nn.Conv2d(128, 128, 3, padding=1, groups=128), nn.Conv2d(128, 128, 1), nn.ReLU()
    images = torch.randn(16, 128, 16, 16).to(memory_format=LAST)
    for conv in (deep, wide):
        conv.to(memory_format=LAST)
    block, layers = AnsweringDepthwise(deep, relu, wide, gate=relu), [by_onednn(deep, relu), by_onednn(wide, relu)]
    found["depthwise 3×3 and 1×1 convolution of 16 images, 128 channels, 16×16, ReLU"] = interleave(
        {
            "torch": lambda: repeated(lambda: in_turn([deep, relu, wide, relu], images, None, None)),
            "oneDNN, packed": lambda: repeated(lambda: in_turn(layers, images, None, None)),
            "ours": lambda: repeated(lambda: block(images)),
        },
        rounds,
        3,
    )
    return found


def repeated(call: Callable[[], object]) -> None:
    """Some calls, as one alone is short beside the clock's unrest."""
    for _ in range(REPEATED):
        call()


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
    keep_pages()
    answers = without_gradients(args.rounds)
    tables = [
        *(
            comparison(
                f"convolutions of {what}, all but the first, forward and backward, {BATCH} images", times, "torch"
            )
            for what, times in convs.items()
        ),
        comparison(f"four batch norms, ReLU and pooling, forward and backward, {BATCH} images", norms, "torch"),
        *(comparison(f"{what}, {REPEATED} calls", times, "torch") for what, times in answers.items()),
        comparison(f"a batch of {BATCH} images of 32×32: flip, crop, normalise, channels_last", made, "torch"),
    ]
    publish(
        "native_kernels",
        tables,
        {"convolutions": convs, "norms": norms, "batch": made, "without gradients": answers},
        ["torch"],
        args.out,
    )


if __name__ == "__main__":
    main()
