"""The law of ONNX files: a network leaves as a file that answers as torch does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError
from archdsl.export.deploy import Form, check
from archdsl.export.onnx import Report, export
from archdsl.extras import ONNX, broken, require
from archdsl.ir.fans import heads_of
from archdsl.ir.trace import Trace
from archdsl.laws.law import Broken, NotTried, law
from archdsl.laws.network import trace_of

OFTEN = 10  # how many times farther than the difference answers to several inputs must be apart


@law("ONNX", "op", "late", "block", "join", "family", costly=True)
def an_onnx_file_answers_as_torch_does(text: str) -> None:
    """The ONNX file is valid, takes any batch, and onnxruntime gives the answers of torch."""
    try:
        require(*ONNX)
    except EnvError as error:
        raise NotTried(f"{error.message}; {error.help}") from error
    trace = trace_of(text)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = build(trace)
    try:
        check(model)
    except ArchError as error:
        raise NotTried(error.message) from error
    with TemporaryDirectory() as folder:
        report = exported(shake(model), trace, Path(folder, "model.onnx"))
    if report.agreement.spread <= OFTEN * report.difference:
        raise NotTried("the file is valid, and was not compared: the answers of torch do not depend on the input")


def exported(model: nn.Module, trace: Trace, path: Path) -> Report:
    """Write the file.

    Raises:
        Broken: it cannot be written, or answers otherwise.
        NotTried: there is no room, or a package is installed and cannot be imported.
    """
    heads = heads_of(trace)
    form = Form(trace.input, sum(heads.values()) or trace.out[0], shape=trace.out, heads=heads)
    try:
        with functions_read_once():
            return export(model, path, form)
    except EnvError as error:
        raise NotTried(f"{error.message}; {error.help}") from error
    except ArchError as error:
        raise Broken(error.message) from error
    except Exception as error:
        if (found := broken(error)) is None:
            raise
        raise NotTried(f"{found.message}; {found.help}") from error


@contextmanager
def functions_read_once() -> Iterator[None]:
    """Within it torch reads the source of its five hundred ONNX functions once in a process, and not for each file: it is most
    of the time of a small one.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:  # a private name: without it the law takes longer
        yield
        return
    registry: Any = ONNXRegistry
    before = vars(registry).get("from_torchlib")
    if before is None:
        yield
        return
    registry.from_torchlib = _remembered(registry.from_torchlib)
    try:
        yield
    finally:
        registry.from_torchlib = before


@cache
def _remembered(read: Callable[..., object]) -> object:
    return staticmethod(cache(read))


def shake(model: nn.Module) -> nn.Module:
    """Move every weight and statistic that begins as a constant, so that none hides what is behind it by a 0 or a 1."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point() and value.min() == value.max():
                value += 0.1 * torch.rand(value.shape, generator=generator)
    return model
