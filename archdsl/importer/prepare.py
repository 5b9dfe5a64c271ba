"""Before a module is traced: what its graph would not show. Lazy layers get their sizes; weights that are computed from others
and hooks are refused by name, or said."""

from __future__ import annotations

import inspect
import warnings
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as globals_
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from archdsl.errors import ArchError
from archdsl.importer.findings import Finding, Refused

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Hooks by which older versions of torch compute a weight, and what takes them away.
COMPUTED = {
    "WeightNorm": "torch.nn.utils.remove_weight_norm(module)",
    "SpectralNorm": "torch.nn.utils.remove_spectral_norm(module)",
    "PruningContainer": "torch.nn.utils.prune.remove(module, 'weight')",
}


def prepared(module: nn.Module, shape: tuple[int, ...], name: str) -> tuple[str, ...]:
    """Make a module ready to be traced, and say what is known of it that a spec does not say.

    Raises:
        Refused: weights that are computed from others; hooks that change something.
        ArchError: it does not take one input, or has no weights; lazy layers whose first run fails.
    """
    _takes_one(module, name)
    notes = [*_single(module, name), *_materialised(module, shape, name), *_constants(module)]
    if found := tuple(_computed(module)):
        raise Refused(name, found)
    frozen = _grouped([n for n, p in module.named_parameters() if not p.requires_grad])
    if frozen:
        notes.append(f"Frozen in the source (requires_grad=False): {frozen}; `train freeze(…)` does so here.")
        module.requires_grad_(True)
    return (*notes, *_hooks(module, shape, name))


