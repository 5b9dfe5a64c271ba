"""Leaf modules as calls of functions: each type's name, the function that it stands for, and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Param(NamedTuple):
    """A weight or buffer of the source by its full name; ``shape`` is the one in which it is used."""

    name: str
    shape: tuple[int, ...]


Call = tuple[
    str, dict[str, Any]
]  # the name of a function of ``archdsl.importer.ops`` and its arguments behind the first
Own = Callable[[str], Param | None]  # a tensor of the module by its own name, None where it has none
Rule = Callable[[Any, Own], Call]


def _plain(name: str, *settings: str) -> Rule:
    """A function whose settings are attributes of the module of the same name."""
    return lambda m, own: (name, {s: getattr(m, s) for s in settings})


def _conv(m: Any, own: Own) -> Call:
    if m.padding_mode != "zeros":
        return "refuse", {"reason": f"the padding mode {m.padding_mode}; images are padded with zeros here"}
    names = ("stride", "padding", "dilation", "groups")
    return "conv2d", {"weight": own("weight"), "bias": own("bias"), **{n: getattr(m, n) for n in names}}


def _same_conv(m: Any, own: Own) -> Call:
    """A convolution with the padding SAME, perhaps of standardised weights (timm)."""
    name, given = _conv(m, own)
    scaled = type(m).__name__.startswith("Scaled")
    ws = "scaled" if scaled else "standard" if type(m).__name__.startswith("Std") else "none"
    if ws != "none":
        given |= {"ws": ws, "eps": m.eps, "gain": own("gain") if scaled else None}
        given["rest"] = m.scale * m.weight[0].numel() ** 0.5 if scaled else 1.0
    return name, given | {"same": type(m).__name__.endswith("Same")}


def _same_pool(word: str) -> Rule:
    names = ("kernel_size", "stride", "ceil_mode")
    return lambda m, own: (word, {n: getattr(m, n) for n in names} | {"same": True})


def _grn(m: Any, own: Own) -> Call:
    return "grn", {"weight": own("weight"), "bias": own("bias"), "eps": m.eps, "last": m.channel_dim == -1}


def _blur(m: Any, own: Own) -> Call:
    return "blur", {"k": m.filt_size, "s": m.stride, "kernel": own("filt"), "mode": m.pad_mode}


def _upconv(m: Any, own: Own) -> Call:
    names = ("stride", "padding", "output_padding", "groups", "dilation")
    return "conv_transpose2d", {"weight": own("weight"), "bias": own("bias"), **{n: getattr(m, n) for n in names}}


def _bn(m: Any, own: Own) -> Call:
    names = ("running_mean", "running_var", "weight", "bias")
    return "batch_norm", {**{n: own(n) for n in names}, "training": m.training, "momentum": m.momentum, "eps": m.eps}


def _ln(m: Any, own: Own) -> Call:
    return "layer_norm", {
        "normalized_shape": m.normalized_shape,
        "weight": own("weight"),
        "bias": own("bias"),
        "eps": m.eps,
    }


def _rms(m: Any, own: Own) -> Call:
    given = {"normalized_shape": m.normalized_shape, "weight": own("weight"), "eps": m.eps}
    name = type(m).__name__
    return "rms_norm", given | {"image": name.endswith("2d"), "std": name.startswith("Simple")}


def _upsample(m: Any, own: Own) -> Call:
    names = ("size", "scale_factor", "mode", "align_corners")
    more = {"recompute_scale_factor": getattr(m, "recompute_scale_factor", None)}
    return "interpolate", {n: getattr(m, n) for n in names} | more


def _recurrent(m: Any, own: Own) -> Call:
    if m.proj_size:
        return "refuse", {"reason": "states that are projected (proj_size); no recurrent word has that"}
    drop = float(m.dropout) if m.num_layers > 1 else 0.0  # it is between layers
    settings = {"layers": m.num_layers, "both": m.bidirectional, "drop": drop, "first": m.batch_first}
    settings |= {"training": m.training}
    settings |= {"act": m.nonlinearity} if type(m).__name__ == "RNN" else {}
    weights = {n: own(n) for n in m._flat_weights_names}
    return type(m).__name__.lower(), {"weights": weights, "out": m.hidden_size, "bias": m.bias, **settings}


def _attention(m: Any, own: Own) -> Call:
    names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    other = (
        (m.bias_k is not None and "add_bias_kv")
        or (m.add_zero_attn and "add_zero_attn")
        or (not m._qkv_same_embed_dim and "keys of another width")
    )
    return "attention", {
        "heads": m.num_heads,
        "weights": {n: own(n) for n in names},
        "other": other or "",
        "first": m.batch_first,
        "drop": float(m.dropout),
        "training": m.training,
    }


def _drop_path(m: Any, own: Own) -> Call:
    if not getattr(m, "scale_by_keep", True):
        return "refuse", {"reason": "stochastic depth that does not scale what it keeps"}
    return "stochastic_depth", {"p": float(m.drop_prob or 0), "mode": "row", "training": m.training}


def _norm(name: str) -> Rule:
    return lambda m, own: (name, {"weight": own("weight"), "bias": own("bias"), "eps": m.eps})


# Classes of libraries that are taken whole, by package and name; a stranger's class of the same name is traced.
TAKEN = {
    ("torchvision", "StochasticDepth"),
    *(
        ("timm", name)
        for name in (
            "DropPath",
            "LayerNorm2d",
            "RmsNorm",
            "RmsNorm2d",
            "StdConv2d",
            "StdConv2dSame",
            "ScaledStdConv2d",
            "ScaledStdConv2dSame",
        )
    ),
    *(("timm", name) for name in ("Conv2dSame", "MaxPool2dSame", "AvgPool2dSame", "GlobalResponseNorm", "BlurPool2d")),
    *(("timm", name) for name in ("RmsNorm", "RmsNorm2d", "SimpleNorm", "SimpleNorm2d")),
}


# Modules of torch that are made of others and are traced, as no word is all of one.
OPENED = frozenset({"TransformerEncoder", "TransformerEncoderLayer"})


def rule_of(module: Any) -> Rule | None:
    """How a module is taken whole; None where it is to be traced, or has no rule."""
    package, name = type(module).__module__, type(module).__name__
    ours = package.startswith("torch.nn.") or (package.partition(".")[0], name) in TAKEN
    return MODULES.get(name) if ours else None


ONE_D = ("stride", "padding", "dilation", "groups")
MODULES: dict[str, Rule] = {
    "Conv2d": _conv,
    **dict.fromkeys(("Conv2dSame", "StdConv2d", "StdConv2dSame", "ScaledStdConv2d", "ScaledStdConv2dSame"), _same_conv),
    "MaxPool2dSame": _same_pool("max_pool2d"),
    "AvgPool2dSame": _same_pool("avg_pool2d"),
    "GlobalResponseNorm": _grn,
    "BlurPool2d": _blur,
    "ConvTranspose2d": _upconv,
    "BatchNorm2d": _bn,
    "BatchNorm1d": _bn,
    "LayerNorm": _ln,
    "LayerNorm2d": _norm("layer_norm_2d"),
    **dict.fromkeys(("RMSNorm", "RmsNorm", "RmsNorm2d", "SimpleNorm", "SimpleNorm2d"), _rms),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "MultiheadAttention": _attention,
    "Linear": lambda m, own: ("linear", {"weight": own("weight"), "bias": own("bias")}),
    "GroupNorm": lambda m, own: ("group_norm", {"num_groups": m.num_groups, **_norm("")(m, own)[1]}),
    "InstanceNorm2d": lambda m, own: (
        "refuse" if m.track_running_stats else "instance_norm",
        {"reason": "running statistics"} if m.track_running_stats else _norm("")(m, own)[1],
    ),
    "LocalResponseNorm": _plain("local_response_norm", "size", "alpha", "beta", "k"),
    "MaxPool2d": _plain("max_pool2d", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "MaxPool1d": _plain("max_pool1d", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "AvgPool2d": _plain(
        "avg_pool2d", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"
    ),
    "Conv1d": lambda m, own: (
        ("conv1d", {"weight": own("weight"), "bias": own("bias")} | {n: getattr(m, n) for n in ONE_D})
        if m.padding_mode == "zeros"
        else ("refuse", {"reason": f"the padding mode {m.padding_mode}; tokens are padded with zeros here"})
    ),
    "AvgPool1d": _plain("avg_pool1d", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "AdaptiveAvgPool2d": _plain("adaptive_avg_pool2d", "output_size"),
    "AdaptiveAvgPool1d": _plain("adaptive_avg_pool1d", "output_size"),
    "AdaptiveMaxPool1d": _plain("adaptive_max_pool1d", "output_size"),
    "AdaptiveMaxPool2d": _plain("adaptive_max_pool2d", "output_size"),
    "ReLU": _plain("relu"),
    "ReLU6": _plain("relu6"),
    "LeakyReLU": _plain("leaky_relu", "negative_slope"),
    "PReLU": lambda m, own: ("prelu", {"weight": own("weight")}),
    "ELU": _plain("elu", "alpha"),
    "SELU": _plain("selu"),
    "GELU": _plain("gelu", "approximate"),
    "SiLU": _plain("silu"),
    "Mish": _plain("mish"),
    "Hardswish": _plain("hardswish"),
    "Hardsigmoid": _plain("hardsigmoid"),
    "Sigmoid": _plain("sigmoid"),
    "Tanh": _plain("tanh"),
    "Softplus": lambda m, own: (
        ("softplus", {}) if (m.beta, m.threshold) == (1, 20) else ("refuse", {"reason": "beta or threshold set"})
    ),
    "Hardtanh": _plain("hardtanh", "min_val", "max_val"),
    "Softmax": _plain("softmax", "dim"),
    "LogSoftmax": lambda m, own: ("log_softmax", {}),
    "Dropout": _plain("dropout", "p", "training"),
    "Dropout2d": _plain("dropout2d", "p", "training"),
    "StochasticDepth": _plain("stochastic_depth", "p", "mode", "training"),
    "DropPath": _drop_path,
    "Identity": _plain("same"),
    "Unfold": _plain("unfold", "kernel_size", "dilation", "padding", "stride"),
    "Flatten": _plain("reshape"),
    "Unflatten": _plain("reshape"),
    "ZeroPad2d": lambda m, own: ("pad", {"pad": m.padding}),
    "ConstantPad2d": lambda m, own: ("pad", {"pad": m.padding, "value": float(m.value)}),
    "PixelShuffle": _plain("pixel_shuffle", "upscale_factor"),
    "PixelUnshuffle": _plain("pixel_unshuffle", "downscale_factor"),
    "ChannelShuffle": _plain("channel_shuffle", "groups"),
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"), _upsample),
}
