"""What a file must prove before it gets its name: the form, and the same answers as torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from archdsl.emit.onnx.convert import INPUT, OUTPUT
from archdsl.errors import ArchError
from archdsl.registry.types import Shape

TOLERANCE = 1e-4  # of the largest logit
TIE = 1e-5  # logits nearer to each other, as a share of the largest, may change places by rounding


def check_file(path: Path, input: Shape, classes: int, opset: int) -> None:
    """The file by itself: valid, of the opset asked for, whole, with a free batch.

    Raises:
        ArchError: it is not.
    """
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _refusal(f"onnx finds it invalid: {str(error).splitlines()[0]}") from error
    proto = onnx.load(path, load_external_data=False)
    written = {o.domain or "ai.onnx": o.version for o in proto.opset_import}
    if written.get("ai.onnx") != opset:
        raise _refusal(f"torch wrote opset {written.get('ai.onnx')} instead of {opset}", "choose another --opset")
    outside = [t.name for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise _refusal(f"{len(outside)} tensors lie in another file, {outside[0]} among them")
    _check_ends(proto.graph, input, classes)


def _check_ends(graph: onnx.GraphProto, input: Shape, classes: int) -> None:
    for ends, name, shape in ((graph.input, INPUT, input), (graph.output, OUTPUT, (classes,))):
        found = [(v.name, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]) for v in ends]
        if len(found) != 1 or found[0][0] != name or found[0][1][1:] != list(shape):
            raise _refusal(f"its {name} should be one tensor (N, {', '.join(map(str, shape))}), and is {found}")
        if not isinstance(found[0][1][0], str):
            raise _refusal(f"the batch of its {name} is frozen at {found[0][1][0]}")


def parity(
    path: Path, model: nn.Module, input: Shape, batches: Iterable[int], seed: int = 0
) -> tuple[dict[int, float], float]:
    """The largest difference between torch and onnxruntime for each batch size, on random inputs, and how far their
    logits lie apart; all as shares of the largest logit.

    Raises:
        ArchError: they differ by more than rounding, or prefer another class, or onnxruntime refuses the file.
    """
    session = _session(path)
    generator = torch.Generator().manual_seed(seed)
    differences: dict[int, float] = {}
    logits = []
    for batch in batches:
        x = torch.randn(batch, *input, generator=generator)
        with torch.no_grad():
            wanted = model(x.clone()).numpy()
        if not np.isfinite(wanted).all():
            raise ArchError("the network gives NaN or infinity for random inputs, so nothing can be compared",
                            help="export a run that trained; a deep net without normalisation may need "
                            "one")  # fmt: skip
        try:
            given = session.run([OUTPUT], {INPUT: x.numpy()})[0]
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise _refusal(f"onnxruntime fails at batch {batch}: {str(error).splitlines()[0]}") from error
        differences[batch] = compare(wanted, given, batch)
        logits.append(wanted)
    seen = np.concatenate(logits)
    return differences, float(np.ptp(seen, 0).max()) / (float(np.abs(seen).max()) or 1.0)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal: everything else is raised
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refusal(f"onnxruntime {onnxruntime.__version__} does not load it: {str(error).splitlines()[0]}",
                       "choose an earlier --opset, or a later onnxruntime") from error  # fmt: skip


def compare(wanted: np.ndarray, given: np.ndarray, batch: int) -> float:
    """The largest difference as a share of the largest logit.

    Raises:
        ArchError: it is too large, or the first choice of an example is another one.
    """
    if given.shape != wanted.shape:
        raise _refusal(f"at batch {batch} it gives {given.shape}, and torch {wanted.shape}")
    scale = float(np.abs(wanted).max()) or 1.0
    difference = float(np.abs(given - wanted).max()) / scale
    if not difference <= TOLERANCE:  # NaN too
        raise _refusal(f"at batch {batch} it differs from torch by {difference:.2g} of the largest logit; "
                       f"{TOLERANCE:g} is allowed")  # fmt: skip
    rows = np.arange(len(wanted))
    lead = wanted.max(1) - wanted[rows, given.argmax(1)]  # what torch thinks of the class that onnxruntime prefers
    if (lead > TIE * scale).any():
        raise _refusal(f"at batch {batch} it prefers another class than torch for {int((lead > TIE * scale).sum())} of "
                       f"{len(wanted)} random inputs")  # fmt: skip
    return difference


def _refusal(why: str, help: str = "") -> ArchError:
    return ArchError(f"the export is refused and no file is left: {why}",
                     help=help or "another --opset may do better; the source always does: model.py")  # fmt: skip