def _takes_one(module: nn.Module, name: str) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise ArchError(
            f"{name} is made by torch.jit, and has no code that can be traced", help="name the class itself"
        )
    if type(module).forward is nn.Module.forward:
        raise ArchError(f"{name} has no `forward`", help="name a module that computes something")
    try:
        given = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # a function without a signature
        return
    plain = [p for p in given if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    needed = [p for p in plain if p.default is p.empty]
    if len(needed) > 1 or any(p.kind is p.KEYWORD_ONLY for p in needed) or (not given):
        raise ArchError(
            f"`forward` of {name} takes {', '.join(p.name for p in needed) or 'nothing'}, and a network here has one input",
            help="write a module around it, or a function that makes one, which gives it the others",
        )


def _single(module: nn.Module, name: str) -> list[str]:
    """The weights in single precision, on the CPU."""
    held = [p for p in (*module.parameters(), *module.buffers()) if not is_lazy(p)]
    if any(p.is_meta for p in held):
        raise ArchError(f"{name} has no weights: they are on the device `meta`", help="make it without that device")
    if any(p.device.type != "cpu" for p in held):
        module.cpu()
    kinds = {
        str(p.dtype).removeprefix("torch.") for p in held if p.is_floating_point() and p.dtype is not torch.float32
    }
    if kinds:
        module.float()
    return [f"The source has weights in {', '.join(sorted(kinds))}; they are compared in float32."] if kinds else []


def _materialised(module: nn.Module, shape: tuple[int, ...], name: str) -> list[str]:
    lazy = [n for n, p in (*module.named_parameters(), *module.named_buffers()) if is_lazy(p)]
    if not lazy:
        return []
    size = "x".join(map(str, shape))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module.eval()(torch.zeros(2, *shape))
    except Exception as error:  # whatever a stranger's code may raise
        raise ArchError(
            f"the lazy layers of {name} ({_grouped(lazy)}) get their sizes by a first run, and that fails for an "
            f"input {size}: {type(error).__name__}: {error}",
            help="--input says what arrives",
        ) from error
    after: list[tuple[str, Any]] = list(module.named_parameters())
    left = [n for n, p in after if is_lazy(p)]
    if left:
        raise Refused(
            name,
            tuple(Finding(_owner(n), n.rpartition(".")[2], "a lazy layer that eval mode does not run") for n in left),
        )
    return [f"Lazy layers ({_grouped(lazy)}) have the sizes that an input of {size} gives."]


def _constants(module: nn.Module) -> list[str]:
    """Parameters that are not floating-point numbers, which nothing can train, become buffers."""
    moved = []
    for path, part in module.named_modules():
        for own, value in list(part.named_parameters(recurse=False)):
            if not (value.is_floating_point() or value.is_complex()):
                delattr(part, own)
                part.register_buffer(own, value.detach())
                moved.append(f"{path}.{own}" if path else own)
    return [f"Parameters that are not floating-point numbers are constants: {', '.join(moved)}."] if moved else []


def _computed(module: nn.Module) -> list[Finding]:
    """Weights that are functions of other weights. No word says so: as plain weights they would train otherwise."""
    found = []
    for path, part in module.named_modules():
        if parametrize.is_parametrized(part):
            lists: Any = part.parametrizations
            for own, how in lists.items():
                kinds = ", ".join(type(p).__name__.lstrip("_") for p in how)
                remedy = f"torch.nn.utils.parametrize.remove_parametrizations(module, {own!r})"
                found.append(
                    Finding(path, kinds, f"its {own} is computed from other weights; `{remedy}` makes it plain")
                )
        for hook in part._forward_pre_hooks.values():
            kind = next((c.__name__ for c in type(hook).__mro__ if c.__name__ in COMPUTED), "")
            pruned = any(c.__name__ == "BasePruningMethod" for c in type(hook).__mro__)
            if kind or pruned:
                remedy = COMPUTED[kind or "PruningContainer"]
                what = f"its weight is computed from others before each pass; `{remedy}` makes it plain"
                found.append(Finding(path, type(hook).__name__, what))
    return found


def _hooks(module: nn.Module, shape: tuple[int, ...], name: str) -> list[str]:
    """Take the hooks away. Those that change neither results nor gradients are said.

    Raises:
        Refused: they change something; each is named.
    """
    holders: list[tuple[str, str, Any]] = [
        (path, kind, getattr(part, kind))
        for path, part in module.named_modules()
        for kind in HOOKS
        if getattr(part, kind)
    ]
    for path, weight in module.named_parameters():
        own = ((kind, getattr(weight, kind, None)) for kind in ("_backward_hooks", "_post_accumulate_grad_hooks"))
        holders += [(path, kind, held) for kind, held in own if held]
    holders += [("", f"_global{k}", h) for k in HOOKS if (h := getattr(globals_, f"_global{k}", None))]
    if not holders:
        return []
    found = tuple(
        Finding(
            path,
            getattr(hook, "__name__", type(hook).__name__),
            f"a hook ({kind.strip('_').replace('_', ' ')}) "
            "that changes what is computed or learnt; `handle.remove()` takes it away",
        )
        for path, kind, held in holders
        for hook in held.values()
    )
    try:
        with_hooks = _probe(module, shape)
        for _, _, held in holders:
            held.clear()
        alike = _same(with_hooks, _probe(module, shape))
    except Exception as error:  # whatever a stranger's code may raise
        raise Refused(
            name,
            (*found, Finding("", "forward", f"{type(error).__name__}: {shorten(str(error), 160, placeholder=' …')}")),
        ) from error
    if not alike:
        raise Refused(name, found)
    where = ", ".join(dict.fromkeys(f"`{f.op}` of {f.path or 'the network'}" for f in found))
    return [f"Hooks that changed nothing are left out: {where}."]


def _probe(module: nn.Module, shape: tuple[int, ...]) -> list[Tensor]:
    """Results and gradients in both modes, drawn with one seed; buffers are as they were afterwards."""
    out: list[Tensor] = []
    kept = {n: b.detach().clone() for n, b in module.named_buffers()}
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(4))
    for training in (False, True):
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            module.train(training)
            module.zero_grad()
            tensors = _tensors(module(images.clone()))
            out += [t.detach() for t in tensors]
            total = sum((t.square().sum() for t in tensors if t.requires_grad), torch.zeros(()))
            if total.requires_grad:
                total.backward()
            out += [torch.zeros(()) if p.grad is None else p.grad.clone() for p in module.parameters()]
        with torch.no_grad():
            for n, b in module.named_buffers():
                b.copy_(kept[n])
    module.zero_grad()
    module.eval()
    return out


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [t for part in parts for t in _tensors(part)]


def _same(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(x.shape == y.shape and torch.equal(x, y) for x, y in zip(a, b, strict=True))


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _grouped(names: list[str], most: int = 6) -> str:
    """The modules that hold these tensors, the first few of them by name."""
    owners = list(dict.fromkeys(_owner(n) or n for n in names))
    more = f" and {len(owners) - most} more" if len(owners) > most else ""
    return ", ".join(owners[:most]) + more
