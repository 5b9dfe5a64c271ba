"""``archdsl train``: from a text to a run folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.cli.options import OneSpec, Set

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.train.experiment import Experiment
    from archdsl.train.runs import Run

SOME_FAILED = 3
FAILED = {"diverged": "diverged", "oom": "out of memory", "timeout": "stopped by the time limit"}


def command(
    spec: OneSpec,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAME", help="Another data set than the text's; also folder:PATH, csv:PATH."),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option("--data-root", metavar="DIR", help="Where the data lies; searched before ARCHDSL_DATA."),
    ] = None,
    set: Set = None,
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:NUMBER or mps.")
    ] = "auto",
    out: Annotated[
        Path, typer.Option("--runs", "--out", metavar="DIR", help="The folder that gets the run folder.")
    ] = Path("runs"),
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "plain"],
        typer.Option("--precision", help="auto takes what a short probe finds fastest; plain is the reference loop."),
    ] = "auto",
    compile: Annotated[
        Literal["auto", "on", "off"],
        typer.Option("--compile", help="torch.compile: auto does it where it should save more time than it takes."),
    ] = "auto",
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a run; an error if there is none (the same command does so anyway)."),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Train anew where a finished run is there.")] = False,
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", metavar="SECONDS", min=0.001, help="Stop after so many seconds of training."),
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Equal bits on a GPU too, at some cost; a CPU has them anyway.")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option("--tensorboard", metavar="DIR", help="Write curves for TensorBoard, too.")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print the result.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on the way.")] = False,
) -> None:
    """Train a network. Writes a run folder with its text, settings, events, weights and result."""
    from archdsl.train.threads import yield_cores

    yield_cores()  # before torch is imported
    from archdsl.api import experiment_of, load
    from archdsl.cli.output import put, put_json, talk

    chosen = load(spec, data=data, set=set or ())
    experiment = experiment_of(chosen)
    if not quiet:
        talk(chosen.notes)
    if resume:
        _check_resumable(out, experiment)
    run = _run(chosen, experiment, quiet, tensorboard, data_root=data_root, device=device, out=out, speed=precision,
               compile=compile, again=again, limit=time_limit, deterministic=deterministic)  # fmt: skip
    if run is None:
        return
    if format == "json":
        put_json(record(run))
    else:
        put(summary(run))
    if run.result is None or run.result["status"] != "finished":
        raise SystemExit(SOME_FAILED)


def _check_resumable(out: Path, experiment: Experiment) -> None:
    from archdsl.errors import EnvError
    from archdsl.train.runs import find_run

    if find_run(out, experiment) is None:
        raise EnvError(f"there is no run of this experiment in {out} to go on with",
                       help="leave --resume out to begin one, or name the folder of runs by --runs")  # fmt: skip


def _run(spec: Spec, experiment: Experiment, quiet: bool, board: Path | None, **where: Any) -> Run | None:
    """The run; None in a process that does not lead the training."""
    from archdsl.cli.output import say
    from archdsl.cli.progress import Talk
    from archdsl.emit.build import build
    from archdsl.train.fit import fit
    from archdsl.train.signals import Interrupted

    listeners: list[Any] = []
    if board is not None:
        from archdsl.train.boards import Board

        named = f"{experiment.name}-{experiment.digest}-s{experiment.train.seed}"
        listeners.append(Board(board / named))  # a folder a run, so that several share one board
    leads = int(os.environ.get("RANK", "0")) == 0
    try:
        with Talk(sys.stderr, quiet or not leads) as talk:
            listeners.append(talk)
            run = fit(
                build(spec.trace), experiment, listen=lambda e: [f(e) for f in listeners], every=talk.every, **where
            )
    except Interrupted as stop:
        if stop.folder is not None and leads:
            say(f"{stop}; the same command goes on from {stop.folder}")
        raise SystemExit(stop.exit_code) from None
    finally:
        for listener in listeners:
            getattr(listener, "close", lambda: None)()
    return run if leads else None


def summary(run: Run) -> str:
    """The result in two lines; each begins with a word that a script can look for."""
    result = run.result or {}
    if result.get("status") == "finished":
        first = f"test accuracy {100 * result['test_accuracy']:.2f} %"
        if result["best_valid_accuracy"] is not None:
            first += (
                f", validation {100 * result['valid_accuracy']:.2f} % "
                f"(best {100 * result['best_valid_accuracy']:.2f} % after epoch {result['best_epoch']})"
            )
        first += f", {result['seconds']:.1f} s"
        if result.get("why"):
            first += f"; ended after epoch {result['epochs']}: {result['why']}"
    else:
        first = f"{FAILED.get(str(result.get('status')), 'not finished')} at step {result.get('step')}"
    return f"{first}\nrun {run.folder}\n"


def record(run: Run) -> dict[str, Any]:
    """The result as plain values."""
    return {"run": str(run.folder), "hash": run.settings["hash"], "spec": run.spec, **(run.result or {})}
