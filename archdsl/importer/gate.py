"""The gate: the source's weights in the network of the text, and equal logits, before a text leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archdsl.emit.build import build
from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError
from archdsl.importer.findings import Finding, Refused, Unequal
from archdsl.importer.match import paired
from archdsl.importer.reach import Used
from archdsl.importer.steps import Step
from archdsl.importer.tables import names_of, tensor_of
from archdsl.ir.cost import cost
from archdsl.ir.trace import Trace

TOLERANCE = 1e-5  # of the largest logit, in eval mode, for two images
FEWER = (
    1e-3  # differences in single precision beyond it are of fewer digits on the way, where twice the digits show none
)
MUCH = 10  # a network whose own logits are rounded by more than a tenth of that amplifies rounding, with all the digits
MANY = 3  # images in a batch of another size than that of the graph
ALONE = 1e-4  # of the largest logit, between batches of other images
LIVELY = 1e-3  # logits of two images differ by more than this share of the largest one, or equality would say little


@dataclass(frozen=True, slots=True)
class Report:
    """What the gate saw: parameters, the difference as a fraction of the largest logit, in which precision, the number
    of parameters that the result in eval mode does not need and that were left out, and remarks on what differs."""

    params: int
    difference: float
    precision: str
    left_out: int = 0
    notes: tuple[str, ...] = ()


def pass_gate(
    source: nn.Module, trace: Trace, steps: list[Step], output: int, name: str, held: int | None = None
) -> Report:
    """Compare the network of a text with the source, whose weights are drawn again.

    Args:
        source: the module itself, or a graph of it; in eval mode.
        held: the parameters of the module that was traced, those included that its graph does not need.

    Raises:
        Unequal: parameters or logits differ; the message says by how much.
        ArchError: the source gives other results each time, or no finite ones.
    """
    held = sum(p.numel() for p in source.parameters()) if held is None else held
    used = Used(
        dict(source.named_parameters(remove_duplicate=False)) | dict(source.named_buffers(remove_duplicate=False))
    )
    for weight in {step.sources[w] for step in steps for w in step.layer.weights}:
        used.add(weight, None)
    left_out = held - sum(map(used.count, source.parameters()))
    counted = cost(trace).params
    if counted != held - left_out:
        raise Unequal(f"the spec of {name} has {counted:,} parameters, the source {held - left_out:,}", help=BUG)
    images = torch.randn(2, *trace.input, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        enliven(source, images, variances(steps) | factors(steps))
        ours = build_alike(trace, source, steps, output)
        difference, alive = single, _ = _difference(source, ours, images)
        precision = "float32"
        if not difference <= TOLERANCE:  # NaN too; rounding may be the reason: twice the digits decide
            difference, alive = _doubled(source, ours, images, difference, name)
            precision = "float64"
    if not difference <= TOLERANCE:
        _steady(source, images.to(next(source.parameters()).dtype), name)
        raise Unequal(
            f"the logits of {name} differ by {difference:.1e} of the largest (at most {TOLERANCE:.0e} is rounding)",
            help=BUG,
        )
    if not alive:
        raise Unequal(
            f"the logits of {name} hardly depend on the input, so that their equality says nothing",
            help="try another --input",
        )
    more = torch.randn(MANY, *trace.input, generator=torch.Generator().manual_seed(5))
    _each_by_itself(source, ours, more.double() if precision == "float64" else more, name)
    fewer = precision == "float64" and single > FEWER and _rounding(ours, images) < single / MUCH
    notes = (FEWER_DIGITS.format(single),) if fewer else ()
    return Report(counted, difference, precision, left_out, notes)


FEWER_DIGITS = (
    "In single precision the logits of the source differ by {:.1e} of the largest: it computes with fewer digits on the way "
    "(autocast, bfloat16), or in a way that amplifies rounding."
)
BUG = "nothing was written; this is a bug of the importer: please report the source"


def build_alike(trace: Trace, source: nn.Module, steps: list[Step], output: int) -> nn.Module:
    """The network of a text with the source's own tensors as weights, in eval mode."""
    with torch.device("meta"):
        ours = build(trace).eval()
    theirs: dict[str, Tensor] = dict(source.named_parameters(remove_duplicate=False))
    theirs |= dict(source.named_buffers(remove_duplicate=False))
    wanted = ours.state_dict()
    state = {
        k: tensor_of(theirs, name).detach().reshape(wanted[k].shape) for k, name in places(trace, steps, output).items()
    }
    for key, value in wanted.items():
        if key not in state and key.endswith("num_batches_tracked"):
            state[key] = torch.zeros((), dtype=value.dtype)
    ours.load_state_dict(state, assign=True)
    return ours


def places(trace: Trace, steps: list[Step], output: int) -> dict[str, str]:
    """For each tensor of the text's network the name of the source's."""
    return {
        f"{trace.rows[row].path}.{own}": name
        for row, at in paired(trace, steps, output, loose=True).items()
        if not trace.rows[row].module  # else another row has them
        for own, name in steps[at].sources.items()
    }


@contextmanager
def slow_attention() -> Iterator[None]:
    """Without the fast path of torch's attention, which rounds otherwise than attention step by step."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


LOWER = (torch.float32, torch.float16, torch.bfloat16)


class Exact(TorchFunctionMode):
    """Code that asks for single precision on the way, or less, gets double precision, where twice the digits are to decide."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named, name = kwargs or {}, getattr(func, "__name__", "")
        if name in ("float", "half", "bfloat16") and args[0].dtype is torch.float64:
            return args[0]
        if name == "to":
            args = tuple(torch.float64 if any(a is t for t in LOWER) else a for a in args)
            named = {k: torch.float64 if any(a is t for t in LOWER) else a for k, a in named.items()}
        return func(*args, **named)


