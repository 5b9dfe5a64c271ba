"""``archdsl train``: from a text to a run folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.cli.options import DataRoot, Device, OneSpec, Quiet, Set, finite
from archdsl.runs.conditions import ConditionOptions, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archdsl.api import Spec
    from archdsl.runs.run import Run
    from archdsl.settings.experiment import Experiment

SOME_FAILED = 3
EVALUATED = ("test_accuracy", "test_loss", "test_ece", "test_entropy", "test_information")


def command(
    spec: OneSpec,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAME", help="Another data set than the text's; also folder:PATH, csv:PATH."),
    ] = None,
    data_root: DataRoot = None,
    set: Set = None,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            "--runs",
            "--out",
            metavar="DIR",
            help="The folder that gets the run folder, `runs` by default; where "
            "SPEC is the folder of a run, its parent folder.",
        ),
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option("--precision", help="auto takes what a short probe finds fastest; plain is the reference loop."),
    ] = "auto",
    compile: Annotated[
        Literal["auto", "on", "off"],
        typer.Option("--compile", help="torch.compile: auto compiles where the predicted saving exceeds the cost."),
    ] = "auto",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume a run; an error if there is none (the same command resumes it without this option, too).",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Train again even if a run exists, or one on other data was interrupted."),
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="SECONDS",
            min=0.001,
            callback=finite,
            help="Stop this call after so many seconds of training; the next resumes.",
        ),
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Bitwise reproducible on a GPU too, at some cost; a CPU always is.")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option("--tensorboard", metavar="DIR", help="Write curves for TensorBoard, too.")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print the result.")] = "text",
    quiet: Quiet = False,
) -> None:
    """Train a network. Writes a run folder with its text, settings, events, weights and result.

    A text with an `evaluate` statement is trained, and then evaluated; the run is the same as without the statement.
    """
    from archdsl.accelerate.threads import yield_cores

    yield_cores()  # before torch is imported
    from archdsl.api import experiment_of
    from archdsl.cli.output import put, put_json, say, talk
    from archdsl.errors import ArchError
    from archdsl.runs.events import WARNING, warnings_in
    from archdsl.runs.recorded import runs_beside

    if resume and again:
        raise ArchError(
            "--resume and --again contradict each other",
            help="--again trains it from the first step; leave one of them out",
        )
    out = out if out is not None else runs_beside(spec)
    chosen = _loaded(spec, out, data, set or ())
    experiment = experiment_of(chosen)
    talk(chosen.notes, warnings_alone=quiet)
    requested = ConditionOptions(precision, device, compile, deterministic)
    experiment, before = _before(spec, experiment, data_root, out, requested, resume, again)
    cached = before is not None
    if before is not None and tensorboard is not None:
        say(f"note: no curves are written to {tensorboard}: the run is finished already")
    run = before if before is not None and _alone() else _run(
        chosen, experiment, quiet, None if cached else tensorboard, data_root=data_root, device=device, out=out,
        speed=precision, compile=compile, again=again, limit=time_limit, deterministic=deterministic,
    )  # fmt: skip
    if run is None:
        return
    for text in warnings_in(run.result or {}) if cached else ():
        say(f"{WARNING}{text}")
    told = _evaluation(chosen, experiment, run, device, data_root)
    if format == "json":
        put_json({**record(run, cached), **({"evaluation": told} if told is not None else {})})
    else:
        from archdsl.cli.views.trained import summary

        put(summary(run) + (f"{origin(run)}\n" if cached else "") + evaluation_line(told))
    if run.result is None or run.result["status"] != "finished":
        raise SystemExit(SOME_FAILED)


def _loaded(spec: str, out: Path, data: str | None, set: Sequence[str]) -> Spec:
    """The spec.

    Raises:
        EnvError: its data is not there; the help names a finished run of the text.
    """
    from archdsl.api import experiment_of, load, read, whole
    from archdsl.errors import EnvError
    from archdsl.runs.identify import of_its_place
    from archdsl.runs.run import on_other_data

    try:
        return load(spec, data=data, set=set)
    except EnvError as error:
        known = whole(*read(spec, data=data, set=set), runs=out)  # raises the same where no run is on that data
        experiment = experiment_of(known, checked=False)
        done = [run for run in of_its_place(experiment, on_other_data(out, experiment)) if run.done]
        if done:
            shown = shlex.join(["archdsl", "runs", "show", str(done[-1].folder)])
            error.help = f"{error.help}; this experiment has a finished run, which `{shown}` shows"
        raise


def _alone() -> bool:
    """Whether this process trains by itself; the others of a group wait for the one that leads."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1


