"""``archdsl eval``: how good a trained net is, and how well it knows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.cli.options import DataRoot, Device, Format
from archdsl.cli.support.counter import Counter
from archdsl.errors import ArchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.cli.support.open_run import Opened
    from archdsl.evaluate import Part, Report, Shift, Trained
    from archdsl.evaluate.match import By
    from archdsl.settings.evaluation import EvaluationSettings
    from archdsl.settings.experiment import DataSettings

SHIFTS = "rotate, noise, blur, contrast and others of `archdsl words evaluate`"


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `archdsl train` made.")],
    mc: Annotated[
        int | None,
        typer.Option("--mc", metavar="N", min=2, max=10_000, help="Also the average of N passes with active dropout."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="NAME", help="Another data set than the run's; also folder:PATH.")
    ] = None,
    data_root: DataRoot = None,
    match: Annotated[
        Literal["name", "position"],
        typer.Option(
            "--match",
            help="How columns and classes of the data are matched with those of the net: by name, or by "
            "position where names differ.",
        ),
    ] = "name",
    part: Annotated[
        Literal["test", "valid", "train"], typer.Option("--part", help="Which images; never augmented.")
    ] = "test",
    shift: Annotated[
        list[str] | None,
        typer.Option(
            "--shift",
            metavar="WORD(X,Y)",
            help=f"Corrupt the images, a row for each strength: {SHIFTS}. May be given again.",
        ),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="WORDS",
            help="Words of an `evaluate` statement, such as 'lesion(3) mc(20)'; `archdsl words evaluate` lists them.",
        ),
    ] = None,
    format: Format = "table",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Draw the confusion matrix: .png, .svg or .pdf.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, max=500, help="Images per batch.")] = 500,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of dropout masks and corruptions.")] = 0,
    device: Device = "auto",
) -> None:
    """Evaluate a trained net: accuracy, calibration, each class, the confusion matrix; by one pass or by Monte Carlo
    dropout, on clean images or corrupted ones. The net runs in float32, whatever it was trained in. CSV has the totals
    alone, JSON everything."""
    from archdsl.accelerate.threads import yield_cores

    yield_cores(short=True)  # before torch is imported
    from archdsl.cli.output import put_json, put_table, say
    from archdsl.cli.support.open_run import opened
    from archdsl.cli.views.evaluation import record, tables
    from archdsl.report import FORMATS

    _check_target(save, shift or [])
    chosen = opened(run, device, data_root)
    images = _part(chosen, data, part, data_root, match)
    for text in images.notes:
        say(text)
    if not chosen.net.task.counted:
        from archdsl.cli.support.other_evaluations import evaluated

        given = {"--mc": mc, "--shift": shift, "--with": words, "--save": save}
        evaluated(chosen, images, [option for option, value in given.items() if value], format, batch, str(run), part)
        return
    asked = _asked(words)
    net = chosen.net if asked is None else _operated(chosen, asked, data_root)
    rows = _judged(net, images, _shifts(shift), asked, mc, batch=batch, seed=seed)
    if save is not None:
        from archdsl.evaluate.figure import draw

        draw(rows[-1][2], images.class_names, save, net.task.item)
    about = {
        "run": str(run),
        **({"evaluate": asked.text} if asked is not None else {}),
        "hash": chosen.spec.hash,
        "data": images.dataset,
        "part": part,
        **({"task": chosen.net.task.name} if not chosen.net.task.simple else {}),
        "seed": seed,
        "batch": batch,
        "device": str(chosen.net.device),
    }
    if format == "json":
        put_json(record(about, images.class_names, rows))
        return
    for number, table in enumerate(tables(about, images.class_names, rows)[: None if FORMATS[format].people else 1]):
        if number:
            put_line()
        put_table(table, format)


def put_line() -> None:
    """An empty line between two tables."""
    from archdsl.cli.output import put

    put("\n")


def _check_target(save: Path | None, shift: list[str]) -> None:
    """Refuse before any work what could not be drawn after it."""
    if save is None:
        return
    from archdsl.cli.support.targets import announce
    from archdsl.evaluate.figure import check_figure
    from archdsl.export.target import check_target

    if len(_shifts(shift)) > 1:
        raise ArchError(
            "--save draws one confusion matrix, and there are several strengths", help="give --shift one strength"
        )
    check_figure(save)
    check_target(save)
    announce(save)


def _shifts(texts: list[str] | None) -> list[Shift | None]:
    """The corruptions in order; None for images as they are."""
    from archdsl.evaluate.shifts import parse_shifts

    return [s for text in texts or [] for s in parse_shifts(text)] or [None]


def _part(chosen: Opened, name: str | None, part: Literal["test", "valid", "train"], root: Path | None, by: By) -> Part:
    """The part of the run's own data, or of the data called ``name``, matched with the net by names of columns and classes."""
    from archdsl.cli.output import say
    from archdsl.cli.support.open_run import same_data
    from archdsl.evaluate import part_of
    from archdsl.evaluate.match import columns_of, match

    own = chosen.data.dataset
    if name is None:
        if part == "train" and chosen.data.corrupt:
            say("note: the training images are evaluated as the data set has them, without the changes made by the run")
        data = same_data(chosen.run, chosen.data, root)
    else:
        data = _named(name, chosen.net.input, own, lambda: columns_of(chosen.net, own)[1])
    return part_of(data, chosen.seed, part, root, chosen.net, match(chosen.net, data.dataset, own, by))


