"""``archdsl export``: a spec or a run as an ONNX file, a torch.export program, or Python source that needs torch alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.cli.options import Classes, Data, Input, Set, finite
from archdsl.errors import ArchError, StoreError

if TYPE_CHECKING:
    from torch import nn

    from archdsl.api import Spec
    from archdsl.runs.run import Run
    from archdsl.words.train.tuning import Init

Target = Literal["onnx", "exported", "torch"]
SUFFIXES: dict[str, Target] = {".onnx": "onnx", ".pt2": "exported", ".py": "torch"}


def command(
    spec: Annotated[str, typer.Argument(metavar="SPEC|RUN", help="A spec, or the folder of a run: its last weights.")],
    target: Annotated[
        Path, typer.Argument(metavar="FILE", help="model.onnx; model.pt2 for torch.export; model.py for source.")
    ],
    to: Annotated[
        Target | None, typer.Option("--to", help="What to write, where the file's ending does not say.")
    ] = None,
    opset: Annotated[int | None, typer.Option("--opset", metavar="N", help="Version of ONNX's operators; 21.")] = None,
    preprocess: Annotated[
        Literal["nchw", "nhwc", "values"] | None,
        typer.Option(
            "--preprocess",
            help="Take bytes as (C, H, W) or (H, W, C), or the values of a table, and "
            "normalise them inside. Images are not resized.",
        ),
    ] = None,
    softmax: Annotated[bool, typer.Option("--softmax", help="Give probabilities instead of logits.")] = False,
    mc: Annotated[bool, typer.Option("--mc", help="Keep dropout active: each call draws new masks.")] = False,
    half: Annotated[bool, typer.Option("--half", help="Weights and activations in float16; ends float32.")] = False,
    half_io: Annotated[bool, typer.Option("--half-io", help="With --half: inputs and outputs too.")] = False,
    quantize: Annotated[
        Literal["int8"] | None,
        typer.Option("--quantize", help="Static, calibrated on training images; with its test accuracy."),
    ] = None,
    calibrate: Annotated[
        int | None, typer.Option("--calibrate", metavar="N", min=1, help="Images to calibrate on; 512.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop", metavar="FRACTION", min=0, max=1, callback=finite, help="Accuracy that int8 may lose; 0.02."
        ),
    ] = None,
    no_fold: Annotated[bool, typer.Option("--no-fold", help="Keep batch norm as separate layers.")] = False,
    external_data: Annotated[
        bool, typer.Option("--external-data", help="Weights in FILE.data beside it; for more than 1.5 GB.")
    ] = False,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="A,B,…|FILE", help="Names of the classes, for the metadata.")
    ] = None,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Seed of the initial weights of a spec; 0.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="Initial weights of a spec, as by the word `init`; from `archdsl transfer`.",
        ),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            "--data-root", metavar="DIR", help="The folder of the data for --quantize; searched before ARCHDSL_DATA."
        ),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print the report.")] = "text",
) -> None:
    """Write a spec or a run as ONNX: one file, any batch size, compared with onnxruntime before it gets its name; as a
    program of torch.export; or as a model.py that needs torch alone, with a run's weights beside it.

    \b
    archdsl export RUN model.onnx                               compared with torch
    archdsl export RUN model.onnx --preprocess nhwc --softmax   bytes in, probabilities out
    archdsl export RUN model.onnx --quantize int8               with its test accuracy
    archdsl export RUN model.onnx --mc                          dropout alive
    archdsl export RUN model.py                                 then: python model.py
    """
    from archdsl.cli.output import put, put_json, talk
    from archdsl.cli.support.export_files import ExportOptions, line, write, written
    from archdsl.cli.support.targets import announce
    from archdsl.words.data.heads import own_path

    kind = chosen(target, to)
    options = ExportOptions(
        opset,
        preprocess,
        softmax,
        mc,
        half,
        half_io,
        quantize,
        calibrate,
        max_drop,
        no_fold,
        external_data,
        labels,
        seed,
        data_root,
    )
    options.check(kind, target)
    set = [*(set or ()), _initial(weights, spec)] if weights is not None else set
    loaded, run = opened(spec, input=input, classes=classes, data=data, set=set, seed=seed)
    talk(loaded.notes)
    init = init_of(loaded) if run is None else None
    files = written(target, kind, run is not None or init is not None, external_data)
    announce(*files, read=(loaded.name, labels, own_path(init.source) if init is not None else None))
    done = write(loaded, run, target, kind, options)
    if format == "json":
        about = {"spec": loaded.name, "hash": loaded.hash, "input": list(loaded.input), "classes": loaded.classes}
        put_json({"path": str(target), "format": kind, **about, **done})
    else:
        put(f"{target}: {line(done)}\n")


def chosen(target: Path, to: Target | None) -> Target:
    """What to write, by ``--to`` or by the file's ending; one must not contradict the other."""
    by_ending = SUFFIXES.get(target.suffix.lower())
    if to is None and by_ending is None:
        raise ArchError(
            f"the ending of {target} does not say what to write",
            help="end it in .onnx (ONNX), .pt2 (torch.export) or .py (a file of Python), or give --to",
        )
    if to is not None and by_ending not in (None, to):
        raise ArchError(f"--to {to} and the ending of {target} contradict each other", help="leave --to out")
    return to or by_ending or "onnx"


