"""How a run is carried out on its device: the type, the memory layout, the threads."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from archdsl.accelerate.fast import fast
from archdsl.accelerate.layers import layers_by_torch
from archdsl.accelerate.native import available, granted, has_parts, has_tiles, tiled
from archdsl.accelerate.remember import recall, remember, signature
from archdsl.accelerate.threads import waited
from archdsl.accelerate.worth import compile_worth, graph_worth, size
from archdsl.emit.inputs import random_inputs
from archdsl.registry.types import Shape
from archdsl.runs.conditions import known_precision

PROBE_STEPS = 3  # per candidate and round; the first one is not counted
MOST_STEPS, ENOUGH = 12, 0.1  # of short steps up to so many are measured, or so many seconds, as noise is larger there
ROUNDS = 2  # there and back, so that what slows the machine for a while slows no candidate alone
WORTH = 10  # a run must be this many times longer than the probe
FEWER = (1, 4, 16)  # threads that are tried besides all: small layers have no work for more
CLOSE = 1.2, 1.1, 1.05  # forms that are slower than the fastest by less are measured again, each time fewer of them
MARGIN = 1.03  # what bf16 must gain over fp32 to be taken
BUSY = 0.1  # of a probe's time; who waits longer for a core has measured other work


@dataclass(frozen=True, slots=True)
class Plan:
    """``PLAIN`` is the reference: fp32, eager, torch's own modules. ``threads`` 0 keeps torch's count.

    ``fused`` swaps layers for faster ones that give the same numbers; ``native`` takes our own kernels on a CPU.
    ``compile``: torch.compile of the net. ``graph``: whole steps as a CUDA graph. Both are asked for where an estimate says
    that they pay (``fast.worth``). ``by_torch``: the names of convolutions that torch does faster than our kernels. ``amx``: our
    convolutions in bf16 are those for the tiles of AMX.
    """

    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False
    threads: int = 0
    compile: bool = False
    graph: bool = False
    fused: bool = False
    native: bool = False
    by_torch: tuple[str, ...] = ()
    amx: bool = False

    def record(self) -> dict[str, Any]:
        """The plan as it is stored in JSON. An empty ``by_torch`` and no ``amx`` are omitted, as in plans of earlier versions."""
        fields = asdict(self)
        layers, amx = fields.pop("by_torch"), fields.pop("amx")
        return fields | ({"by_torch": list(layers)} if layers else {}) | ({"amx": True} if amx else {})

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Plan:
        """The plan of a run or of an earlier probe, as JSON holds it."""
        return cls(**{**fields, "by_torch": tuple(fields.get("by_torch", ()))})


PLAIN = Plan()


def choose(
    model: nn.Module,
    batch_shape: Shape,
    steps: int,
    device: torch.device,
    asked: str = "auto",
    compile: str = "auto",
) -> tuple[Plan, str]:
    """The plan for a run of ``steps`` steps, and a few words on it: type, layout and threads as ``_form`` finds them, and
    whether to capture the step as a CUDA graph and to compile the net, by estimates of what that saves and costs.

    Args:
        batch_shape: (N, C, H, W) or (N, features) of a training batch, or ``batch_of`` ids.
        asked: ``auto``, ``fp32``, ``bf16`` or ``plain``, which is neither captured nor compiled unasked.
        compile: ``auto``, ``on`` or ``off``.
    """
    known_precision(asked)
    plan, said = _form(model, batch_shape, steps, device, asked)
    if asked == "plain" or (device.type != "cuda" and compile != "on"):
        return replace(plan, compile=compile == "on"), said
    try:
        found = size(model, batch_shape)
    except (RuntimeError, NotImplementedError):  # a net that cannot be counted is neither captured nor compiled unasked
        return replace(plan, compile=compile == "on"), said
    words = [said]
    seconds = found.launching
    if device.type == "cuda":
        processors = torch.cuda.get_device_properties(device).multi_processor_count
        working = found.working(plan.precision == "bf16", processors)
        graph = graph_worth(found, steps, working)
        plan = replace(plan, graph=graph.pays)
        words.append(f"{'a CUDA graph' if graph.pays else 'no CUDA graph'}: {graph.words}")
        seconds = working if graph.pays else max(found.launching, working)
    estimate = compile_worth(found, steps, seconds, device.type)
    if compile == "on":
        return replace(plan, compile=True), ", ".join([*words, f"compiled (about {estimate.cost:.0f} s)"])
    taken = compile == "auto" and estimate.pays
    if compile == "auto":
        words.append(f"{estimate.words}: {'taken' if taken else 'not taken'}")
    return replace(plan, compile=taken), ", ".join(words)


def _form(model: nn.Module, shape: Shape, steps: int, device: torch.device, asked: str) -> tuple[Plan, str]:
    """Type, layout and threads.

    On the CPU ``auto`` tries type, layout and threads for some steps on a copy of the net and remembers the
    answer, so that a command that is given twice computes the same. A run that is short beside the probe takes
    what the processor's features suggest. The model and the random state stay as they are.
    """
    plain = Plan(threads=torch.get_num_threads())
    if asked == "plain":
        return plain, ""
    best = replace(plain, fused=True, channels_last=len(shape) == 4 and device.type != "mps")
    possible = device.type == "cpu" and best.channels_last
    native = possible and has_parts(model)
    precisions = ("fp32", "bf16") if asked == "auto" else (asked,)  # compiled side by side
    native_half = (
        possible and has_parts(model, has_tiles()) and asked != "fp32" and has_bf16() and available(*precisions)
    )
    amx = native_half and tiled(model) and granted()
    native_half = native_half and (native or amx)
    best = replace(best, native=native and (native_half or available()))
    half = replace(best, precision="bf16", native=native_half, amx=amx)
    if asked != "auto" or device.type != "cpu":
        taken = half if _takes_bf16(device, asked) else best
        return taken, _words(taken)
    plans = [best, half, *(replace(form, native=False, amx=False) for form in (best, half) if form.native)]
    plans += [replace(form, threads=n) for n in FEWER if n < plain.threads for form in (best, half)]
    # One step of each before the timed ones, and one of the plain form to compare with.
    if steps < WORTH * ROUNDS * PROBE_STEPS * (len(plans) + 1):
        taken = half if has_bf16() and _seconds(model, shape, half, device, 1) is not None else best
        return taken, _words(taken)
    longest = steps // (WORTH * ROUNDS * (len(plans) + 1))
    return _probed(model, shape, device, [plain, *plans], min(MOST_STEPS, longest))


def unprobed(device: torch.device, asked: str = "auto", threads: int = 1) -> Plan:
    """One plan for many nets that are to be compared: what the device can do, whatever the net. On a GPU that is a CUDA
    graph for each: nets of a study are small, and a graph loses nothing but a second where they are not.

    Args:
        asked: ``auto``, ``fp32``, ``bf16`` or ``plain``; auto takes bf16 where the device multiplies it itself.
        threads: of this process, on a CPU.
    """
    if known_precision(asked) == "plain":
        return Plan(threads=threads)
    half = asked == "bf16" or (asked == "auto" and (has_bf16() if device.type == "cpu" else _takes_bf16(device, asked)))
    best = Plan("bf16" if half else "fp32", channels_last=device.type != "mps", threads=threads, fused=True)
    native = device.type == "cpu" and (not half or has_bf16()) and available(best.precision)
    return replace(best, native=native, graph=device.type == "cuda", amx=native and half and granted())


def has_kernels(plan: Plan, model: nn.Module) -> bool:
    """Whether this process can have our own kernels for a plan that takes them."""
    return available(plan.precision) and has_its_tiles(plan, model)


def has_its_tiles(plan: Plan, model: nn.Module) -> bool:
    """Whether there are tiles for a net that needs them."""
    return not plan.amx or not tiled(model) or granted()


def forward_context(plan: Plan, device: torch.device) -> AbstractContextManager[object]:
    """Round the forward pass: lower precision where the plan has it. Weights and batch statistics stay fp32."""
    if plan.precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def prepare(model: nn.Module, plan: Plan) -> None:
    """Give the model the plan's memory layout, and the process its threads."""
    if plan.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if plan.threads and plan.threads != torch.get_num_threads():
        torch.set_num_threads(plan.threads)


