"""The folder of a run: what was run, with which versions, what happened, the weights and the result.

``result.json`` is written last, so a folder that has it is a run that came to its end. Files that are
replaced are written beside their place and moved there when they are on the disk.
"""

from __future__ import annotations

import hashlib
import platform
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.errors import EnvError, StoreError
from archdsl.train.events import Event, Progress, event_to_json
from archdsl.train.experiment import Experiment, to_json
from archdsl.train.store.checkpoint import Checkpoints, tensor_bytes
from archdsl.train.store.claim import claim
from archdsl.train.store.files import as_json, plain, read_object, write_together, writing
from archdsl.train.store.log import append, read_events, repair, sync

__all__ = [
    "NUMERICS", "Run", "RunFolder", "check_writable", "find_run", "identity", "list_runs", "load_run", "plain",
    "read_events", "versions",
]  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor

SPEC, SETTINGS, VERSIONS, EVENTS, WEIGHTS, RESULT, OUTCOME = (
    "spec.arch", "settings.json", "versions.json", "events.jsonl", "model.safetensors", "result.json", "outcome.json",
)  # fmt: skip
FOREIGN = ("torch", "numerics", "device", "plan")  # a run goes on under the same of these alone
NUMERICS = "3"  # raise it when the same experiment gives other bits: old runs are then others


@dataclass(frozen=True)
class Run:
    """A run read from its folder. ``result`` is None where nothing is known of its end; a run that stopped at its time
    limit, or for lack of memory, has an outcome there and can go on.
    """

    folder: Path
    spec: str
    settings: Mapping[str, Any]
    versions: Mapping[str, Any]
    result: Mapping[str, Any] | None

    @property
    def done(self) -> bool:
        """Whether the run came to its end: it finished, or diverged."""
        return self.result is not None and self.result.get("status") in ("finished", "diverged")

    @property
    def plan(self) -> Mapping[str, Any] | None:
        """How the run is carried out: the fields of a Plan."""
        return self.versions.get("plan")

    @property
    def weights(self) -> Path:
        """The file of the last weights; it exists once the run has saved any."""
        return self.folder / WEIGHTS

    def state(self) -> dict[str, Tensor]:
        """The last weights, for ``load_state_dict``: those that the run kept, or those of its last checkpoint.

        Raises:
            StoreError: the file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        if not self.weights.is_file() and (found := Checkpoints(self.folder).load()) is not None:
            return _model_of(found[0])
        try:
            data = self.weights.read_bytes()
            promised = (self.result or {}).get("weights_sha256")
            if promised and hashlib.sha256(data).hexdigest() != promised:
                raise ValueError("its content is not what the run wrote")
            return load(data)
        except (OSError, ValueError, SafetensorError) as error:
            raise StoreError(f"the weights {self.weights} cannot be read ({error})",
                             help="train again; another run's weights do not fit") from error  # fmt: skip


def _model_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's tensors in a checkpoint; weights that are kept as products are multiplied out."""
    own = {k.removeprefix("model/"): v for k, v in state.items() if k.startswith("model/")}
    found: dict[str, Tensor] = {}
    for name, value in own.items():
        path, mark, part = name.partition("parametrizations.")
        if not mark:
            found[name] = value
        elif part.endswith("original0"):
            found[path + part.partition(".")[0]] = value * own[name[:-1] + "1"]
    return found


