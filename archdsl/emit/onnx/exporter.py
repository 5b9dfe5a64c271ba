"""The way of an export: everything that can be refused early, the conversion, the gate, and only then the name."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from archdsl import __version__
from archdsl.emit import layers
from archdsl.emit.target import check_target, replacing
from archdsl.errors import ArchError, EnvError
from archdsl.registry.types import Shape

OPSET = 21  # the first with GroupNormalization as one node; every word here has what it needs
OLDEST = 18  # asked for less, torch's exporter writes this one
LIMIT = 2**31 - 2**24  # bytes of weights: a protobuf file ends at 2 GiB, and the graph needs room too
BATCHES = (1, 2, 7)


@dataclass(frozen=True, slots=True)
class Report:
    """What was written.

    differences: for each batch size tried, the largest difference between the logits of torch and of onnxruntime, as a
        share of the largest logit.
    spread: how far the logits of random inputs lie apart, as a share of the largest; where it is not above the
        differences, the comparison says little (a LayerScale that starts at 1e-6 hides what is behind it).
    """

    path: Path
    opset: int
    bytes: int
    nodes: int
    differences: Mapping[int, float]
    spread: float

    @property
    def difference(self) -> float:
        """The largest of all differences."""
        return max(self.differences.values())


def export(
    model: nn.Module, path: Path, *, input: Shape, classes: int, opset: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Report:  # fmt: skip
    """Write a model as an ONNX file that takes ``input`` (N, *input) and gives ``logits`` (N, classes), for any N.

    What is written is the model in eval mode and float32; the model itself stays as it is. ``metadata`` goes into the
    file beside ``archdsl.version``, ``archdsl.input`` and ``archdsl.classes``.

    Raises:
        ArchError: the model has no ONNX form, or the file does not do what the model does. No file is left.
        EnvError: onnx is not installed, or the place cannot be written.
    """
    _require()
    opset = _checked_opset(opset)
    _check_size(model)
    frozen = _frozen(model)
    _check_model(frozen)
    check_target(path)

    from archdsl.emit.onnx import convert, gate  # they import onnx

    own = {"archdsl.version": __version__, "archdsl.input": "x".join(map(str, input)), "archdsl.classes": str(classes)}
    proto = convert.convert(frozen, input, opset, {**(metadata or {}), **own})
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        gate.check_file(temporary, input, classes, opset)
        differences, spread = gate.parity(temporary, frozen, input, BATCHES)
        size = temporary.stat().st_size
    return Report(path, opset, size, len(proto.graph.node), differences, spread)


def _require() -> None:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise EnvError(f"an export needs {', '.join(missing)}, which this environment lacks",
                       help="pip install 'archdsl[onnx]'")  # fmt: skip


def _checked_opset(opset: int | None) -> int:
    """torch answers an opset that it cannot write with another one and a line in a log; here it is refused."""
    from onnx.defs import onnx_opset_version

    newest = onnx_opset_version()
    if opset is None:
        return OPSET
    if not OLDEST <= opset <= newest:
        raise ArchError(f"opset {opset} cannot be written: torch's exporter begins at {OLDEST}, and the installed onnx "
                        f"ends at {newest}", help=f"--opset {OPSET} is the default")  # fmt: skip
    return opset


def _check_size(model: nn.Module) -> None:
    size = sum(t.numel() * 4 for t in (*model.parameters(), *model.buffers()))  # a shared tensor comes once
    if size > LIMIT:
        raise ArchError(f"the weights are {size / 2**30:.1f} GiB, and one ONNX file holds less than 2",
                        help="export the source instead, `archdsl export … model.py`, with its weights beside "
                        "it")  # fmt: skip


def _frozen(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).cpu().float().eval().requires_grad_(False)


def _check_model(model: nn.Module) -> None:
    """Refuse what no fixed graph can do, and weights that no comparison can vouch for."""
    for name, module in model.named_modules():
        if isinstance(module, layers.Ode) and module.solver == "dopri5":
            raise ArchError(f"`ode` at {name or 'the top'} has no ONNX form: dopri5 chooses its steps by the values "
                            "that arrive, and an ONNX graph is fixed",
                            help="write ode(…, solver=rk4, steps=4), or export the source: model.py")  # fmt: skip
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ArchError(f"the weights {name} hold NaN or infinity", help="export a run that did not diverge")
