"""The folder of a run: what was run, with which versions, what happened, the weights and the result.

``result.json`` is written last, so a folder that has it is a run that came to its end. Files that are
replaced are written beside their place and moved there when they are on the disk.
"""

from __future__ import annotations

import json
import math
import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.emit.target import replacing
from archdsl.errors import EnvError, StoreError
from archdsl.train.events import Event, Progress, event_to_json
from archdsl.train.experiment import Experiment, to_json

if TYPE_CHECKING:
    from torch import Tensor, nn

SPEC, SETTINGS, VERSIONS, EVENTS, WEIGHTS, RESULT = (
    "spec.arch", "settings.json", "versions.json", "events.jsonl", "model.safetensors", "result.json",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run read from its folder. ``result`` is None where the run did not come to its end."""

    folder: Path
    spec: str
    settings: Mapping[str, Any]
    versions: Mapping[str, Any]
    result: Mapping[str, Any] | None

    @property
    def weights(self) -> Path:
        """The file of the last weights; it exists once the run has saved any."""
        return self.folder / WEIGHTS

    def state(self) -> dict[str, Tensor]:
        """The last weights, for ``load_state_dict``.

        Raises:
            StoreError: the file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.weights)
        except (OSError, SafetensorError) as error:
            raise StoreError(f"the weights {self.weights} cannot be read ({error})",
                             help="train again; another run's weights do not fit") from error  # fmt: skip


class RunFolder:
    """A run folder while it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, out: Path, experiment: Experiment, device: str, source: str) -> RunFolder:
        """A fresh folder ``out/NAME-HASH-sSEED``; where that exists, with the first free number behind it.

        Raises:
            EnvError: ``out`` cannot be written.
        """
        name = re.sub(r"[^A-Za-z0-9._]+", "-", experiment.name).strip("-.")[:60] or "run"
        stem = f"{name}-{experiment.digest}-s{experiment.train.seed}"
        with _writing(out):
            out.mkdir(parents=True, exist_ok=True)
            folder = cls(_fresh(out, stem))
            folder._write(SPEC, experiment.text if experiment.text.endswith("\n") else experiment.text + "\n")
            about = {
                "name": experiment.name,
                "hash": experiment.hash or experiment.digest,
                "source": source,
                **to_json(experiment),
            }
            folder._write(SETTINGS, _json(about, indent=2))
            folder._write(VERSIONS, _json(versions(device), indent=2))
        return folder

    def event(self, event: Event) -> None:
        """Append an event to the log; progress within an epoch is for the eye only and is not kept."""
        if isinstance(event, Progress):
            return
        with _writing(self.path), (self.path / EVENTS).open("a", encoding="utf-8") as log:
            log.write(_json(event_to_json(event)))

    def weights(self, model: nn.Module) -> None:
        """Replace the saved weights by the model's."""
        from safetensors.torch import save_file

        # Copies: tied weights and other memory layouts are stored as plain tensors of their own.
        state = {k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()}
        with _writing(self.path):
            _replace(self.path / WEIGHTS, lambda temporary: save_file(state, temporary))

    def result(self, result: Mapping[str, Any]) -> None:
        """Write the result; the run is done when this file is there."""
        with _writing(self.path):
            self._write(RESULT, _json(result, indent=2))

    def _write(self, name: str, text: str) -> None:
        _replace(self.path / name, lambda temporary: temporary.write_text(text, encoding="utf-8"))


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
        result = _read(folder / RESULT) if (folder / RESULT).is_file() else None
        text = (folder / SPEC).read_text(encoding="utf-8")
        return Run(folder, text, _read(folder / SETTINGS), _read(folder / VERSIONS), result)
    except (OSError, ValueError) as error:
        raise StoreError(f"the run {folder} is damaged ({error})", help="train again") from error


def versions(device: str) -> dict[str, Any]:
    """What a figure depends on besides the settings."""
    import numpy as np
    import torch

    import archdsl

    return {
        "archdsl": archdsl.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": device,
        "threads": torch.get_num_threads(),
    }


def check_writable(out: Path) -> None:
    """Fail before any work is done if no run folder can be made in ``out``."""
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".probe-", dir=out):
            pass


def _fresh(out: Path, stem: str) -> Path:
    number = 1
    while True:
        folder = out / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()  # fails if it exists, also when another process makes it at this moment
        except FileExistsError:
            number += 1
        else:
            return folder


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvError(f"cannot write {error.filename or place}: {error.strerror or error}",
                       help="make room or give a folder that can be written by --out") from error  # fmt: skip


def _replace(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file that gets its name only when it is whole."""
    with replacing(target) as temporary:
        write(temporary)


def _read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
    """The value with null for every number that JSON has no word for (NaN, infinity)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value