def _named(name: str, shape: tuple[int, ...], own: Any, target: Callable[[], str]) -> DataSettings:
    """The data settings of a name on the command line. A folder's pictures get the size that the net takes, and a table
    called by its path alone is read as the run's own: with its target, and with or without a header.
    """
    from archdsl.api import read
    from archdsl.errors import Source
    from archdsl.expand.env import Budget, Env
    from archdsl.expand.settings import settings
    from archdsl.settings.fold import fold_data
    from archdsl.syntax import ast
    from archdsl.words.data.folders import Folder
    from archdsl.words.data.tables import Table

    # The words alone: to expand a whole text asks the data for its classes, and here it may have those of one class only.
    _, file = read(Source("--data", "net id\n"), data=name)
    (statement,) = (i for i in file.items if isinstance(i, ast.Statement) and i.kind == "data")
    found = fold_data(settings("data", statement, Env({}, Budget())))
    if isinstance(found.dataset, Folder) and name.startswith("folder:") and len(shape) == 3:
        return replace(found, dataset=replace(found.dataset, size=shape[-1]))
    if isinstance(found.dataset, Table) and name.startswith(("csv:", "parquet:")) and len(shape) == 1:
        header = getattr(own, "header", None) if found.dataset.kind == "csv" else None
        beside = own.numbers if isinstance(own, Table) else ""
        asked = own.target if isinstance(own, Table) and beside else target()
        return replace(found, dataset=replace(found.dataset, target=asked, header=header, numbers=beside))
    return found


Row = tuple["Shift | None", int, "Report"]


def _asked(words: str | None) -> EvaluationSettings | None:
    """What ``--with`` asks for."""
    from archdsl.expand.evaluation import evaluation
    from archdsl.settings.evaluation import fold_evaluation

    return fold_evaluation(evaluation(words, "--with")) if words is not None else None


def _operated(chosen: Opened, asked: EvaluationSettings, root: Path | None) -> Trained:
    from archdsl.api import experiment_of
    from archdsl.evaluate.carry_out import operated
    from archdsl.settings.evaluation import check_evaluation

    check_evaluation(asked, chosen.spec.trace, chosen.spec.task)
    experiment = experiment_of(chosen.spec, checked=False)
    return operated(chosen.spec.trace, chosen.run, chosen.net.device, asked, experiment, root)


def _judged(
    net: Trained,
    part: Part,
    shifts: list[Shift | None],
    asked: EvaluationSettings | None,
    mc: int | None,
    batch: int,
    seed: int,
) -> list[Row]:
    """A row for each corruption: as ``asked``, else of one pass, and with ``mc`` of so many."""
    from archdsl.evaluate import Shift, alive, evaluate

    always, own = (asked.of(Shift), asked.passes) if asked is not None else ((), None)
    several = list(dict.fromkeys((own, mc or own)))
    if any(several):
        with alive(net.model):  # refuses a net without dropout before any work
            pass
    rows: list[Row] = []
    with Counter(len(shifts) * sum(n or 1 for n in several) * len(part)) as counter:
        for shift in shifts:
            for passes in several:
                counter.begin(passes or 1)
                found = evaluate(
                    net,
                    part,
                    shifts=(*always, *([shift] if shift is not None else [])),
                    passes=passes,
                    batch=batch,
                    seed=seed,
                    listen=counter.tell,
                )
                rows.append((shift, passes or 1, found))
    return rows
