"""A float32 file to one of eight bits: static, calibrated on real images, per-channel weights, QDQ nodes.

Signed bytes for weights and activations, as onnxruntime's guide recommends for QDQ on CPUs. Normalisations and softmax
stay in float32: they are few, and a transformer's accuracy hangs on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError
from archdsl.export.agree import Runner, asked, refusal
from archdsl.export.deploy import Form
from archdsl.export.onnx import gate
from archdsl.export.onnx.convert import INPUT, quiet
from archdsl.export.runtime import import_quantization

tools = import_quantization()

KEPT = frozenset({"LayerNormalization", "GroupNormalization", "InstanceNormalization", "Softmax", "LRN"})
SMALL = frozenset({"Cast", "Transpose", "Mul", "Add", "Sub", "Div"})  # what normalises images before the network


@dataclass(frozen=True, eq=False)
class QuantizationData:
    """Data to quantise by, each a function that gives batches as the network takes them.

    calibration: inputs (n, *taken); the ranges of activations are those seen here.
    test: inputs and labels (n,), for the accuracy of both files.
    drop: the largest loss of accuracy that is accepted, as a fraction.
    """

    calibration: Callable[[], Iterator[np.ndarray]]
    test: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
    drop: float = 0.02


@dataclass(frozen=True, slots=True)
class Quantized:
    """What quantising cost: accuracies on ``images`` test images by onnxruntime before and after; on which share of them
    both prefer the same class; the bytes of the float32 file."""

    images: int
    calibrated: int
    accuracy32: float
    accuracy8: float
    same: float
    bytes32: int


def quantize(file: Path, form: Form, opset: int, data: QuantizationData) -> tuple[int, Quantized]:
    """Replace a float32 file that passed the gate; its number of nodes, and what it cost.

    Raises:
        ArchError: onnxruntime cannot quantise it, or the accuracy drops by more than ``data.drop``.
    """
    small = file.with_name(f"{file.name}.int8")
    reader = _Reader(data.calibration())
    before = onnx.load(file)
    try:
        with quiet():
            tools.quantize_static(
                file,
                small,
                reader,
                quant_format=tools.QuantFormat.QDQ,
                per_channel=True,
                activation_type=tools.QuantType.QInt8,
                weight_type=tools.QuantType.QInt8,
                nodes_to_exclude=[n.name for n in _left(before.graph)],
            )
    except Exception as error:
        check_memory(error)
        raise refusal(
            f"onnxruntime cannot quantise it: {str(error).splitlines()[0]}", "leave --quantize out"
        ) from error
    proto = onnx.load(small)
    about = {p.key: p.value for p in before.metadata_props} | {"archdsl.precision": "int8"}
    proto.ClearField("metadata_props")
    for key in sorted(about):
        proto.metadata_props.add(key=key, value=about[key])
    small.write_bytes(proto.SerializeToString())
    gate.check_file(small, form, opset)
    found = _accuracies(gate.runner(file), gate.runner(small), data, reader.images, file.stat().st_size)
    if found.accuracy32 - found.accuracy8 > data.drop:
        raise refusal(
            f"in eight bits the accuracy on {found.images:,} test images is {found.accuracy8:.2%}, and "
            f"{found.accuracy32:.2%} in float32; a drop of {data.drop:.2%} is allowed",
            "--max-drop allows more; --calibrate 2000 may do better; --half costs hardly any",
        )
    small.replace(file)
    return len(proto.graph.node), found


def _left(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Nodes that stay in float32: normalisation layers, and the chain that normalises images."""
    ends = {graph.input[0].name}
    for node in graph.node:
        if node.op_type in KEPT:
            yield node
        if node.op_type in SMALL and set(node.input) & ends:
            ends |= set(node.output)
            yield node


class _Reader(tools.CalibrationDataReader):  # type: ignore[misc,name-defined]
    """Batches under the name of the input; counts images."""

    def __init__(self, batches: Iterator[np.ndarray]) -> None:
        self.batches, self.images = batches, 0

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self.batches, None)
        if batch is None:
            return None
        self.images += len(batch)
        return {INPUT: batch}


def _accuracies(large: Runner, small: Runner, data: QuantizationData, calibrated: int, size: int) -> Quantized:
    hits, same, images = np.zeros(2, dtype=np.int64), 0, 0
    for batch, labels in data.test():
        first, second = (asked(run, batch, len(batch), "onnxruntime").argmax(1) for run in (large, small))
        hits += (int((first == labels).sum()), int((second == labels).sum()))
        same, images = same + int((first == second).sum()), images + len(labels)
    if not images:
        raise ArchError(
            "the quantised network cannot be evaluated: the data has no test images",
            help="use data with a test part, or export without --quantize",
        )
    return Quantized(images, calibrated, hits[0] / images, hits[1] / images, same / images, size)
