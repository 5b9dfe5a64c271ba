"""What other tools call our words, so that a message can name ours. Suggestions only: none of these is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

WORDS = {
    "batchnorm": "bn", "batchnorm2d": "bn", "layernorm": "ln", "groupnorm": "gn", "instancenorm": "in", "norm": "bn",
    "fc": "linear", "dense": "linear", "affine": "linear", "conv2d": "conv", "convolution": "conv", "deconv": "upconv",
    "convtranspose": "upconv", "depthwise": "dwconv", "separable": "sepconv", "swish": "silu", "chunk": "part",
    "split": "part", "globalavgpool": "gap", "globalpool": "gap", "avgpool2d": "avgpool", "maxpool2d": "maxpool",
    "globalmaxpool": "gmp", "adaptiveavgpool": "resize", "dropout": "drop", "dropout2d": "spatial", "concat": "cat",
    "concatenate": "cat", "sum": "add", "plus": "add", "multiply": "mul", "identity": "id", "skip": "shortcut",
    "residual": "res", "repeat": "shared", "leakyrelu": "leaky", "hswish": "hardswish", "pixelshuffle": "depthtospace",
    "stochasticdepth": "droppath", "layerscale": "scale", "interpolate": "upsample", "mha": "attention",
    "pad": "zeropad", "crop": "trim", "squeezeexcite": "se",
}  # fmt: skip
ARGUMENTS = {
    "kernel": "k", "kernel_size": "k", "stride": "s", "strides": "s", "padding": "p", "pad": "p", "filters": "out",
    "channels": "out", "out_channels": "out", "features": "out", "units": "out", "rate": "p", "prob": "p", "size": "k",
    "use_bias": "bias", "group": "groups", "dilations": "dilation", "epsilon": "eps", "reduction": "r", "ratio": "r",
}  # fmt: skip


def synonym(name: str, known: Collection[str], table: dict[str, str] = WORDS) -> str:
    """``here it is called `gap` ``, where another tool's name for something known was written; else an empty string."""
    ours = table.get(name.lower().replace("_", "")) or table.get(name.lower())
    return f"here it is called `{ours}`" if ours in known else ""
