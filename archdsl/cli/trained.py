"""A run's folder as a net that can be asked, for ``eval`` and ``predict``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.cli.output import say
from archdsl.errors import ArchError, Source, SpecError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.api import Spec
    from archdsl.train.evaluate import Trained
    from archdsl.train.experiment import DataSettings
    from archdsl.train.runs import Run


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
        EnvError: there is no run, no such device, or the pictures of the run are gone.
        StoreError: the spec or the weights of the run are damaged.
    """
    from archdsl.api import load
    from archdsl.train.runs import load_run

    run = load_run(path)
    place = path / "spec.arch"
    try:
        spec = load(Source(str(place), run.spec))
        data, seed = _settings(spec)
    except ArchError as error:
        if not isinstance(error, SpecError) and error.exit_code != 2:
            raise
        help = "mend it or train again; where its data is a folder, are its classes the same?"
        raise StoreError(f"{place} is no spec that this version can build:\n{error}", help=help) from error
    for text in _doubts(run):
        say(text)
    from archdsl.emit.build import build
    from archdsl.train.device import choose_device
    from archdsl.train.evaluate import trained

    target, note = choose_device(device)
    net = trained(build(spec.trace), run, target)
    return Opened(run, spec, data, seed, net, note)


def _settings(spec: Spec) -> tuple[DataSettings, int]:
    from archdsl.train.experiment import fold_data, fold_train

    return fold_data(spec.graph.data), fold_train(spec.graph.train).seed


def _doubts(run: Run) -> list[str]:
    """What a reader of the figures should know of the weights."""
    if run.result is None:
        return [f"note: {run.folder} did not come to its end; these are the weights that it saved last"]
    status = run.result.get("status")
    if status != "finished":
        return [f"note: {run.folder} ended as `{status}`; these are the weights that it kept"]
    return []
