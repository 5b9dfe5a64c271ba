"""What ``archdsl export`` writes: the options together, and each kind of file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.cli.output import say
from archdsl.cli.support.export_about import facts, metadata
from archdsl.errors import ArchError
from archdsl.export.target import real
from archdsl.export.torchfile import SUFFIX
from archdsl.ir.fans import heads_of
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.export.deploy import Form, Layout
    from archdsl.export.onnx.quantize import QuantizationData
    from archdsl.export.torchfile import Scales
    from archdsl.runs.run import Run

HARDLY = 1e-4  # logits that vary less than this, as a fraction of the largest, agree whatever is between
CALIBRATED, DROP = 512, 0.02
# Options that only some kinds of file have; the others take all of them.
ONLY_ONNX = ("opset", "quantize", "calibrate", "max_drop", "external_data")
NOT_SOURCE = ("preprocess", "softmax", "mc", "half", "half_io", "no_fold", "seed", "labels", "data_root")
# An option, one that it cannot be combined with, and why.
APART = (
    ("quantize", "half", "a file is quantised or in half precision"),
    ("quantize", "mc", "random layers cannot be calibrated"),
    ("quantize", "external_data", "a quantised network always fits into one file"),
    ("quantize", "no_fold", "convolutions are quantised together with their batch norm"),
    ("mc", "half", "the drawn distribution is compared in float32"),
)
NEEDED = (("half_io", "half"), ("calibrate", "quantize"), ("max_drop", "quantize"), ("data_root", "quantize"))


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of the command line, as they are given."""

    opset: int | None
    preprocess: Layout | None
    softmax: bool
    mc: bool
    half: bool
    half_io: bool
    quantize: str | None
    calibrate: int | None
    max_drop: float | None
    no_fold: bool
    external_data: bool
    labels: str | None
    seed: int | None
    data_root: Path | None

    def check(self, kind: str, target: Path) -> None:
        """Refuse an option that would have no effect, or that contradicts another."""
        idle = {"onnx": (), "exported": ONLY_ONNX, "torch": ONLY_ONNX + NOT_SOURCE}[kind]
        for name in idle:
            if self._given(name):
                raise ArchError(f"{_option(name)} has no effect on {target}", help="leave it out")
        for name, other, why in APART:
            if getattr(self, name) and getattr(self, other):
                raise ArchError(
                    f"{_option(name)} and {_option(other)} exclude each other: {why}", help="leave one of them out"
                )
        for name, other in NEEDED:
            if self._given(name) and not getattr(self, other):
                raise ArchError(f"{_option(name)} has no effect without {_option(other)}", help="leave it out")

    def _given(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and value is not False  # 0 is a value


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def write(spec: Spec, run: Run | None, target: Path, kind: str, options: ExportOptions) -> dict[str, Any]:
    """Write the file; what was written, as plain values."""
    from archdsl.cli.commands.export import init_of
    from archdsl.export.target import check_target

    check_target(target)  # before torch is imported and weights are drawn
    about = metadata(spec, run, options.labels)
    if kind == "torch":
        return to_torch(spec, run, target, about)
    init = init_of(spec) if run is None else None
    weights = "trained" if run else f"of {init.source}" if init else f"fresh, seed {options.seed or 0}"
    if run is None and init is None:
        say(f"note: the weights are fresh, of seed {options.seed or 0}; the folder of a run has trained weights")
    to = to_onnx if kind == "onnx" else to_exported
    done = to(spec, run, target, options, {**about, "archdsl.weights": weights})
    if done["spread"] < HARDLY:
        say("note: the logits hardly depend on the input, so their agreement says little")
    return {"weights": weights, **done}


def written(target: Path, kind: str, weighted: bool, external: bool = False) -> tuple[Path, ...]:
    """The files that are going to be written: the target, and where there is one the second file with the weights.

    Raises:
        ArchError: both have one name.
        EnvError: the target is a folder or a device.
    """
    place = real(target)
    if external:
        return target, place.with_name(f"{place.name}.data")
    if kind != "torch" or not weighted:
        return (target,)
    if (beside := place.with_suffix(SUFFIX)) == place:
        raise ArchError(
            f"{target} cannot be the source: the weights get a file of their own beside it, and that has this name",
            help=f"name the source {target.with_suffix('.py')}",
        )
    return target, beside


def form_of(spec: Spec, run: Run | None, options: ExportOptions) -> Form:
    """What the file takes and gives."""
    from archdsl.export.deploy import Form

    known = facts(spec, run)
    return Form(
        spec.input,
        spec.classes,
        options.preprocess,
        known.get("mean", ()),
        known.get("std", ()),
        options.softmax,
        options.mc,
        not options.no_fold,
        options.half,
        options.half_io,
        run.facts.task if run is not None else spec.task,
        spec.trace.out,
        heads_of(spec.trace),
    )


def to_onnx(spec: Spec, run: Run | None, target: Path, options: ExportOptions, about: dict[str, str]) -> dict[str, Any]:
    """Write an ONNX file."""
    from archdsl.cli.commands.export import model_of
    from archdsl.export.onnx import export
    from archdsl.export.onnx.exporter import require

    require()
    form = form_of(spec, run, options)
    report = export(
        model_of(spec, run, options.seed or 0),
        target,
        form,
        opset=options.opset,
        metadata=about,
        external=options.external_data,
        int8=_quantization_data(spec, run, form, options) if options.quantize else None,
    )
    done = {
        "opset": report.opset,
        "bytes": report.bytes,
        "nodes": report.nodes,
        "difference": report.difference,
        "differences": {str(n): d for n, d in report.agreement.differences.items()},
        "spread": report.agreement.spread,
        "gives": form.about()["archdsl.gives"],
        "mode": form.about()["archdsl.mode"],
        "precision": "int8" if options.quantize else form.about()["archdsl.precision"],
    }
    if (cost := report.quantized) is not None:
        done["int8"] = {
            "images": cost.images,
            "calibrated": cost.calibrated,
            "accuracy": cost.accuracy8,
            "accuracy_float32": cost.accuracy32,
            "same_class": cost.same,
            "bytes_float32": cost.bytes32,
        }
    return done


def _quantization_data(spec: Spec, run: Run | None, form: Form, options: ExportOptions) -> QuantizationData:
    """The data of the text, to quantise by; of a run, only if it is still what the run learned from."""
    if not form.task.simple:
        raise ArchError(
            f"--quantize measures what eight bits cost in accuracy of whole images, and the task is {form.task.name}",
            help="export without --quantize",
        )
    from archdsl.cli.support.open_run import same_data
    from archdsl.evaluate.quantization_data import quantization_data
    from archdsl.settings.fold import fold_data, fold_train

    data, seed = fold_data(spec.graph.data), fold_train(spec.graph.train).seed
    if run is not None:
        data = same_data(run, data, options.data_root, otherwise="leave --quantize out")
    return quantization_data(
        data,
        seed,
        form,
        count=options.calibrate or CALIBRATED,
        root=options.data_root,
        drop=DROP if options.max_drop is None else options.max_drop,
    )


def to_exported(
    spec: Spec, run: Run | None, target: Path, options: ExportOptions, about: dict[str, str]
) -> dict[str, Any]:
    """Write a program of torch.export."""
    from archdsl.cli.commands.export import model_of
    from archdsl.export.exported import export

    form = form_of(spec, run, options)
    report = export(model_of(spec, run, options.seed or 0), target, form, metadata=about)
    found = report.agreement
    return {
        "bytes": report.bytes,
        "nodes": report.nodes,
        "difference": max(found.differences.values()),
        "differences": {str(n): d for n, d in found.differences.items()},
        "spread": found.spread,
        "gives": form.about()["archdsl.gives"],
        "mode": form.about()["archdsl.mode"],
        "precision": form.about()["archdsl.precision"],
    }


def to_torch(spec: Spec, run: Run | None, target: Path, about: dict[str, str]) -> dict[str, Any]:
    """Write the Python file, and weights that are not fresh beside it."""
    from archdsl.cli.commands.export import init_of, model_of
    from archdsl.export.torchfile import write as write_source

    has = run is not None or init_of(spec) is not None
    file, *beside = written(target, "torch", has)
    sizes = write_source(
        spec.trace,
        file,
        spec.canonical,
        model_of(spec, run) if has else None,
        about,
        _scales(spec, run) if has else None,
    )
    return {"bytes": sizes[real(file).name], "weights": str(beside[0]) if beside else None}


def _scales(spec: Spec, run: Run | None) -> Scales | None:
    """What gives the values of the network the units of the targets."""
    from archdsl.export.deploy import scales_of

    known = run.declared if run is not None else None
    return scales_of((known or spec.declared).task or spec.task, heads_of(spec.trace))


def line(done: dict[str, Any]) -> str:
    """What was written, for a person."""
    size = f"{done['bytes']:,} bytes"
    if "spread" not in done:
        return size + (f", weights in {done['weights']}" if done["weights"] else "")
    batches = ", ".join(done["differences"])
    opset = f", opset {done['opset']}" if "opset" in done else ""
    kind = {"float16": ", float16", "int8": ", int8"}.get(done["precision"], "")
    text = f"{size}{kind}{opset}, {done['nodes']} nodes, weights {done['weights']}; "
    if done["mode"] == "mc-dropout":
        compared = (
            f"mean probabilities within {done['difference']:.1e} of torch's"
            if done["gives"] in ("logits", "probabilities")
            else f"mean values within {done['difference']:.1e} of the largest of torch's"
        )
        return f"{text}dropout active, {compared} (batches {batches})"
    if (cost := done.get("int8")) is not None:
        return text + (
            f"test accuracy {cost['accuracy']:.2%} (float32: {cost['accuracy_float32']:.2%}) on "
            f"{many(cost['images'], 'image')}, {done['bytes'] / cost['bytes_float32']:.0%} of the bytes"
        )
    largest = {"logits": "logit", "probabilities": "probability", "values": "value"}.get(done["gives"], "answer")
    return text + f"differs from torch by {done['difference']:.1e} of the largest {largest} (batches {batches})"
