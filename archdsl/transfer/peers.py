"""How the weights of published nets are in the files of torchvision and timm, where that is not the order in which they
act. The nets are those of specs/imagenet; their names are the libraries'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# Heads that help the training alone; the specs are without them, as are the libraries' nets after training.
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
# Tables that a library computes and stores all the same.
COMPUTED = ("relative_position_index",)
# What torchvision does to the images when it loads these weights (``transform_input``).
REMARKS = dict.fromkeys(
    ("googlenet", "inception_v3"),
    "these weights want images normalised with mean 0.5 and standard deviation 0.5, which torchvision does inside of its net",
)


def behind_block(name: str) -> str:
    """ConvNeXt registers a block's layer scale before the block, and applies it last."""
    return name.replace(".layer_scale", ".block.5.bias") if name.endswith(".layer_scale") else ""


def behind_patches(name: str) -> str:
    """ViT registers the class token first; it joins the patches."""
    return "conv_proj.bias" if name == "class_token" else ""


def behind_embedding(name: str) -> str:
    """DeiT registers class token and positions first; they join the patches."""
    return "patch_embed.proj.bias" if name in ("cls_token", "pos_embed") else ""


def behind_half(name: str) -> str:
    """CaiT registers a block's layer scales before the block."""
    talk = "" if "token_only" in name else "_w"
    if name.endswith(".gamma_1"):
        return name.replace("gamma_1", f"attn.proj{talk}.bias")
    return name.replace("gamma_2", "mlp.fc2.bias") if name.endswith(".gamma_2") else behind_embedding(name)


def behind_norm(name: str) -> str:
    """BiT registers a block's projection before the normalisation whose result it takes."""
    return name.replace(".downsample.conv.weight", ".norm1.bias") if ".downsample." in name else ""


def behind_layer(name: str) -> str:
    """ResMLP registers a block's layer scales before the layers whose results they scale."""
    block, _, last = name.rpartition(".")
    layer = {"ls1": "linear_tokens", "ls2": "mlp_channels.fc2"}.get(last)
    return f"{block}.{layer}.bias" if layer else ""


def behind_context(name: str) -> str:
    """FocalNet registers what mixes the contexts, and the last layer, before the convolutions that make them."""
    before, found, rest = name.partition(".modulation.")
    return f"{before}.modulation.focal_layers.1.0.weight" if found and rest.startswith(("h.", "proj.")) else ""


# From the start of a net's name to a rule: of a weight's name it gives the name behind which it belongs, or "".
MOVES: dict[str, Callable[[str], str]] = {
    "cait": behind_half,
    "convnext": behind_block,
    "deit": behind_embedding,
    "focalnet": behind_context,
    "resmlp": behind_layer,
    "resnetv2": behind_norm,
    "vit": behind_patches,
}


def arranged(net: str, names: Iterable[str]) -> list[str]:
    """The names of a published net's weights in the order in which they act, without auxiliary heads and computed tables."""
    kept = [n for n in names if not n.startswith(AUXILIARY.get(net, ("\0",))) and not n.endswith(COMPUTED)]
    move = next((m for start, m in MOVES.items() if net.startswith(start)), lambda _: "")
    held: dict[str, list[str]] = {}
    for name in kept:
        held.setdefault(move(name), []).append(name)
    return [x for n in held.get("", []) for x in (n, *held.get(n, []))]


def registered(library: str, net: str) -> list[str]:
    """The names of a published net's weights as its module has them, for files that do not keep an order.

    Raises:
        EnvError: the library is not installed, or does not import here.
    """
    import torch

    from archdsl.emit.vision import import_timm, import_torchvision

    library_of = {"timm": import_timm, "torchvision": import_torchvision}
    found: Any = library_of[library]()
    with torch.device("meta"):
        model = found.create_model(net) if library == "timm" else found.models.get_model(net)
    return list(model.state_dict())