def _leads() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def _before(
    spec: str,
    experiment: Experiment,
    data_root: Path | None,
    out: Path,
    requested: ConditionOptions,
    resume: bool,
    again: bool,
) -> tuple[Experiment, Run | None]:
    """The experiment with the fingerprint of its data, and its run if it is finished already: that one is shown, without
    torch.

    Raises:
        ArchError: it was trained under other conditions than are asked for, or the folder that ``spec`` names is another one.
        EnvError: the data is missing, or there is nothing to resume.
    """
    if not _leads():
        return experiment, None
    from archdsl.errors import EnvError
    from archdsl.runs.conflicts import check_conflicts
    from archdsl.runs.identify import check_found, identified, others_said
    from archdsl.runs.run import find_run

    experiment = identified(experiment, data_root, out)
    check_found(spec, out, experiment)
    run = find_run(out, experiment) if not again else None
    if resume and run is None:
        said = others_said(out, experiment)
        raise EnvError(
            f"no run of this experiment in {out} can be resumed" + "".join(f"; {t}" for t in said),
            help="leave --resume out to begin one, or name the folder of runs by --runs",
        )
    if run is None or not run.done:
        return experiment, None
    check_conflicts(run, requested)
    return experiment, run


def _run(spec: Spec, experiment: Experiment, quiet: bool, board: Path | None, **where: Any) -> Run | None:
    """The run; None in a process that does not lead the training."""
    from archdsl.cli.output import say
    from archdsl.cli.views.train_progress import Talk
    from archdsl.emit.build import build
    from archdsl.runs.run import place_of
    from archdsl.settings.finding import things
    from archdsl.train.fit import fit
    from archdsl.train.signals import Interrupted

    listeners: list[Any] = []
    leads = _leads()
    if board is not None and leads:
        from archdsl.runs.tensorboard import Board

        place = place_of(where["out"], experiment, where["again"])
        listeners.append(Board(board / place.name))  # a folder a run, so that several share one board
    try:
        with Talk(sys.stderr if leads else None, quiet, things(experiment.data.dataset.input)) as talk:
            listeners.append(talk)
            run = fit(
                build(spec.trace), experiment, listen=lambda e: [f(e) for f in listeners], every=talk.every, **where
            )
    except Interrupted as stop:
        if stop.folder is not None and leads:
            say(f"{stop}; the same command resumes it from {stop.folder}")
        raise SystemExit(stop.exit_code) from None
    finally:
        for listener in listeners:
            getattr(listener, "close", lambda: None)()
    return run if leads else None


def _evaluation(
    spec: Spec, experiment: Experiment, run: Run, device: str, root: Path | None
) -> Mapping[str, Any] | None:
    """The record of what the statement `evaluate` asks for; None without one, and for a run that did not finish."""
    from archdsl.runs.evaluations import stored
    from archdsl.settings.evaluation import fold_evaluation

    asked = fold_evaluation(spec.graph.evaluate)
    if asked is None or run.result is None or run.result["status"] != "finished":
        return None
    if (known := stored(run, asked.key(experiment.train.seed, spec.trace))) is not None:
        return known
    from archdsl.device import choose_device
    from archdsl.evaluate.carry_out import evaluated
    from archdsl.runs.identify import check_data, with_data

    experiment = with_data(experiment, run.fingerprint)
    check_data(experiment, root)
    return evaluated(spec.trace, run, choose_device(device)[0], asked, experiment, root)


def evaluation_line(told: Mapping[str, Any] | None) -> str:
    """The figures of an evaluation in a line; nothing without one."""
    if told is None:
        return ""
    from archdsl.expand.metrics import metric_of

    names = [n for n in EVALUATED if n in told["figures"]]
    texts = [
        f"{metric_of(name).label} " + (f"{100 * value:.2f} %" if metric_of(name).unit == "percent" else f"{value:.4f}")
        for name in names
        if (value := told["figures"][name]) is not None
    ]
    return f"evaluate {told['evaluate']}: {', '.join(texts)}\n"


def origin(run: Run) -> str:
    """Where a result comes from that was not trained by this command: a line that begins like the others of ``summary``."""
    known = provenance(run)
    parts = [f"{known['precision']} on {known['device']}", f"kernels {known['kernels']}", f"torch {known['torch']}",
             f"data {(known['fingerprint'] or 'unknown')[:8]}"]  # fmt: skip
    several = run.versions.get("processes", 1)
    parts += [f"{several} processes"] if several != 1 else []
    return f"cached: trained {known['trained']}, {', '.join(parts)}; --again trains it again"


def provenance(run: Run) -> dict[str, Any]:
    """When and on what a run was trained."""
    from archdsl.runs.conditions import conditions_of
    from archdsl.runs.index import ended

    known = conditions_of(run.versions)
    return {
        "trained": ended(run),
        "device": run.versions.get("device"),
        **{k: known[k] or None for k in ("precision", "kernels", "compile", "processor", "torch", "numerics")},
        "fingerprint": run.fingerprint or None,
    }


def record(run: Run, cached: bool = False) -> dict[str, Any]:
    """The result as plain values. ``cached``: this command trained nothing."""
    about = {"run": str(run.folder), "hash": run.settings["hash"], "spec": run.spec, "cached": cached}
    return {**about, **provenance(run), **(run.result or {})}
