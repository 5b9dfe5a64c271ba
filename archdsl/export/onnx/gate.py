"""What a file must prove before it gets its name: valid, of the opset asked for, whole, with a free batch; and an
onnxruntime that answers as torch does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from torch import nn

from archdsl.emit.memory import check_memory
from archdsl.export.agree import Agreement, Runner, agreement, refusal
from archdsl.export.deploy import INPUT, Form
from archdsl.export.runtime import import_onnxruntime

if TYPE_CHECKING:
    from archdsl.registry.types import Shape

TYPES = {"torch.float32": 1, "torch.uint8": 2, "torch.int64": 7, "torch.float16": 10}  # of onnx.TensorProto


def check_file(path: Path, form: Form, opset: int, external: bool = False) -> None:
    """The file by itself: valid, of the opset asked for, whole, with a free batch.

    Raises:
        ArchError: it is not.
    """
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise refusal(f"onnx finds it invalid: {str(error).splitlines()[0]}") from error
    proto = onnx.load(path, load_external_data=False)
    written = {o.domain or "ai.onnx": o.version for o in proto.opset_import}
    if written.get("ai.onnx") != opset:
        raise refusal(f"torch wrote opset {written.get('ai.onnx')} instead of {opset}", "choose another --opset")
    outside = [t.name for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    if outside and not external:
        raise refusal(f"{len(outside)} tensors are in another file, {outside[0]} among them")
    if not {p.key for p in proto.metadata_props} >= form.about().keys():
        raise refusal("its metadata is missing")
    if form.mc and any(n.op_type == "Dropout" for part in (proto.graph, *proto.functions) for n in part.node):
        raise refusal("it has a Dropout node, whose first number hardly differs from call to call")
    _check_ends(proto.graph, form)


def _check_ends(graph: onnx.GraphProto, form: Form) -> None:
    kind = TYPES[str(form.dtype)]
    given = TYPES["torch.float16" if form.half_ends else "torch.float32"]
    _check_end(graph.input, {INPUT: form.taken}, kind)
    _check_end(graph.output, form.outputs, given)


def _check_end(ends: Sequence[onnx.ValueInfoProto], wanted: Mapping[str, Shape], kind: int) -> None:
    found = [(v.name, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]) for v in ends]
    names = [name for name, _ in found]
    for number, (name, shape) in enumerate(wanted.items()):
        if names != list(wanted) or found[number][1][1:] != list(shape):
            raise refusal(f"its {name} should be one tensor (N, {', '.join(map(str, shape))}), and is {found}")
        if not isinstance(found[number][1][0], str):
            raise refusal(f"the batch of its {name} is frozen at {found[number][1][0]}")
        if ends[number].type.tensor_type.elem_type != kind:
            raise refusal(f"its {name} has another type of numbers than it should")


def parity(path: Path, reference: nn.Module, form: Form) -> Agreement:
    """Compare onnxruntime with torch on random inputs.

    Raises:
        ArchError: they differ by more than rounding, or onnxruntime refuses the file.
    """
    return agreement(runner(path), reference, form, "onnxruntime")


def runner(path: Path, threads: int | None = None) -> Runner:
    """onnxruntime on the CPU as a function of a batch; several outputs are side by side.

    Raises:
        ArchError: it does not load the file.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal: everything else is raised
    if threads:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        check_memory(error)
        raise refusal(
            f"onnxruntime {onnxruntime.__version__} does not load it: {str(error).splitlines()[0]}",
            "choose an earlier --opset, or a later onnxruntime",
        ) from error
    name = session.get_inputs()[0].name

    def run(x: np.ndarray) -> np.ndarray:
        said = session.run(None, {name: x})
        found: np.ndarray = np.concatenate(said, 1) if len(said) > 1 else said[0]
        return found

    return run
