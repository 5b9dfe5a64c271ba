"""``archdsl export``: a spec or a run as an ONNX file, or as Python source that needs torch alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Classes, Data, Input, OneSpec, Set

if TYPE_CHECKING:
    from archdsl.api import Spec


def command(
    spec: OneSpec,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="model.onnx, or model.py for Python source.")],
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    opset: Annotated[int | None, typer.Option("--opset", help="The version of ONNX's operators.")] = None,
) -> None:
    """Write a spec (with fresh weights) or the folder of a run (with its weights) as ONNX: one file, any batch size,
    compared with onnxruntime before it gets its name. A target that ends in .py gets Python source."""
    import sys

    from archdsl.api import load
    from archdsl.errors import ArchError, Source

    if target.suffix not in (".onnx", ".py"):
        raise ArchError(f"{target} ends in neither .onnx nor .py", help="name the file model.onnx or model.py")
    run = _run(spec)
    loaded = load(Source(spec, run.spec) if run else spec, input=input, classes=classes, data=data, set=set or ())
    if target.suffix == ".py":
        from archdsl.emit.source import source
        from archdsl.emit.target import replacing

        with replacing(target) as temporary:
            temporary.write_text(source(loaded.trace), encoding="utf-8")
        said = f"{target} written"
    else:
        said = _onnx(loaded, run, target, opset)
    if sys.stderr is not None:
        print(said, file=sys.stderr)


def _run(spec: str) -> Any:
    """The run in a folder, or None if the spec names none."""
    if not spec or "\0" in spec or len(spec) > 4096 or not Path(spec).is_dir():
        return None
    from archdsl.train.runs import load_run

    return load_run(spec)


def _onnx(loaded: Spec, run: Any, target: Path, opset: int | None) -> str:
    from archdsl.emit.build import build
    from archdsl.emit.onnx import export

    model = build(loaded.trace)
    if run is not None:
        model.load_state_dict(run.state())
    metadata = {"archdsl.spec": loaded.canonical, "archdsl.hash": loaded.hash}
    for setting in loaded.graph.data:
        mean, std = getattr(setting.value, "mean", None), getattr(setting.value, "std", None)
        if mean and std:
            metadata["archdsl.mean"], metadata["archdsl.std"] = ",".join(map(str, mean)), ",".join(map(str, std))
    report = export(model, target, input=loaded.input, classes=loaded.classes, opset=opset, metadata=metadata)
    return f"{target} written: opset {report.opset}, {report.bytes:,} bytes, largest difference {report.difference:.1e}"