def _takes_bf16(device: torch.device, asked: str) -> bool:
    return asked == "bf16" or (asked == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported(False))


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 itself; elsewhere torch imitates it, slowly."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # of torch 2.11
    found = ask() if ask is not None else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _words(plan: Plan) -> str:
    layers = "native kernels with AMX" if plan.amx else "native kernels"
    if plan.by_torch:
        layers = f"{layers} but for {len(plan.by_torch)} kinds of convolution"
    more = (("channels_last", plan.channels_last), (layers, plan.native))
    return ", ".join([plan.precision, *(word for word, taken in more if taken)])


def _probed(
    model: nn.Module, shape: Shape, device: torch.device, plans: Sequence[Plan], most: int = PROBE_STEPS
) -> tuple[Plan, str]:
    """The fastest plan; the first one is the plain form, which is measured and never taken. ``most``: steps of a candidate in a
    round.
    """
    name = signature(model, shape, plans[0].threads, [plan.record() for plan in plans])
    known = recall(name) or {}
    with suppress(TypeError):  # damaged, or of another version
        plan = Plan.of(known.get("plan") or {})
        if replace(plan, by_torch=()) in plans[1:]:
            return plan, f"{known.get('words', _words(plan))} (measured before)"
    begun, delay = time.perf_counter(), waited()
    works = _least(model, shape, plans, device, most)
    if len(works) < 2 or plans[0] not in works:
        return plans[1], _words(plans[1])
    choice = _fastest(model, shape, [p for p in plans[1:] if p in works], device, most, works)
    if choice.native and (
        names := layers_by_torch(model, shape, choice.precision == "bf16", choice.threads, choice.amx)
    ):
        mixed = replace(choice, by_torch=names)
        works |= _least(model, shape, (choice, mixed), device, most)
        choice = _fastest(model, shape, [p for p in (choice, mixed) if p in works], device, most, works)
    threads = f", {choice.threads} thread{'s' * (choice.threads > 1)}" if choice.threads != plans[0].threads else ""
    words = f"{_words(choice)}{threads}: {works[plans[0]] / works[choice]:.1f}× plain fp32"
    if waited() - delay > BUSY * plans[0].threads * (time.perf_counter() - begun):
        return choice, f"{words} (other work had the cores meanwhile, so this is measured again next time)"
    remember(name, {"plan": choice.record(), "words": words})
    return choice, words