class RunFolder:
    """A run folder while it is written, by the one process that holds its claim."""

    def __init__(self, path: Path, experiment: Experiment) -> None:
        self.path, self._experiment = path, experiment
        self._claim = claim(path)
        self._checkpoints = Checkpoints(path, identity(experiment))

    @classmethod
    def open(cls, out: Path, experiment: Experiment, again: bool = False) -> RunFolder:
        """The folder of this experiment in ``out``: the one that is there, or a new one. With ``again`` a run that is
        there begins anew; its result is gone.

        Raises:
            EnvError: it cannot be written, or another process is at this run.
        """
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            path = _place(out, experiment)
            path.mkdir(exist_ok=True)
        folder = cls(path, experiment)
        try:
            for stray in path.glob(".tmp-*"):  # of a process that was killed while it wrote
                stray.unlink(missing_ok=True)
            if again:
                folder._begin_anew()
            repair(path)
        except BaseException:
            folder.close()
            raise
        return folder

    def _begin_anew(self) -> None:
        self._claim.check()
        with writing(self.path):
            for name in (RESULT, WEIGHTS, EVENTS, OUTCOME):
                (self.path / name).unlink(missing_ok=True)
        self._checkpoints.clear()

    def close(self) -> None:
        """Let another process have the run."""
        self._claim.release()

    def describe(self, device: str, source: str, plan: Mapping[str, Any]) -> None:
        """Write what is run, and on what."""
        experiment = self._experiment
        now = {**versions(device), "plan": dict(plan)}
        if self._checkpoints.exist() and (self.path / VERSIONS).is_file():
            self._check_same(read_object(self.path / VERSIONS), now)
        text = experiment.text if experiment.text.endswith("\n") else experiment.text + "\n"
        about = {
            "name": experiment.name,
            "hash": experiment.hash or experiment.digest,
            "identity": identity(experiment),
            "source": source,
            **to_json(experiment),
        }
        # The text comes last: a folder that has it is a run.
        self._write(
            (SETTINGS, as_json(about, indent=2)),
            (VERSIONS, as_json(now, indent=2)),
            (SPEC, text.encode("utf-8", "surrogateescape")),
        )

    def _check_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Refuse to go on with a run under conditions that would give it other bits."""
        for name in FOREIGN:
            if before.get(name) != now.get(name):
                raise EnvError(f"{self.path} was begun with {name} {before.get(name)}, and this is {now.get(name)}",
                               help="go on where it was begun, or train it anew with --again")  # fmt: skip

    def event(self, event: Event) -> None:
        """Append an event to the log; progress within an epoch is for the eye only and is not kept."""
        if not isinstance(event, Progress):
            self._claim.check()
            append(self.path, event_to_json(event))

    def save(self, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Write a checkpoint, beside the last good one."""
        sync(self.path)
        self._checkpoints.save(state, about, self._claim.check)

    def checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
        """The last good checkpoint, and what is to be said about others; None where the run is new."""
        return self._checkpoints.load()

    def finish(self, state: Mapping[str, Tensor], result: Mapping[str, Any]) -> None:
        """Write the weights that are kept, then the result; the run is done when this file is there."""
        if (self.path / RESULT).exists():
            raise StoreError(f"{self.path} has a result already", help="it stays; --again trains the run anew")
        data = tensor_bytes(state)
        sha = hashlib.sha256(data).hexdigest()
        self._write((WEIGHTS, data), (RESULT, as_json({**result, "weights_sha256": sha}, indent=2)))
        with suppress(OSError):
            (self.path / OUTCOME).unlink(missing_ok=True)
        self._checkpoints.clear()

    def note(self, outcome: Mapping[str, Any]) -> None:
        """Write how a run ended that can go on."""
        self._write((OUTCOME, as_json(outcome, indent=2)))

    def _write(self, *files: tuple[str, bytes]) -> None:
        write_together([(self.path / name, data) for name, data in files], self._claim.check)


def identity(experiment: Experiment) -> str:
    """The hash that names a run: its experiment and the version of our numerics."""
    text = f"{experiment.hash or experiment.text}\n{to_json(experiment)}\n{NUMERICS}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def find_run(out: Path, experiment: Experiment) -> Run | None:
    """The run of this experiment in ``out``, finished or not; None where there is none.

    Raises:
        StoreError: its folder is damaged.
    """
    path = _place(out, experiment)
    return load_run(path) if (path / SPEC).is_file() else None


def list_runs(out: Path) -> list[Run | StoreError]:
    """Every run in ``out``, by name; a damaged one as the error that it gives."""
    found: list[Run | StoreError] = []
    for path in sorted(out.iterdir()) if out.is_dir() else []:
        if (path / SPEC).is_file():
            try:
                found.append(load_run(path))
            except StoreError as error:
                found.append(error)
    return found


def _place(out: Path, experiment: Experiment) -> Path:
    """Where the run of an experiment is or goes. Two experiments that share eight digits get numbers."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", experiment.name).strip("-.")[:60] or "run"
    stem, own = f"{name}-{experiment.digest}-s{experiment.train.seed}", identity(experiment)
    number = 1
    while True:
        path = out / (stem if number == 1 else f"{stem}-{number}")
        settings = path / SETTINGS
        try:
            if not settings.is_file() or read_object(settings).get("identity") == own:
                return path
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the run {path} is damaged ({error})", help="remove that folder, and train again"
            ) from error
        number += 1


def load_run(path: str | Path) -> Run:
    """The run in a folder.

    Raises:
        EnvError: there is no run.
        StoreError: one of its files is damaged.
    """
    folder = Path(path)
    if not (folder / SPEC).is_file():
        raise EnvError(f"{folder} is no run folder: it has no {SPEC}", help="give a folder that `archdsl train` made")
    try:
        found = next((folder / name for name in (RESULT, OUTCOME) if (folder / name).is_file()), None)
        text = (folder / SPEC).read_text(encoding="utf-8")
        settings, about = read_object(folder / SETTINGS), read_object(folder / VERSIONS)
        return Run(folder, text, settings, about, read_object(found) if found else None)
    except (OSError, ValueError) as error:
        raise StoreError(f"the run {folder} is damaged ({error})", help="train again") from error


def versions(device: str) -> dict[str, Any]:
    """What a figure depends on besides the settings."""
    import numpy as np
    import torch

    import archdsl

    return {
        "archdsl": archdsl.__version__,
        "numerics": NUMERICS,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": device,
        "threads": torch.get_num_threads(),
    }


def check_writable(out: Path) -> None:
    """Fail before any work is done if no run folder can be made in ``out``."""
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".probe-", dir=out):
            pass
