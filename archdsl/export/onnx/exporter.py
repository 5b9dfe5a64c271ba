"""The way of an export: everything that can be refused early, the conversion, the gate, and only then the name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from archdsl.errors import ArchError
from archdsl.export.agree import Agreement
from archdsl.export.deploy import Form, check, deployed
from archdsl.export.target import check_target, real, replacing_several
from archdsl.extras import ONNX
from archdsl.extras import require as require_packages

if TYPE_CHECKING:
    import onnx

    from archdsl.export.onnx.quantize import QuantizationData, Quantized

OPSET = 21  # the first with GroupNormalization as one node; every word here has what it needs
OLDEST = 18  # asked for less, torch's exporter writes this one
# Bytes of weights in one file. A protobuf message ends at 2 GiB, and readers that copy it need as much again.
LIMIT = 1_500_000_000
SMALL = 1024  # bytes of a tensor that stays inside where others are in a second file


@dataclass(frozen=True, slots=True)
class Report:
    """What was written.

    bytes: of the file, and of the file of weights beside it where there is one.
    agreement: of onnxruntime with torch; of a quantised file, the same of the float32 file that it was made from.
    """

    path: Path
    opset: int
    bytes: int
    nodes: int
    agreement: Agreement
    quantized: Quantized | None = None

    @property
    def difference(self) -> float:
        """The largest of all differences."""
        return max(self.agreement.differences.values())


def export(
    model: nn.Module,
    path: Path,
    form: Form,
    *,
    opset: int | None = None,
    metadata: Mapping[str, str] | None = None,
    external: bool = False,
    int8: QuantizationData | None = None,
) -> Report:
    """Write a model as an ONNX file that takes ``input`` (N, *form.taken) and gives ``logits`` or ``probabilities``
    (N, classes), for any N.

    What is written is the model in eval mode; the model itself stays as it is.

    Args:
        metadata: goes into the file beside what ``form.about`` says.
        external: put the weights into ``path`` + ``.data``, for networks of more than ``LIMIT`` bytes.
        int8: quantise weights and activations to eight bits, calibrated and evaluated on this data.

    Raises:
        ArchError: the model has no ONNX form, or the file does not do what the model does. No file is left.
        EnvError: onnx is not installed, or the place cannot be written.
    """
    require()
    opset = _checked_opset(opset)
    if not external:
        _check_size(model, form)
    check(model)
    check_target(path)
    if external:
        _check_link(path)
    if form.mc:
        _check_masks(model)
    from archdsl.export.onnx import convert, gate  # they import onnx

    proto = convert.convert(deployed(model, form), form, opset, {**(metadata or {}), **form.about()})
    nodes = len(proto.graph.node)
    with replacing_several(path) as file:
        write(proto, file, external)
        del proto  # each copy of a large network's weights counts
        gate.check_file(file, form, opset, external)
        report = Report(path, opset, 0, nodes, gate.parity(file, deployed(model, form.plain), form))
        if int8 is not None:
            from archdsl.export.onnx.quantize import quantize

            nodes, quantized = quantize(file, form, opset, int8)
            report = replace(report, nodes=nodes, quantized=quantized)
        return replace(report, bytes=sum(part.stat().st_size for part in file.parent.iterdir()))


def write(proto: onnx.ModelProto, file: Path, external: bool = False) -> None:
    """One file, or with ``external`` the weights in a second one beside it."""
    if not external:
        file.write_bytes(proto.SerializeToString())
        return
    import onnx

    weights = file.with_name(f"{file.name}.data")
    numbers = [t for t in proto.graph.initializer if t.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)]
    if all(len(t.raw_data) < SMALL for t in numbers):  # onnx would leave them all inside, and write no second file
        for tensor in numbers:
            onnx.external_data_helper.set_external_data(tensor, weights.name)
    onnx.save_model(proto, file, save_as_external_data=True, location=weights.name, size_threshold=SMALL)
    if weights.exists():  # a net without weights has none
        weights.chmod(file.stat().st_mode)  # onnx makes it for the owner alone


def _check_masks(model: nn.Module) -> None:
    """torch's exporter writes plain recurrent layers step by step, and leaves the dropout between them out."""
    for name, module in model.named_modules():
        if isinstance(module, nn.RNN) and module.num_layers > 1 and module.dropout:
            raise ArchError(
                f"the dropout between the layers of `{name}` would not be active in an ONNX file: torch's exporter leaves it out",
                help="export a program of torch.export: model.pt2; or evaluate with `archdsl eval --mc`",
            )


def _check_link(path: Path) -> None:
    """Whoever opens a link looks for the second file beside the link, and it is beside the file."""
    place = real(path)
    if place.parent.resolve() != path.parent.resolve():
        raise ArchError(
            f"{path} is a link into another folder, and the weights that --external-data writes would not be found from it",
            help=f"name the file itself: {place}",
        )


def require() -> None:
    """Refuse where onnx or its kin are not installed.

    Raises:
        EnvError: they are not.
    """
    require_packages(*ONNX)


def _checked_opset(opset: int | None) -> int:
    """torch answers an opset that it cannot write with another one and a line in a log; here it is refused."""
    from onnx.defs import onnx_opset_version

    newest = onnx_opset_version()
    if opset is None:
        return OPSET
    if not OLDEST <= opset <= newest:
        raise ArchError(
            f"opset {opset} cannot be written: torch's exporter begins at {OLDEST}, and the installed onnx "
            f"ends at {newest}",
            help=f"--opset {OPSET} is the default",
        )
    return opset


def _check_size(model: nn.Module, form: Form) -> None:
    width = 2 if form.half else 4
    size = sum(t.numel() * width for t in (*model.parameters(), *model.buffers()))  # a shared tensor comes once
    if size > LIMIT:
        raise ArchError(
            f"the weights are {size / 1e9:.1f} GB, and one ONNX file should hold no more than {LIMIT / 1e9:g}",
            help="--external-data puts them into a second file beside it",
        )
