"""Whether a text learns as its source does: equal gradients, and equal results in train mode with dropout switched off.

Equal logits in eval mode say nothing of ``detach``, ``no_grad``, hooks and functions with a gradient of their own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archdsl.export.alive import drawing
from archdsl.importer.findings import Finding
from archdsl.importer.gate import build_alike, logits_of, places, slow_attention, told
from archdsl.importer.modules import rule_of
from archdsl.importer.steps import Step
from archdsl.importer.tables import names_of, tensor_of
from archdsl.ir.trace import Trace

GRADIENT = 1e-3  # of the largest entry of a weight's gradient; what is looked for is a gradient of 0, or another sign
FAINT = 1e-6  # of the largest gradient of all: rounding
TRAINED = 1e-4  # of the largest logit in train mode, whose batch statistics amplify rounding
IMAGES = 4  # batch normalisation of 1x1 needs some
FEW = 3  # where there is none; another number than that of which the graph was taken


def unlike(
    source: nn.Module, trace: Trace, steps: list[Step], output: int, train_mode: bool = True
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """The places in which the source learns otherwise than the network of the text, and remarks. Weights are as the gate
    left them. A first difference may be rounding: float64 decides.

    Args:
        train_mode: compare the results of train mode too; not where the source draws masks of its own.
    """
    found: tuple[Finding, ...] = ()
    remarks: list[str] = []
    number = IMAGES if any("batchnorm" in type(m).__name__.lower() for m in source.modules()) else FEW
    for dtype in (torch.float32, torch.float64):
        images = torch.randn(number, *trace.input, generator=torch.Generator().manual_seed(2)).to(dtype)
        try:
            source.to(dtype)
            ours = build_alike(trace, source, steps, output)
            with slow_attention():
                found = _gradients(source, ours, places(trace, steps, output), images, remarks)
                if train_mode and not found:
                    found = _train_mode(source, ours, places(trace, steps, output), images, remarks)
        except Exception as error:  # whatever a stranger's code may raise; in float64 what was found before stands
            source.eval()
            if dtype is torch.float32:
                return (), (f"Not compared in train mode, where the source fails: {told(error)}.",)
        if not found:
            break
    return found, tuple(dict.fromkeys(remarks))


def _gradients(
    source: nn.Module, ours: nn.Module, places: dict[str, str], images: Tensor, remarks: list[str]
) -> tuple[Finding, ...]:
    """The modules whose weights get other gradients in the mode in which both networks are."""
    theirs = dict(source.named_parameters(remove_duplicate=False))
    mine = {key: p for key, p in ours.named_parameters() if key in places and set(names_of(places[key])) <= set(theirs)}
    names = list(dict.fromkeys(n for key in mine for n in names_of(places[key])))
    wanted = [theirs[n] for n in names]
    if not wanted:
        return ()
    with torch.enable_grad():
        for p in (*wanted, *mine.values()):
            p.requires_grad_(True)
        given = logits_of(source, images)
        weights = torch.randn(given.shape, generator=torch.Generator().manual_seed(3)).to(given.dtype)
        gradients: Any = (None,) * len(wanted)
        try:
            if given.requires_grad:
                gradients = torch.autograd.grad(given, wanted, weights, allow_unused=True)
        except RuntimeError as error:
            remarks.append(f"The source itself cannot be trained: {told(error)}.")
            return ()
        found = torch.autograd.grad(ours(images.clone()), list(mine.values()), weights, allow_unused=True)
    known = dict(zip(names, gradients, strict=True))
    expected = [_gradient(places[key], known, theirs) for key in mine]
    faint = FAINT * max((float(g.abs().max()) for g in (*expected, *found) if g is not None), default=0.0)
    out: dict[str, Finding] = {}
    for key, before, now in zip(mine, expected, found, strict=True):
        if reason := _unequal(before, now, faint):
            path, _, own = names_of(places[key])[0].rpartition(".")
            mode = "in train mode" if source.training else "in the source"
            out.setdefault(path, Finding(path, "gradient", f"{mode} {reason.format(own)}"))
    return tuple(out.values())


def _gradient(source: str, known: dict[str, Any], theirs: dict[str, Any]) -> Any:
    """The gradient of what a source names; None where it has none."""
    if all(known[n] is None for n in names_of(source)):
        return None
    given = {n: torch.zeros_like(theirs[n]) if known[n] is None else known[n] for n in names_of(source)}
    return tensor_of(given, source)


def _unequal(theirs: Tensor | None, ours: Tensor | None, faint: float) -> str:
    most = 0.0 if theirs is None else float(theirs.abs().max())
    if ours is None or (theirs is None and float(ours.abs().max()) <= faint):
        return ""
    if most == 0:
        return "" if float(ours.abs().max()) <= faint else "no gradient reaches its {} (`detach` or `no_grad`)"
    assert theirs is not None
    if float((ours - theirs.reshape(ours.shape)).abs().max()) <= GRADIENT * most + faint:
        return ""
    return (
        "another gradient reaches its {} than that of what is computed (`detach`, a hook, or an "
        "`autograd.Function` of its own)"
    )


def _train_mode(
    source: nn.Module, ours: nn.Module, places: dict[str, str], images: Tensor, remarks: list[str]
) -> tuple[Finding, ...]:
    """The same in train mode with dropout switched off, and the logits."""
    source.train()
    ours.train()
    for module in drawing(ours):
        module.eval()
    rates = _silenced(source)
    try:
        with torch.no_grad(), _Silent():
            expected, found = logits_of(source, images), ours(images.clone())
        scale = float(expected.abs().max()) or 1.0
        off = float((expected - found).abs().max()) / scale
        if off > TRAINED:
            what = f"in train mode, with dropout switched off, the logits differ by {off:.1e} of the largest"
            return (Finding("", "forward", what),)
        with _Silent():
            return _gradients(source, ours, places, images, remarks)
    finally:
        for module, rate in rates.items():
            module.dropout = rate  # type: ignore[assignment]
        source.eval()


def _silenced(source: nn.Module) -> dict[nn.Module, Any]:
    """Switch the modules that draw off; gives the rates of those that stay in train mode, attention and
    recurrent layers."""
    rates: dict[nn.Module, Any] = {}
    for module in source.modules():
        if isinstance(module, nn.MultiheadAttention | nn.RNNBase):
            rates[module], module.dropout = module.dropout, 0.0
        elif (rule := rule_of(module)) and rule(module, lambda name: None)[0] in (
            "dropout",
            "dropout2d",
            "stochastic_depth",
        ):
            module.eval()
    return rates


class _Silent(TorchFunctionMode):
    """Dropout as a function is nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, named = getattr(func, "__name__", ""), kwargs or {}
        if name in ("dropout", "dropout_", "dropout2d", "feature_dropout", "feature_dropout_"):
            return args[0] if args else named["input"]
        if name == "scaled_dot_product_attention":
            args, named = (*args[:4], *((0.0,) if len(args) > 4 else ()), *args[5:]), {**named}
            named |= {"dropout_p": 0.0} if len(args) < 5 else {}
        if name == "bernoulli_" and (len(args) > 1 or "p" in named):
            return args[0].fill_(args[1] if len(args) > 1 else named["p"])
        return func(*args, **named)
