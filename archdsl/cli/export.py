"""``archdsl export``: a spec or a run as an ONNX file, or as a Python file that needs torch alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.cli.options import Classes, Data, Input, Set
from archdsl.errors import ArchError, Source, StoreError

if TYPE_CHECKING:
    from torch import nn

    from archdsl.api import Spec
    from archdsl.train.runs import Run
    from archdsl.words.train.values import Init

Target = Literal["onnx", "torch"]
SUFFIXES: dict[str, Target] = {".onnx": "onnx", ".py": "torch"}
HARDLY = 1e-4  # logits that vary less than this, as a share of the largest, agree whatever is between


def command(
    spec: Annotated[str, typer.Argument(metavar="SPEC|RUN", help="A spec, or the folder of a run: its last weights.")],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="model.onnx, or model.py for a file of Python.")],
    to: Annotated[
        Target | None, typer.Option("--to", help="What to write, where the file's ending does not say.")
    ] = None,
    opset: Annotated[int | None, typer.Option("--opset", metavar="N", help="Version of ONNX's operators.")] = None,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of a spec's fresh weights; 0.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="FILE", help="Of a spec: as the word `init` in its text; from `archdsl transfer`."
        ),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print the report.")] = "text",
) -> None:
    """Write a spec or a run as ONNX: one file, any batch size, compared with onnxruntime before it gets its name. Or as
    a model.py that needs torch alone, with a run's weights beside it."""
    from archdsl.cli.output import put, put_json, talk

    kind = chosen(target, to)
    if kind == "torch" and (opset is not None or seed is not None):
        option = "--opset" if opset is not None else "--seed"
        raise ArchError(f"{option} has no effect on {target}", help="leave it out")
    set = [*(set or ()), f'train.init="{weights}"'] if weights is not None else set
    loaded, run = opened(spec, input=input, classes=classes, data=data, set=set, seed=seed)
    talk(loaded.notes)
    about = {"spec": loaded.name, "hash": loaded.hash, "input": list(loaded.input), "classes": loaded.classes}
    done = to_onnx(loaded, run, target, opset, seed or 0) if kind == "onnx" else to_torch(loaded, run, target)
    if format == "json":
        put_json({"path": str(target), "format": kind, **about, **done})
    else:
        put(f"{target}: {line(done)}\n")


def chosen(target: Path, to: Target | None) -> Target:
    """What to write, by ``--to`` or by the file's ending; one must not contradict the other."""
    by_ending = SUFFIXES.get(target.suffix.lower())
    if to is None and by_ending is None:
        raise ArchError(f"the ending of {target} does not say what to write",
                        help="end it in .onnx (ONNX) or .py (a file of Python), or give --to onnx or --to "
                        "torch")  # fmt: skip
    if to is not None and by_ending not in (None, to):
        raise ArchError(f"--to {to} and the ending of {target} contradict each other", help="leave --to out")
    return to or by_ending or "onnx"


def opened(spec: str, *, seed: int | None, **given: Any) -> tuple[Spec, Run | None]:
    """The spec, and the run if it is the folder of one. A run has its own data, classes and weights."""
    from archdsl.api import load

    folder = Path(spec)
    if not folder.is_dir():
        return load(spec, **{**given, "set": given["set"] or ()}), None
    from archdsl.train.runs import load_run

    other = [f"--{k}" for k, v in {**given, "seed": seed}.items() if v not in (None, []) and k != "input"]
    if other:
        raise ArchError(f"{other[0]} would change what the run {folder} is", help="of a run, only --input can differ")
    run = load_run(folder)
    return load(Source(str(folder / "spec.arch"), run.spec), input=given["input"]), run


