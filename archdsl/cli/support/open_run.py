"""A run's folder as a net that can be asked, for ``eval`` and ``predict``."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING

from archdsl.cli.output import say
from archdsl.errors import ArchError, EnvError, SpecError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.api import Spec
    from archdsl.evaluate import Trained
    from archdsl.runs.run import Run
    from archdsl.settings.experiment import DataSettings


@dataclass(frozen=True, eq=False)
class Opened:
    """A run with its spec and settings, and its net on a device. ``note`` says which device."""

    run: Run
    spec: Spec
    data: DataSettings
    seed: int
    net: Trained
    note: str


def opened(path: Path, device: str = "auto", data_root: Path | None = None) -> Opened:
    """The net of a run with its last weights.

    Raises:
        EnvError: there is no run, or no such device.
        StoreError: the spec or the weights of the run are damaged.
    """
    from archdsl.runs.run import load_run

    run = load_run(path)
    spec = spec_of(run)
    try:
        data, seed = _settings(spec)
    except ArchError as error:
        raise _unbuildable(run, error) from error
    from archdsl.device import choose_device
    from archdsl.emit.build import build
    from archdsl.evaluate import trained

    target, note = choose_device(device)
    net = trained(build(spec.trace), run, target)
    for text in _doubts(run):  # of weights that are there
        say(text)
    return Opened(run, spec, data, seed, net, note)


def spec_of(run: Run, input: str | None = None) -> Spec:
    """The spec of a run, with the input and the classes that it has recorded: its data is not needed.

    Args:
        input: another shape, as ``--input`` gives it.

    Raises:
        StoreError: the text is not a spec.
    """
    from archdsl.api import recorded

    try:
        return recorded(str(run.folder / "spec.arch"), run.spec, run.declared, input)
    except ArchError as error:
        if input is not None or (not isinstance(error, SpecError) and error.exit_code != 2):
            raise
        raise _unbuildable(run, error) from error


def _unbuildable(run: Run, error: ArchError) -> StoreError:
    from archdsl.runs.store.remedy import remedy

    return StoreError(
        f"{run.folder / 'spec.arch'} is not a spec that this version can build:\n{indent(str(error), '  ')}",
        help=f"repair it; {remedy(run.folder)}",
    )


def same_data(run: Run, data: DataSettings, root: Path | None = None, otherwise: str = "") -> DataSettings:
    """The data of a run, as it is now, if it is what the run learned from. A published set that is not on this machine is
    fetched.

    Args:
        otherwise: what the command can do without that data, for its refusal; by default what ``eval`` can.

    Raises:
        EnvError: it is gone, or has changed.
    """
    from dataclasses import replace

    from archdsl.data.fingerprint import fingerprint, short

    known, name = run.fingerprint, data.dataset.name
    other = otherwise or f"--data {name} evaluates on it as it is now; --data NAME on another data set"
    try:
        found = fingerprint(data.dataset, root, fetch=True)
    except EnvError as error:
        remedy = f"restore it, or {otherwise or '--data NAME evaluates on another data set'}"
        raise EnvError(f"the data of {run.folder} cannot be read: {error.message}", help=remedy) from error
    if not known:
        say(
            f"note: {run.folder} was trained before data fingerprints existed: whether {name} has changed since is not known"
        )
    elif found != known:
        raise EnvError(
            f"the data of {run.folder} has changed since: the fingerprint of {name} is {short(found)}, and the "
            f"run was trained on {short(known)}",
            help=f"restore the data; {other}",
        )
    return replace(data, fingerprint=found)


def _settings(spec: Spec) -> tuple[DataSettings, int]:
    from archdsl.settings.fold import fold_data, fold_train

    return fold_data(spec.graph.data), fold_train(spec.graph.train).seed


def _doubts(run: Run) -> list[str]:
    """What a reader of the figures should know of the weights."""
    if run.result is None:
        return [f"note: {run.folder} did not finish; these are the last weights that it saved"]
    found = []
    status = run.result.get("status")
    if status != "finished":
        found.append(f"note: {run.folder} ended as `{status}`; these are the weights that it kept")
    from archdsl.runs.conditions import precision_of

    precision = precision_of(run.plan or {})
    if precision not in ("", "fp32", "plain"):  # unknown for runs of older versions
        found.append(
            f"note: {run.folder} was trained and tested in {precision}; this command computes in float32, so that its "
            "figures may differ a little from those of the run"
        )
    return found