def logits_of(source: nn.Module, images: Tensor) -> Tensor:
    """What a source gives; what others return beside it is left aside."""
    with Exact() if images.dtype is torch.float64 else nullcontext():
        found: Any = source(images.clone())  # it may work in place
    return found[0] if isinstance(found, tuple | list) else found  # type: ignore[no-any-return]


def _difference(source: nn.Module, ours: nn.Module, images: Tensor) -> tuple[float, bool]:
    """The largest difference as a fraction of the largest logit, and whether the logits tell the images apart."""
    with slow_attention():
        expected, found = logits_of(source, images), ours(images.clone())
    if expected.shape != found.shape:
        return float("inf"), True
    scale = float(expected.abs().max()) or 1.0
    alive = float((expected[0] - expected[1]).abs().max()) > LIVELY * scale
    return float((found - expected).abs().max()) / scale, alive


def _doubled(source: nn.Module, ours: nn.Module, images: Tensor, single: float, name: str) -> tuple[float, bool]:
    """The same with twice the digits.

    Raises:
        ArchError: the source does not run with them.
    """
    try:
        return _difference(source.double(), ours.double(), images.double())
    except Exception as error:  # whatever a stranger's code may raise
        check_memory(error)
        raise ArchError(
            f"the logits of {name} differ by {single:.1e} of the largest, and in double precision, which would show "
            f"whether that is rounding, it fails: {told(error)}",
            help="nothing was written; take conversions to other types of numbers out of the source",
        ) from error


def _rounding(ours: nn.Module, images: Tensor) -> float:
    """By how much the logits of a text's network differ in single and in double precision, as a fraction of the largest."""
    with torch.no_grad(), slow_attention():
        exact, rounded = ours.double()(images.double()), ours.float()(images)
    return float((rounded - exact).abs().max()) / (float(exact.abs().max()) or 1.0)


def _each_by_itself(source: nn.Module, ours: nn.Module, images: Tensor, name: str) -> None:
    """Refuse a source whose results depend on how many images there are; its graph has those of two.

    Raises:
        Refused: they do, or another number of images fails.
    """
    try:
        with torch.no_grad():
            difference, _ = _difference(source, ours, images)
        why = (
            ""
            if difference <= ALONE
            else f"the logits of {len(images)} images differ by {difference:.1e} of the largest"
        )
    except Exception as error:  # whatever a stranger's code may raise
        check_memory(error)
        why = f"a batch of {len(images)} images fails: {told(error)}"
    if why:
        more = "what is computed depends on how many images are in a batch, and a graph has that of two"
        raise Refused(name, (Finding("", "forward", f"{more}; {why}"),))


def told(error: Exception) -> str:
    """The first line of what code has raised."""
    return shorten((str(error).strip().splitlines() or [type(error).__name__])[0], 200, placeholder=" …")


def _steady(source: nn.Module, images: Tensor, name: str) -> None:
    """Refuse a source that no text could be equal to."""
    with torch.no_grad(), slow_attention():
        first, second = logits_of(source, images), logits_of(source, images)
    if not bool(first.isfinite().all()):
        raise ArchError(
            f"the logits of {name} are not finite with random weights, so that nothing can be compared",
            help="nothing was written; try another --input",
        )
    if not torch.equal(first, second):
        raise ArchError(
            f"{name} gives other logits each time in eval mode: its code draws random numbers, or keeps a state",
            help="nothing was written; a spec gives the same for the same input in eval mode",
        )


def variances(steps: list[Step]) -> frozenset[str]:
    """The tensors of the source that are running variances, whatever they are called there."""
    return frozenset(n for s in steps if "running_var" in s.sources for n in names_of(s.sources["running_var"]))


def factors(steps: list[Step]) -> frozenset[str]:
    """The tensors of the source that are factors of `affine`, which are as normalisation's."""
    scales = [s for s in steps if "scale" in s.op.entry.traits and "bias" in s.layer.weights]
    return frozenset(n for s in scales for n in names_of(s.sources["weight"]))


def enliven(source: nn.Module, images: Tensor, positive: frozenset[str] = frozenset()) -> None:
    """Random weights that keep a signal's scale, everywhere different, and running statistics near the images': what is
    wired wrongly shows, and nothing dies on the way. Other buffers are constants, and remain.

    Args:
        positive: tensors that are variances or factors, whatever they are called.
    """
    generator = torch.Generator().manual_seed(0)
    buffers = [
        (n, b) for n, b in source.named_buffers() if n in positive or n.endswith(("running_mean", "running_var"))
    ]
    for name, value in (*source.named_parameters(), *buffers):
        if not value.is_floating_point():
            continue
        if value.ndim > 1:
            value.normal_(0, (2 * value.shape[0] / value.numel()) ** 0.5, generator=generator)
        elif name.endswith(("weight", "running_var")) or name in positive:
            value.uniform_(0.5, 2.5, generator=generator)
        else:
            value.normal_(0, 0.1, generator=generator)

    def look(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        x = args[0]
        axes = (0, *range(2, x.ndim))
        variance, mean = torch.var_mean(x, axes, correction=0)
        for value, seen in ((module.running_mean, mean), (module.running_var, variance + 0.1)):
            if isinstance(value, Tensor):
                value.copy_(seen * (1 + 0.1 * torch.rand(seen.shape, generator=generator)))

    norms = [m for m in source.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    handles = [m.register_forward_pre_hook(look) for m in norms]
    source(images.clone())
    for handle in handles:
        handle.remove()
