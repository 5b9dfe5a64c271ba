"""A run folder while it is written: what is run, with which versions, what happens, the weights and the result.

``result.json`` is written last, so a folder that has it is a run that came to its end. Files that are
replaced are written beside their place and moved there when they are on the disk.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.atomic import as_json, read_object, write_together, writing
from archdsl.errors import EnvError, StoreError
from archdsl.runs.correct import CORRECT, packed
from archdsl.runs.events import Event, Progress, event_to_json
from archdsl.runs.run import (
    EVENTS,
    FORMAT,
    NUMERICS,
    OUTCOME,
    RESULT,
    SETTINGS,
    SPEC,
    VERSIONS,
    WEIGHTS,
    experiment_key,
    identity,
    place_of,
)
from archdsl.runs.store.checkpoint import Checkpoints, tensor_bytes
from archdsl.runs.store.lock import lock_run
from archdsl.runs.store.log import append, repair, sync
from archdsl.settings.experiment import Experiment, to_json

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.runs.correct import Bools

# A run continues under the same of these alone.
FOREIGN = ("torch", "numerics", "device", "processor", "plan", "kernels", "deterministic")


class RunFolder:
    """A run folder while it is written, by the one process that holds its lock."""

    def __init__(self, path: Path, experiment: Experiment) -> None:
        self.path, self._experiment = path, experiment
        self._lock = lock_run(path)
        self.warnings: list[str] = []  # what is to be said about what lay there
        self._checkpoints = Checkpoints(path, identity(experiment))

    @classmethod
    def open(cls, out: Path, experiment: Experiment, again: bool = False) -> RunFolder:
        """The folder of this experiment in ``out``: the one that is there, or a new one. With ``again`` a run that is
        there begins again; its result is gone.

        Raises:
            EnvError: it cannot be written, or another process is at this run.
        """
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            path = place_of(out, experiment, again)
            path.mkdir(exist_ok=True)
        folder = cls(path, experiment)
        if place_of(out, experiment, again) != path:  # another process has begun a run there before the lock
            folder.close()
            return cls.open(out, experiment, again)
        try:
            for stray in path.glob(".tmp-*"):  # of a process that was killed while it wrote
                stray.unlink(missing_ok=True)
            if again or not (path / SPEC).is_file():  # what is there without a text is the rest of a run
                folder._begin_anew()
            folder.warnings = repair(path)
        except BaseException:
            folder.close()
            raise
        return folder

    def _begin_anew(self) -> None:
        self._lock.check()
        with writing(self.path):
            for name in (RESULT, WEIGHTS, CORRECT, EVENTS, OUTCOME):
                (self.path / name).unlink(missing_ok=True)
        self._checkpoints.clear()

    def close(self) -> None:
        """Let another process have the run."""
        self._lock.release()

    def describe(
        self,
        device: str,
        plan: Mapping[str, Any],
        facts: Mapping[str, Any],
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what is run, and on what. ``facts`` are what the settings do not say of the data: where it came from,
        its classes, and the mean and standard deviation of its channels. ``conditions`` are what else the figures depend on: see
        ``archdsl.runs.conditions``. The outcome of an earlier call is removed: the run is resumed.
        """
        experiment = self._experiment
        now = {**versions(device), **(conditions or {}), "plan": dict(plan)}
        if self._checkpoints.exist() and (self.path / VERSIONS).is_file():
            before = read_object(self.path / VERSIONS)
            self._check_same(before, now)
            now |= self._gone_on(before, now)
        text = experiment.text if experiment.text.endswith("\n") else experiment.text + "\n"
        about = {
            "format": FORMAT,
            "name": experiment.name,
            "hash": experiment.hash or experiment.digest,
            "identity": identity(experiment),
            "experiment": experiment_key(experiment),
            **facts,
            **to_json(experiment),
        }
        # The text comes last: a folder that has it is a run.
        self._write(
            (SETTINGS, as_json(about, indent=2)),
            (VERSIONS, as_json(now, indent=2)),
            (SPEC, text.encode("utf-8", "surrogateescape")),
        )
        with writing(self.path):
            (self.path / OUTCOME).unlink(missing_ok=True)

    def _check_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Refuse to continue with a run under conditions that would give it other bits."""
        for name in FOREIGN:
            if _alike(name, before.get(name)) != _alike(name, now.get(name)):
                off = name == "deterministic" and before.get(name)
                where = "with --deterministic" if off else "where it was started"
                raise EnvError(
                    f"{self.path} was begun with {name} {before.get(name)}, and this is {now.get(name)}",
                    help=f"resume it {where}, or train it again with --again",
                )

    def _gone_on(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
        """By how many processes a run is trained that goes on: one number after the other, where they differ."""
        last, count = before.get("processes", 1), now.get("processes", 1)
        if str(last).rpartition(" ")[2] == str(count):
            return {"processes": last} if last != 1 else {}
        self.warnings.append(
            f"the number of processes of this run was {last} and is {count} now: batch norm (without syncbn), dropout and "
            "rounding depend on it, so the result is not that of an undisturbed run; --again trains the run again"
        )
        return {"processes": f"{last}, then {count}"}

    def event(self, event: Event) -> None:
        """Append an event to the log; progress within an epoch is for the eye only and is not kept."""
        if not isinstance(event, Progress):
            self._lock.check()
            append(self.path, event_to_json(event))

    def save(self, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Write a checkpoint, beside the last good one."""
        sync(self.path)
        self._checkpoints.save(state, about, self._lock.check)

    def checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
        """The last good checkpoint, and what is to be said about others; None where the run is new."""
        return self._checkpoints.load()

    def finish(self, state: Mapping[str, Tensor], result: Mapping[str, Any], correct: Bools | None = None) -> None:
        """Write the weights that are kept, then the result; the run is done when this file is there. ``correct`` says of
        each test image whether it was classified correctly.
        """
        if (self.path / RESULT).exists():
            raise StoreError(f"{self.path} has a result already", help="it is kept; --again trains the run again")
        data = tensor_bytes(state)
        sha = hashlib.sha256(data).hexdigest()
        result = {**result, "weights_sha256": sha}
        if correct is None:
            self._write((WEIGHTS, data), (RESULT, as_json(result, indent=2)))
        else:
            result["test_images"] = len(correct)
            self._write((WEIGHTS, data), (CORRECT, packed(correct)), (RESULT, as_json(result, indent=2)))
        with suppress(OSError):
            (self.path / OUTCOME).unlink(missing_ok=True)
        self._checkpoints.clear()

    def note(self, outcome: Mapping[str, Any]) -> None:
        """Write how a run ended that can continue."""
        self._write((OUTCOME, as_json(outcome, indent=2)))

    def _write(self, *files: tuple[str, bytes]) -> None:
        write_together([(self.path / name, data) for name, data in files], self._lock.check)


def _alike(name: str, value: Any) -> Any:
    """A condition as it is compared: which of several GPUs it was does not matter, as their names are compared, too."""
    return str(value).partition(":")[0] if name == "device" else value


def versions(device: str) -> dict[str, Any]:
    """What a figure depends on besides the settings."""
    import numpy as np
    import torch

    from archdsl.version import __version__

    return {
        "archdsl": __version__,
        "numerics": NUMERICS,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": device,
        "threads": torch.get_num_threads(),
    }