def _fastest(
    model: nn.Module, shape: Shape, plans: Sequence[Plan], device: torch.device, most: int, works: dict[Plan, float]
) -> Plan:
    """The fastest of plans by their seconds ``works``, which are brought up to date. Those that are close are measured again, as
    a machine differs by as much from round to round; fewer times in a run of few steps.
    """

    def worth(plan: Plan) -> float:
        return works[plan] * (MARGIN if plan.precision == "bf16" else 1.0)

    for ratio in CLOSE[: max(1, most // PROBE_STEPS)]:
        least = min(map(worth, plans))
        plans = [p for p in plans if worth(p) <= ratio * least]
        if len(plans) < 2:
            break
        for plan, seconds in _least(model, shape, plans, device, most).items():
            works[plan] = min(seconds, works[plan])
    return min(plans, key=worth)


def _least(model: nn.Module, shape: Shape, plans: Sequence[Plan], device: torch.device, most: int) -> dict[Plan, float]:
    """The least seconds a step of each plan that works, in rounds."""
    found: dict[Plan, float] = {}
    left = list(plans)
    for _ in range(ROUNDS):
        for plan in tuple(left):
            seconds = _seconds(model, shape, plan, device, PROBE_STEPS, most)
            if seconds is None:
                left.remove(plan)
            else:
                found[plan] = min(seconds, found.get(plan, math.inf))
        left.reverse()
    return found


def _seconds(
    model: nn.Module, shape: Shape, plan: Plan, device: torch.device, steps: int, most: int = 0
) -> float | None:
    """The least seconds of a step, without the update, on a copy; None where the net cannot run so. After ``steps`` steps there
    are more, up to ``most``, while they have not taken long.
    """
    threads, copy = torch.get_num_threads(), deepcopy(model).train()
    with torch.random.fork_rng(devices=[]):
        try:
            prepare(copy, plan)
            net = fast(copy, plan) if isinstance(copy, torch.fx.GraphModule) else copy
            images = random_inputs(shape, device=device)
            if plan.channels_last:
                images = images.contiguous(memory_format=torch.channels_last)
            times: list[float] = []
            while len(times) < steps or (len(times) < most and sum(times) < ENOUGH):
                begun = time.perf_counter()
                with forward_context(plan, device):
                    logits = net(images)
                functional.cross_entropy(logits.float(), logits.argmax(1)).backward()
                times.append(time.perf_counter() - begun)
                copy.zero_grad()  # as in training; adding to existing gradients would cost another pass over memory
            return min(times[1:] or times)
        except RuntimeError:  # an op that has no bf16, or no memory: the run itself will say what is wrong
            return None
        finally:
            torch.set_num_threads(threads)
