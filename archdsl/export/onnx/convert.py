"""torch module to ONNX protobuf, in memory and in silence."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from typing import Any

import onnx
import torch
from torch import nn

from archdsl.emit.inputs import zero_inputs
from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError, InternalError
from archdsl.export.deploy import INPUT, INSIDE, Form
from archdsl.registry.shapes import batch_of

KEPT = frozenset({"pkg.torch.onnx.name_scopes"})  # the path of the layer that a node comes from


def convert(model: nn.Module, form: Form, opset: int, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The model as a graph with a batch of any size.

    Args:
        model: the module that ``deployed`` made of the form.

    Raises:
        ArchError: a layer of it has no ONNX form.
    """
    sample = zero_inputs(batch_of(form.taken, 2), dtype=form.dtype)  # a batch of one would be taken for a constant
    try:
        proto = _translated(model, sample, opset, tuple(form.outputs), form.folded)
    except Exception as error:  # torch raises many kinds
        check_memory(error)
        where = _culprit(model, sample, opset)
        reason = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise ArchError(
            f"{where} has no ONNX form at opset {opset}: {reason[0][:300]}",
            help="try a later --opset, or export the source: model.py",
        ) from error
    _tidy(proto)
    _rename(proto.graph)
    if form.mc:
        _own_masks(proto.graph)
    for key in sorted(metadata):
        proto.metadata_props.add(key=key, value=metadata[key])
    return proto


def _translated(
    model: nn.Module, sample: torch.Tensor, opset: int, outputs: tuple[str, ...] = ("output",), optimize: bool = True
) -> onnx.ModelProto:
    # A dict of dynamic shapes keyed by our input name fails, and without any the batch is frozen: a tuple it is.
    # In memory: given a path, torch puts large weights into a second file even with external_data=False.
    # Its optimizer folds batch norm too, so that it is off where none is to be folded.
    with quiet():
        program = torch.onnx.export(
            model,
            (sample,),
            dynamo=True,
            verbose=False,
            opset_version=opset,
            external_data=False,
            optimize=optimize,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=list(outputs),
        )
        if program is None:
            raise InternalError("torch's ONNX exporter gave no program")
        proto: onnx.ModelProto = program.model_proto
    return proto


def _own_masks(graph: onnx.GraphProto) -> None:
    """Dropout that is a step of a layer, as in attention and between recurrent layers, as a comparison with uniform numbers:
    ``deployed`` makes the same of dropout that is a layer."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _mask(node.input[0], node.input[1], node.output[0]) if node.op_type == "Dropout" else [node]
    graph.ClearField("node")
    graph.node.extend(nodes)


def _mask(x: str, rate: str, out: str) -> list[onnx.NodeProto]:
    make, number = onnx.helper.make_node, onnx.TensorProto.FLOAT
    drawn, kept, mask, one, share, factor = (
        f"{out}.{name}" for name in ("drawn", "kept", "mask", "one", "share", "factor")
    )
    return [
        make("RandomUniformLike", [x], [drawn], dtype=number),
        make("GreaterOrEqual", [drawn, rate], [kept]),
        make("Cast", [kept], [mask], to=number),
        make("Constant", [], [one], value_float=1.0),
        make("Sub", [one, rate], [share]),
        make("Div", [mask, share], [factor]),
        make("Mul", [x, factor], [out]),
    ]


def _rename(graph: onnx.GraphProto) -> None:
    """Weights have the names of the run's, whatever stands around the network."""
    names = {t.name: t.name.removeprefix(INSIDE) for t in graph.initializer if t.name.startswith(INSIDE)}
    for part in (*graph.initializer, *graph.value_info):
        part.name = names.get(part.name, part.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]


def _tidy(proto: onnx.ModelProto) -> None:
    """Take out stack traces, which carry the paths of this machine and make equal exports unlike."""
    graph = proto.graph
    parts: Iterable[Any] = (
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
        *proto.functions,
        *(n for f in proto.functions for n in f.node),
    )
    for part in parts:
        kept = [(p.key, p.value) for p in part.metadata_props if p.key in KEPT]
        part.ClearField("metadata_props")
        for key, value in kept:
            part.metadata_props.add(key=key, value=value)
        part.ClearField("doc_string")


def _culprit(model: nn.Module, sample: torch.Tensor, opset: int) -> str:
    """The innermost layer that alone cannot be converted, in words; each class is tried once."""
    calls: dict[type, tuple[str, nn.Module, torch.Tensor]] = {}

    def note(name: str, module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
        calls.setdefault(type(module), (name, module, given[0]))

    hooks = [
        m.register_forward_hook(partial(note, name))
        for name, m in model.named_modules()
        if name not in ("", INSIDE[:-1])
    ]
    try:
        with torch.no_grad():
            model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    for kind, (name, module, given) in calls.items():
        try:
            _translated(module, given, opset)
        except Exception:
            return f"`{name.removeprefix(INSIDE)}` ({kind.__name__})"
    return "the network"


@contextmanager
def quiet() -> Iterator[None]:
    """torch's exporter talks by warnings, loggers and prints; what it has to say that matters, it raises."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
