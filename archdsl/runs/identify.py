"""Which data an experiment is on, and what the store has of the same experiment on other data. Loads no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.data.fingerprint import fingerprint, short
from archdsl.errors import ArchError, EnvError
from archdsl.runs.recorded import folder_of
from archdsl.runs.run import Run, identity, on_other_data, place_of, same_text
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.runs.store.lock import held
from archdsl.runs.store.settings import read_settings
from archdsl.words.data.heads import own_path
from archdsl.words.data.values import Own

if TYPE_CHECKING:
    from archdsl.settings.experiment import Experiment

BEFORE = "before data fingerprints existed"


def with_data(experiment: Experiment, value: str) -> Experiment:
    """The experiment on data of this fingerprint."""
    return replace(experiment, data=replace(experiment.data, fingerprint=value))


def identified(experiment: Experiment, root: str | Path | None = None, out: Path | None = None) -> Experiment:
    """The experiment with the fingerprint of its data; one that has it stays as it is. A published set that is not on this
    machine is downloaded, unless ``out`` has a finished run of the experiment, which then says what its data was.

    Raises:
        EnvError: the data is missing, cannot be read or cannot be fetched.
    """
    if experiment.data.fingerprint:
        return experiment
    found = fingerprint(experiment.data.dataset, root)
    if not found and out is not None:
        done = [run for run in on_other_data(out, experiment) if run.done and run.fingerprint]
        found = done[-1].fingerprint if done else ""
    return with_data(experiment, found or fingerprint(experiment.data.dataset, root, fetch=True))


def check_data(experiment: Experiment, root: str | Path | None = None) -> None:
    """Refuse data that is not what the experiment is on. Asked once the data has been read, so that what was read is what
    the run is named by.

    Raises:
        EnvError: it is other data.
    """
    if changed := data_changed(experiment, root):
        raise EnvError(changed, help="restore the data, or start again when nothing writes to it")


def data_changed(experiment: Experiment, root: str | Path | None = None) -> str:
    """What is to be said where the data is not what the experiment is on; "" where it is, or where nobody has looked."""
    wanted = experiment.data.fingerprint
    found = fingerprint(experiment.data.dataset, root) if wanted else ""
    if found == wanted:
        return ""
    return (
        f"the data of {experiment.data.dataset.name} has changed: its fingerprint is {short(found)}, and this run is on "
        f"{short(wanted)}"
    )


def others_said(out: Path, experiment: Experiment, again: bool = False) -> list[str]:
    """What is to be said, before a new run begins, of runs of the same experiment on other data.

    Args:
        again: begin a new run even where one on other data was interrupted.

    Raises:
        ArchError: one on other data was interrupted, and it cannot be resumed on this data.
    """
    found = of_its_place(experiment, (*on_other_data(out, experiment), *same_text(out, experiment)))
    others = {run.folder: run for run in found}
    now = short(experiment.data.fingerprint)
    for run in others.values():
        if not run.done and not again and Checkpoints(run.folder).exist() and not held(run.folder):
            raise ArchError(
                f"{run.folder} was interrupted and cannot be resumed: {_since(run, now)}", help=_remedy(run)
            )
    return [f"{run.folder} is not reused: {_since(run, now)}" for run in others.values()]


def of_its_place(experiment: Experiment, runs: Iterable[Run]) -> list[Run]:
    """Of runs of an experiment on some data those whose data was where its own is: two projects may call their data alike."""
    place = _place(experiment)
    return [run for run in runs if not place or run.settings.get("place", place) == place]


def _place(experiment: Experiment) -> str:
    """Where data of one's own is; "" of a published set. Two projects may call their data alike."""
    dataset = experiment.data.dataset
    return os.path.abspath(own_path(dataset.path)) if isinstance(dataset, Own) else ""


def _since(run: Run, now: str) -> str:
    if not run.fingerprint:
        return f"it was made {BEFORE}, so it is not known whether its data was {now}"
    return f"its data has changed since: the fingerprint was {short(run.fingerprint)} and is {now}"


def _remedy(run: Run) -> str:
    back = (
        "resume it with the version of archdsl that began it"
        if not run.fingerprint
        else "restore its data to resume it"
    )
    return f"{back}; or --again starts a new run on the data as it is now"


def settled_fingerprint(runs: Iterable[Run]) -> str:
    """The fingerprint that most of these runs have, "" where none has one."""
    known = [run.fingerprint for run in runs if run.done and run.fingerprint]
    return max(sorted(set(known)), key=known.count, default="")


def check_found(spec: str, out: Path, experiment: Experiment, root: str | Path | None = None) -> None:
    """Refuse a spec that is the folder of a run in whose place another one would be shown, resumed or trained: it was renamed,
    and its name lacks the hash and the seed by which a run is looked for.

    Raises:
        ArchError: the run of the experiment is, or would be, in another folder of ``out``.
    """
    folder, own = folder_of(spec), False
    if folder is None:
        return
    experiment = identified(experiment, root, out)
    with suppress(ArchError, OSError, ValueError):
        own = read_settings(folder).get("identity") == identity(experiment) and folder.parent.samefile(out)
    if not own:
        return
    place = place_of(out, experiment, again=True)
    if not _is_run(place, experiment):
        first = f"remove {place}, which has no whole run, and " if place.exists() else ""
        remedy = f"{first}rename it to {place}; the name of a run ends in its hash and its seed"
    elif not place.samefile(folder):
        remedy = f"{place} has the run of this experiment: name that one"
    else:
        return
    raise ArchError(f"{folder} is not the folder in which this run is looked for", help=remedy)


def _is_run(place: Path, experiment: Experiment) -> bool:
    """Whether a folder has the run of an experiment, undamaged."""
    with suppress(ArchError, OSError, ValueError):
        return read_settings(place).get("identity") == identity(experiment)
    return False
