"""``archdsl bench``: how long networks take for a batch, in torch, as archdsl runs them, and in onnxruntime."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Classes, Format, Input
from archdsl.errors import ArchError, EnvError
from archdsl.report import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from archdsl.export.deploy import Form
    from archdsl.export.latency import Contender, Timing

BATCHES = "1,8,32"


def command(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL", help="Specs, folders of runs, and .onnx files, in any number.")
    ],
    batch: Annotated[str, typer.Option("--batch", metavar="N,…", help="Batch sizes.")] = BATCHES,
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="N", min=1, max=1024, help="Threads of each engine; by default all cores."),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, max=100_000, help="Number of measurements of each.")
    ] = 20,
    warmup: Annotated[
        int, typer.Option("--warmup", metavar="N", min=1, max=100_000, help="Number of warm-up calls before them.")
    ] = 3,
    compile: Annotated[
        bool, typer.Option("--compile", help="torch.compile too; it compiles for every batch size, which takes long.")
    ] = False,
    input: Input = None,
    classes: Classes = None,
    format: Format = "table",
) -> None:
    """Time networks: torch as it is, archdsl's form for `eval` and `predict` on a CPU, torch.compile, and the exported file in
    onnxruntime. The engines take turns, after they gave equal answers; the table has the median and the quartiles over the
    rounds. Weights do not matter for time: those of a spec are fresh.

    \b
    archdsl bench resnet20 vgg                       two specs at batches 1, 8, 32
    archdsl bench RUN --batch 1 --threads 1          one picture, one core
    archdsl bench RUN model.onnx int8.onnx           against exported files
    """
    from archdsl.accelerate.threads import yield_cores

    sizes = batch_sizes(batch)
    _check_names(models)
    _say_idle(models, {"--input": input, "--classes": classes, "--compile": compile})
    names = short_names(models)
    yield_cores(short=True)  # before torch is imported
    from tempfile import TemporaryDirectory

    import torch

    from archdsl.cli.output import put_json, put_table
    from archdsl.export.latency import COMPILED, machine, measure

    if compile and len(sizes) > COMPILED:
        raise ArchError(
            f"torch.compile keeps {COMPILED} batch sizes of one network, and {len(sizes)} are asked for",
            help="fewer in --batch",
        )
    if compile:
        from archdsl.accelerate.compiled import own_cache

        own_cache()
    count = threads or _cores()
    torch.set_num_threads(count)
    about = machine(count)  # the load from before our own
    with TemporaryDirectory(prefix="archdsl-bench-") as room:
        contenders = [
            one
            for number, model in enumerate(models)
            for one in _contenders(model, names[number], Path(room, f"{number}.onnx"), count, compile, input, classes)
        ]
        timings = measure(contenders, sizes, rounds, warmup, _tell)
    _tell("")
    if format == "json":
        put_json({"machine": about, "rounds": rounds, "warmup": warmup, "rows": [record(t) for t in timings]})
    else:
        put_table(table(timings, about), format)


def batch_sizes(text: str) -> list[int]:
    """The sizes in ``1,8,32``, each once, in their order."""
    sizes = []
    for part in text.split(","):
        if not (part.strip().isascii() and part.strip().isdecimal() and 0 < int(part) <= 1_000_000):
            raise ArchError(
                f"--batch {text}: {part.strip() or 'nothing'!r} is not a batch size", help=f"--batch {BATCHES}"
            )
        sizes.append(int(part))
    return list(dict.fromkeys(sizes))


def _check_names(models: list[str]) -> None:
    twice = {m for m in models if models.count(m) > 1}
    if twice:
        raise ArchError(f"{min(twice)} is given twice", help="name each model once")


def _say_idle(models: list[str], given: dict[str, Any]) -> None:
    """Say which options ONNX files do not take: what is in them is timed as it is."""
    from archdsl.cli.output import say

    idle, files = [option for option, value in given.items() if value], [m for m in models if _is_onnx(m)]
    if idle and files:
        say(f"note: {' and '.join(idle)}: without effect on ONNX files: {', '.join(files)}")


def _is_onnx(model: str) -> bool:
    return model.lower().endswith(".onnx")


def _contenders(
    model: str, name: str, file: Path, threads: int, compile: bool, input: str | None, classes: int | None
) -> list[Contender]:
    """The engines that one model runs in."""
    from archdsl.cli.commands.export import model_of, opened
    from archdsl.cli.output import say
    from archdsl.export import latency
    from archdsl.export.deploy import Form, deployed

    if _is_onnx(model):
        return [_file(model, threads)]
    spec, run = opened(model, seed=None, input=input, classes=classes, data=None, set=[])
    form = Form(spec.input, spec.classes, task=spec.task, shape=spec.trace.out)
    made = model_of(spec, run)
    plain = deployed(made, form.plain)
    found = [latency.eager(name, plain, form)]
    if (own := _answering(plain, form)) is not None:
        found.append(latency.eager(name, own, form, "archdsl"))
    if compile:
        found.append(latency.compiled(name, plain, form))
    _tell(f"{name}: exporting")
    try:
        from archdsl.export.onnx import export

        export(made, file, form)
        found.append(latency.session(name, file, threads, form))
    except ArchError as error:
        say(
            f"note: {name} is not timed in onnxruntime: {error.message.splitlines()[0]}"
            + (f" ({error.help})" if error.help else "")
        )
    return found


def _answering(plain: nn.Module, form: Form) -> nn.Module | None:
    """The net as `eval` and `predict` run it on a CPU; None where they run it as it is."""
    import copy

    from archdsl.accelerate.inference import Answering, answering
    from archdsl.export.deploy import Deployed

    net = plain.net if isinstance(plain, Deployed) else plain
    own = answering(copy.deepcopy(net), len(form.input) == 3)
    if not isinstance(own, Answering):
        return None
    return Deployed(own, form.plain) if isinstance(plain, Deployed) else own


def _file(model: str, threads: int) -> Contender:
    from archdsl.export import latency
    from archdsl.export.onnx.exporter import require

    require()
    if not os.path.isfile(model):
        raise EnvError(f"there is no file {model}", help="`archdsl export` writes one")
    return latency.session(model, Path(model), threads)


def short_names(models: list[str]) -> list[str]:
    """A name for the table for each model, no two alike, as engines of one name are held to be of one network."""
    found: list[str] = []
    for model in models:
        name = model if len(model) <= 40 else f"{model[:19]}…{model[-20:]}"
        own, number = name, 2
        while own in found or (own != model and own in models):
            own, number = f"{name} ({number})", number + 1
        found.append(own)
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def record(timing: Timing) -> dict[str, Any]:
    """A row for machines, in seconds."""
    low, high = timing.quartiles
    return {
        "model": timing.model,
        "engine": timing.engine,
        "batch": timing.batch,
        "seconds": timing.median,
        "first_quartile": low,
        "third_quartile": high,
        "images_per_second": timing.rate,
        "rounds": len(timing.seconds),
        "calls": timing.calls,
    }


def table(timings: Sequence[Timing], about: Any) -> Table:
    """The rows for a person, in milliseconds; the notes say where they come from."""
    columns = (
        Column("model"),
        Column("engine"),
        Column("batch", "int"),
        Column("ms", "float", digits=3),
        Column("middle half", align="right", key="middle_half_ms"),
        Column("images/s", "compact", key="images_per_second"),
        Column("rounds", "int"),
    )
    rows = []
    for one in timings:
        low, high = (1000 * t for t in one.quartiles)
        rows.append(
            (one.model, one.engine, one.batch, 1000 * one.median, f"{low:.3f}–{high:.3f}", one.rate, len(one.seconds))
        )
    told = ", ".join(f"{k} {v}" for k, v in about.items() if k not in ("processor", "cores", "threads", "load"))
    notes = (
        f"{about['processor']}, {about['cores']} cores, threads an engine: {about['threads']}; load {about['load']} before",
        told,
        "medians over the rounds; compare only figures of one table, and only differences beyond the middle halves",
    )
    return Table(columns, tuple(rows), notes=notes)


def _tell(text: str) -> None:
    """A live line on a terminal, nothing elsewhere."""
    from archdsl.cli.output import live
    from archdsl.report import is_terminal

    if sys.stderr is not None and is_terminal(sys.stderr):
        live(text)
