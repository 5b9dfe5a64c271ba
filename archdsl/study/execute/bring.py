"""A run that was made on a node with a store of its own, put into the store of the study. Loads no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from archdsl.atomic import write_together, writing
from archdsl.errors import StoreError
from archdsl.runs.run import OUTCOME, RESULT, identity, place_of
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.runs.store.lock import lock_run
from archdsl.runs.store.settings import SETTINGS
from archdsl.study.execute.messages import RunRequest
from archdsl.study.execute.requested import experiment_for, spec_of

# In the order in which they are written: the text makes the folder a run, the result ends it.
BROUGHT = (
    SETTINGS,
    "versions.json",
    "spec.arch",
    "events.jsonl",
    "model.safetensors",
    "correct.bits",
    OUTCOME,
    RESULT,
)


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a run that travel."""
    return {name: (folder / name).read_bytes() for name in BROUGHT if (folder / name).is_file()}


def bring(out: Path, request: RunRequest, files: Mapping[str, bytes], again: bool = False) -> None:
    """Put the run of a request into a store. The folder is the one that this store has for it, whatever its name was on the
    node. A run that has not ended takes nothing away from what is there.

    Args:
        files: as of ``files_of``.
        again: as of ``place_of``.

    Raises:
        RunLocked: another process writes that run.
        StoreError: it is the run of another experiment, or its place is damaged.
        EnvError: it cannot be written.
    """
    if SETTINGS not in files:
        return
    experiment = experiment_for(request, spec_of(request), checked=False)
    if (own := _identity(files[SETTINGS])) != identity(experiment):
        raise StoreError(
            f"a node gave the run {own[:12] or 'without an identity'} in the place of {identity(experiment)[:12]}",
            help="install the same version of archdsl on all nodes",
        )
    with writing(out):
        folder = place_of(out, experiment, again)
        folder.mkdir(parents=True, exist_ok=True)
    lock = lock_run(folder)
    try:
        if RESULT in files:
            if _same(folder / RESULT, files[RESULT]):
                return
            with writing(folder):
                for name in (RESULT, OUTCOME):
                    (folder / name).unlink(missing_ok=True)
            Checkpoints(folder).clear()
        elif (folder / RESULT).exists() or Checkpoints(folder).exist():
            return
        write_together([(folder / name, files[name]) for name in BROUGHT if name in files], lock.check)
    finally:
        lock.release()


def _identity(settings: bytes) -> str:
    with suppress(ValueError, AttributeError):
        return str(json.loads(settings).get("identity", ""))
    return ""


def _same(path: Path, data: bytes) -> bool:
    with suppress(OSError):
        return path.read_bytes() == data
    return False