def to_onnx(spec: Spec, run: Run | None, target: Path, opset: int | None, seed: int) -> dict[str, Any]:
    """Write the ONNX file; what was written, as plain values."""
    from archdsl.emit.onnx import export
    from archdsl.emit.target import check_target

    check_target(target)  # before torch is imported and weights are drawn
    init = init_of(spec) if run is None else None
    if run is None and init is None:
        say(f"note: the weights are fresh, of seed {seed}; the folder of a run has trained ones")
    weights = "trained" if run else f"of {init.source}" if init else f"fresh, seed {seed}"
    report = export(model_of(spec, run, seed), target, input=spec.input, classes=spec.classes, opset=opset,
                    metadata={**metadata(spec, run), "archdsl.weights": weights})  # fmt: skip
    if report.spread < HARDLY:
        say("note: the logits hardly depend on the input, so that torch and onnxruntime agree says little here")
    return {"weights": weights, "opset": report.opset, "bytes": report.bytes, "nodes": report.nodes,
            "difference": report.difference, "differences": {str(n): d for n, d in report.differences.items()},
            "spread": report.spread}  # fmt: skip


def to_torch(spec: Spec, run: Run | None, target: Path) -> dict[str, Any]:
    """Write the Python file, and weights that are not fresh beside it; what was written, as plain values."""
    import shutil

    from archdsl.emit.source import source
    from archdsl.emit.target import replacing

    beside = target.with_suffix(".safetensors")
    has = run is not None or init_of(spec) is not None
    how = f'\n\nWeights: model.load_state_dict(safetensors.torch.load_file("{beside.name}"))' if has else ""
    text = source(spec.trace, spec.canonical.strip() + how).encode()
    done: dict[str, Any] = {"bytes": len(text), "weights": str(beside) if has else None}
    with replacing(target) as file:
        file.write_bytes(text)
        if has:
            model = model_of(spec, run)  # the weights are whole and fit
            with replacing(beside) as weights:
                if run is not None:
                    shutil.copyfile(run.weights, weights)
                else:
                    from safetensors.torch import save_model  # with it comes torch

                    save_model(model, str(weights))
    return done


def model_of(spec: Spec, run: Run | None, seed: int = 0) -> nn.Module:
    """The network with a run's last weights, or with those that training would begin with: fresh ones, or what the word
    ``init`` of its text names.
    """
    from archdsl.emit.build import build
    from archdsl.train.init import initialise
    from archdsl.train.transfer.begin import begin

    model = build(spec.trace)
    if run is None:
        initialise(model, seed)
        for text in begin(model, init_of(spec), lambda: spec.trace).notes:
            say(f"note: {text}")
        return model
    try:
        model.load_state_dict(run.state())
    except RuntimeError as error:
        raise StoreError(f"the weights of {run.folder} do not fit its spec: {str(error).splitlines()[-1].strip()}",
                         help="another --input may not fit them; else train again") from error  # fmt: skip
    return model


def init_of(spec: Spec) -> Init | None:
    """The weights that the text begins with, None where it names none."""
    return next((s.value for s in spec.graph.train if s.entry.slot == "init"), None)


def metadata(spec: Spec, run: Run | None = None) -> dict[str, str]:
    """What a file says of its network besides shapes: the text, its hash, the names of the classes, and how images are
    normalised: (x / 255 - mean) / std for each channel, as JSON. A run says what it was trained with; a spec, what is
    published of its data set, which is nothing for a folder of one's own.
    """
    from archdsl.words.data.values import Dataset

    found = {"archdsl.spec": spec.canonical, "archdsl.hash": spec.hash}
    for setting in spec.graph.data:
        data = setting.value
        if isinstance(data, Dataset) and data.input[0] == spec.input[0]:  # another size is normalised alike
            known = (data.class_names, data.mean, data.std) if run is None else (
                run.facts.classes, run.facts.mean, run.facts.std)  # fmt: skip
            found["archdsl.data"] = data.name
            names = ("class_names", "mean", "std")
            found |= {f"archdsl.{k}": json.dumps(v) for k, v in zip(names, known, strict=True) if v}
    return found


def line(done: dict[str, Any]) -> str:
    """What was written, for a person."""
    size = f"{done['bytes']:,} bytes"
    if "opset" not in done:
        return size + (f", weights in {done['weights']}" if done["weights"] else "")
    batches = ", ".join(done["differences"])
    return (f"{size}, opset {done['opset']}, {done['nodes']} nodes, weights {done['weights']}; differs from torch by "
            f"{done['difference']:.1e} of the largest logit (batches {batches})")  # fmt: skip


def say(text: str) -> None:
    """Talk, to standard error."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)