def _initial(weights: str, spec: str) -> str:
    """The setting that `--weights` stands for; a run has weights of its own."""
    if os.path.isdir(spec):
        raise ArchError(
            f"--weights would change the weights of the run {spec}",
            help="leave it out: the weights of the run are exported",
        )
    if not weights or any(mark in weights for mark in '"#\n\r'):
        raise ArchError(
            f"--weights {weights!r} cannot be written as a text: there is a quotation mark, a #, or nothing in it",
            help="give the file another name",
        )
    return f'train.init="{weights}"'


def opened(spec: str, *, seed: int | None, **given: Any) -> tuple[Spec, Run | None]:
    """The spec, and the run if it is the folder of one. A run has its own data, classes and weights."""
    from archdsl.api import load

    folder = Path(spec)
    if not os.path.isdir(folder):  # False of a text that is too long for a name
        return load(spec, **{**given, "set": given["set"] or ()}), None
    from archdsl.cli.support.open_run import spec_of
    from archdsl.runs.run import load_run

    other = [f"--{k}" for k, v in {**given, "seed": seed}.items() if v not in (None, []) and k != "input"]
    if other:
        raise ArchError(
            f"{other[0]} would change the experiment of the run {folder}", help="for a run, only --input can be changed"
        )
    run = load_run(folder)
    return spec_of(run, given["input"]), run


def model_of(spec: Spec, run: Run | None, seed: int = 0) -> nn.Module:
    """The network with a run's last weights, or with those that training would begin with: fresh ones, or what the word
    ``init`` of its text names.
    """
    from archdsl.cli.output import say
    from archdsl.emit.build import build
    from archdsl.runs.events import WARNING
    from archdsl.train.init import initialise
    from archdsl.transfer.begin import begin

    model = build(spec.trace)
    if run is None:
        initialise(model, seed)
        for text in begin(model, init_of(spec), lambda: spec.trace).notes:
            say(text if text.startswith(WARNING) else f"note: {text}")
        return model
    try:
        model.load_state_dict(run.state())
    except RuntimeError as error:
        from archdsl.runs.store.remedy import remedy

        raise StoreError(
            f"the weights of {run.folder} do not fit its spec: {str(error).splitlines()[-1].strip()}",
            help=f"another --input may not fit them; {remedy(run.folder)}",
        ) from error
    if not run.done:
        say(f"note: {run.folder} did not finish; these are the weights of its last checkpoint")
    elif (status := (run.result or {}).get("status")) != "finished":
        say(f"note: {run.folder} ended as `{status}`; these are the weights that it kept")
    return model


def init_of(spec: Spec) -> Init | None:
    """The weights that the text begins with, None where it names none."""
    return next((s.value for s in spec.graph.train if s.entry.slot == "init"), None)
