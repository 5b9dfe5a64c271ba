"""How long a network takes for a batch: engines side by side, taking turns, after they gave the same answers.

A lone time says little on a shared machine. Each round asks every engine once, every second round in the other order, so
that whatever slows the machine slows all; the figures are the median and the quartiles over the rounds.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError, EnvError
from archdsl.export.agree import HALF, TOLERANCE
from archdsl.export.deploy import Form
from archdsl.registry.shapes import Ids

REST = 0.02  # seconds, in which the threads of the contender before stop waiting for work and leave the cores
WARM = 4  # a part of so many of a measurement is made before it, and not counted
SHORTEST = 0.005  # seconds of one measurement: what is faster is called several times
COMPILED = 8  # batch sizes that torch.compile specialises for before it gives up in silence
DTYPES = {
    "tensor(uint8)": torch.uint8,
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(int64)": torch.int64,
}


@dataclass(frozen=True, eq=False)
class Contender:
    """A model in an engine. ``prepared`` turns a batch into a call without arguments, which alone is timed."""

    model: str
    engine: str
    prepared: Callable[[np.ndarray], Callable[[], Any]]
    form: Form


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a batch: one value a round, each the mean of ``calls`` calls."""

    model: str
    engine: str
    batch: int
    seconds: tuple[float, ...]
    calls: int

    @property
    def median(self) -> float:
        """Seconds a batch."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third; the middle half of the rounds is between them."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    @property
    def rate(self) -> float:
        """Examples a second."""
        return self.batch / self.median


def eager(name: str, model: nn.Module, form: Form, engine: str = "torch") -> Contender:
    """torch, one kernel after the other."""
    return Contender(name, engine, _torch(model), form)


def compiled(name: str, model: nn.Module, form: Form, engine: str = "torch.compile") -> Contender:
    """torch.compile, for each batch size by itself."""
    return Contender(name, engine, _torch(torch.compile(model, dynamic=False)), form)


def session(name: str, file: Path, threads: int, form: Form | None = None) -> Contender:
    """onnxruntime on the CPU; without a form it is read from the file.

    Raises:
        ArchError: the file is not a network that onnxruntime loads, or one of several inputs.
    """
    from archdsl.export.runtime import import_onnxruntime

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")  # or it slows the engine that comes next
    try:
        found = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class
        check_memory(error)
        raise ArchError(
            f"onnxruntime does not load {file}: {str(error).splitlines()[0]}",
            help="`archdsl export` writes files that it loads",
        ) from error
    form = form or _form(found, file)
    entry = found.get_inputs()[0].name

    def prepared(x: np.ndarray) -> Callable[[], Any]:
        return lambda: found.run(None, {entry: x})[0]

    return Contender(name, "onnxruntime", prepared, form)


def _form(found: Any, file: Path) -> Form:
    """What a file takes; its shape without the batch is all that timing needs."""
    inputs, outputs = found.get_inputs(), found.get_outputs()
    if len(inputs) != 1 or inputs[0].type not in DTYPES or not all(isinstance(d, int) for d in inputs[0].shape[1:]):
        raise ArchError(f"{file} does not take one tensor of known shape", help="bench times networks of one input")
    shape, dtype = tuple(inputs[0].shape[1:]), DTYPES[inputs[0].type]
    if isinstance(inputs[0].shape[0], int):
        raise ArchError(f"the batch of {file} is frozen at {inputs[0].shape[0]}", help="export it with a free batch")
    classes = outputs[0].shape[-1] if isinstance(outputs[0].shape[-1], int) else 0
    if dtype is torch.uint8:
        ones = (1.0,) * shape[0]
        return Form(shape, classes, "nchw", ones, ones)  # drawn bytes of that shape; the names of the axes play no part
    if dtype is torch.int64:
        about = found.get_modelmeta().custom_metadata_map.get("archdsl.input", "")
        if (ids := re.fullmatch(r"\d+ ids\((\d+)\)", about)) is None or len(shape) != 1:
            raise ArchError(
                f"{file} takes whole numbers, and does not say below which", help="write it by `archdsl export`"
            )
        return Form(Ids(shape[0], int(ids[1])), classes)
    return Form(shape, classes, half=dtype is torch.float16, half_ends=dtype is torch.float16)


def _torch(model: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[np.ndarray], Callable[[], Any]]:
    def prepared(x: np.ndarray) -> Callable[[], Any]:
        held = torch.from_numpy(x)

        def call() -> torch.Tensor:
            with torch.inference_mode():
                return model(held)

        return call

    return prepared


def measure(
    contenders: Sequence[Contender],
    batches: Sequence[int],
    rounds: int,
    warmup: int,
    listen: Callable[[str], object] = lambda text: None,
) -> list[Timing]:
    """Time every contender at every batch size.

    Args:
        warmup: calls of each before the first round.
        listen: hears what is being done.

    Raises:
        ArchError: two engines of one model do not agree.
        EnvError: torch.compile finds no compiler, or memory does not suffice.
    """
    found: list[Timing] = []
    for batch in batches:
        listen(f"batch {batch}: the same answers?")
        calls = _agreed(contenders, batch)
        listen(f"batch {batch}: {rounds} rounds")
        found += _timed(contenders, calls, batch, rounds, warmup)
    return found


def _agreed(contenders: Sequence[Contender], batch: int) -> list[Callable[[], Any]]:
    """A call for each contender; those of one model must give equal answers."""
    first: dict[str, np.ndarray] = {}
    calls = []
    for one in contenders:
        x = one.form.sample(batch, torch.Generator().manual_seed(0)).numpy()
        call = one.prepared(x)
        answer = np.asarray(_tried(call, one, batch))
        if one.model in first:
            allowed = HALF if one.form.half else TOLERANCE
            _equal(first[one.model], answer, batch, one, allowed)
        first.setdefault(one.model, answer)
        calls.append(call)
    return calls


def _equal(first: np.ndarray, answer: np.ndarray, batch: int, one: Contender, allowed: float) -> None:
    scale = float(np.abs(first).max()) or 1.0
    if first.shape != answer.shape or not float(np.abs(answer - first).max()) <= allowed * scale:
        raise ArchError(
            f"at batch {batch} {one.engine} does not answer as torch does for {one.model}, so that their "
            "times cannot be compared",
            help="`archdsl export` says by how much",
        )


def _tried(call: Callable[[], Any], one: Contender, batch: int) -> Any:
    try:
        return call()
    except Exception as error:  # torch and onnxruntime raise many kinds
        check_memory(error, f"{one.model} at batch {batch} in {one.engine}", "a smaller --batch")
        text = str(error).strip().splitlines() or [type(error).__name__]
        help = (
            "leave --compile out, or install a C++ compiler" if one.engine == "torch.compile" else "a smaller --batch"
        )
        raise EnvError(f"{one.engine} fails on {one.model} at batch {batch}: {text[0][:300]}", help=help) from error


def _timed(
    contenders: Sequence[Contender], calls: Sequence[Callable[[], Any]], batch: int, rounds: int, warmup: int
) -> list[Timing]:
    times: list[list[float]] = [[] for _ in calls]
    repeats = [
        max(1, round(SHORTEST / max(min(_clock(call, 1) for _ in range(max(1, warmup))), 1e-9))) for call in calls
    ]
    for number in range(rounds):
        order = range(len(calls)) if number % 2 == 0 else reversed(range(len(calls)))
        for place in order:
            time.sleep(REST)
            _clock(calls[place], -(-repeats[place] // WARM))  # the caches are those of the contender before
            times[place].append(_clock(calls[place], repeats[place]))
    return [
        Timing(one.model, one.engine, batch, tuple(taken), count)
        for one, taken, count in zip(contenders, times, repeats, strict=True)
    ]


def _clock(call: Callable[[], Any], count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begun) / count


def machine(threads: int) -> Mapping[str, str | int | float]:
    """Where and with what was measured."""
    from importlib.metadata import PackageNotFoundError, version

    from archdsl.version import __version__

    versions: dict[str, str | int | float] = {"archdsl": __version__}
    for name in ("torch", "onnxruntime"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
    return {
        "processor": _processor(),
        "cores": cores,
        "threads": threads,
        "load": load,
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
