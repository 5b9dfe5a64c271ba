"""``archdsl train SPEC``: from a text to a run folder."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.errors import ArchError

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.train.experiment import Experiment
    from archdsl.train.runs import Run

SOME_FAILED = 3


class Output(StrEnum):
    """What is written to the standard output."""

    text = "text"
    json = "json"


def train(
    spec: Annotated[str, typer.Argument(help="A file, a shipped spec's name, `-`, or the text itself.")],
    data: Annotated[str | None, typer.Option(help="A data set in place of the text's, or folder:PATH.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where the data lies; before ARCHDSL_DATA.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, for example train.epochs=1; goes into the text.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER or mps.")] = "auto",
    out: Annotated[Path, typer.Option(help="The folder that gets the run folder.")] = Path("runs"),
    output: Annotated[Output, typer.Option("--format", help="The result as text or as JSON.")] = Output.text,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train a network, and write a run folder with its text, settings, events, weights and result."""
    from archdsl.train.threads import yield_cores

    yield_cores()  # before torch is imported
    from archdsl import api

    chosen = api.load(spec, data=data_text(data) if data else None, set=settings or ())
    experiment = experiment_of(chosen)
    run = _run(chosen, experiment, data_root=data_root, device=device, out=out, quiet=quiet)
    typer.echo(as_json(run) if output is Output.json else summary(run))
    if run.result is None or run.result["status"] != "finished":
        raise typer.Exit(SOME_FAILED)


def experiment_of(spec: Spec) -> Experiment:
    """The settings of a spec that is to be trained."""
    from archdsl.train.experiment import Experiment, fold_data, fold_train

    name = Path(spec.name).stem if spec.name.endswith(".arch") else "net"
    data = fold_data(spec.graph.data)
    return Experiment(name, spec.canonical, data, fold_train(spec.graph.train), spec.hash)


def data_text(name: str) -> str:
    """What ``--data NAME`` means in a text: a data set's name as it stands, ``folder:PATH`` as its word."""
    if not name.startswith("folder:"):
        return name
    path = name.removeprefix("folder:")
    if not path or any(c in path for c in '"\n\r#'):
        raise ArchError(f"--data {name!r} names no folder that a text can hold", help="write folder:PATH")
    return f'folder("{path}")'


def _run(spec: Spec, experiment: Experiment, *, quiet: bool, **where: Any) -> Run:
    from archdsl.cli.progress import Talk
    from archdsl.emit.build import build
    from archdsl.train.fit import fit
    from archdsl.train.signals import Interrupted

    try:
        with Talk(sys.stderr, quiet) as talk:
            return fit(build(spec.trace), experiment, listen=talk, every=talk.every, **where)
    except Interrupted as stop:
        if stop.folder is not None:
            typer.echo(f"{stop}; the last weights are in {stop.folder}", err=True)
        raise typer.Exit(stop.exit_code) from None


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
    else:
        first = f"diverged at step {result.get('step')}"
    return f"{first}\nrun {run.folder}"


def as_json(run: Run) -> str:
    """The result as one JSON object."""
    from archdsl.train.runs import plain

    about = {"run": str(run.folder), "hash": run.settings["hash"], "spec": run.spec}
    return json.dumps(plain({**about, **(run.result or {})}), allow_nan=False)
