"""Runs as they are in their folders: where each is, and what it says. ``writer`` writes them."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.atomic import read_object, read_stored, writing
from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.expand.graph import Declared
from archdsl.runs.facts import Facts, facts_of
from archdsl.runs.numbered import numbered, other_names, unused
from archdsl.runs.store.checkpoint import Checkpoints
from archdsl.runs.store.log import read_events
from archdsl.runs.store.remedy import remedy
from archdsl.runs.store.schema import check_result, check_settings, check_versions, checked, renamed
from archdsl.runs.store.settings import FORMAT, SETTINGS, NewerRun, damaged_run, read_settings
from archdsl.settings.experiment import Experiment, to_json

__all__ = [
    "FORMAT", "NUMERICS", "Run", "check_writable", "experiment_key", "find_run", "identity", "load_run", "on_other_data",
    "place_of", "read_events",
]  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor

SPEC, VERSIONS, EVENTS, WEIGHTS, RESULT, OUTCOME = (
    "spec.arch", "versions.json", "events.jsonl", "model.safetensors", "result.json", "outcome.json",
)  # fmt: skip
NUMERICS = "9"  # raise it when the same experiment gives other bits: old runs are then others


@dataclass(frozen=True)
class Run:
    """A run read from its folder. ``result`` is None where nothing is known of its end; a run that stopped at its time
    limit, or for lack of memory, has an outcome there and can continue.
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
    def fingerprint(self) -> str:
        """The fingerprint of the data that it learned from; "" of a run that was made before there were any."""
        data = self.settings.get("data")
        return str(data.get("fingerprint", "")) if isinstance(data, Mapping) else ""

    @property
    def declared(self) -> Declared | None:
        """The shape of an image, the number of classes and the task that the run has recorded; None where it has not."""
        try:
            return Declared(self.facts.input, len(self.facts.classes), self.facts.task)
        except StoreError:
            return None

    @property
    def weights(self) -> Path:
        """The file of the last weights; it exists once the run has saved any."""
        return self.folder / WEIGHTS

    @property
    def facts(self) -> Facts:
        """What was known of its data when it began; the data itself may be another by now.

        Raises:
            StoreError: the settings do not say it.
        """
        try:
            return facts_of(self.settings)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"the settings of {self.folder} are incomplete or damaged ({error})", help=remedy(self.folder)
            ) from error

    def _repr_html_(self) -> str:
        """For a notebook: its learning curves and its figures."""
        from archdsl.runs.notebook import html

        return html(self)

    def state(self) -> dict[str, Tensor]:
        """The last weights, for ``load_state_dict``: those that the run kept, or those of its last checkpoint, averaged where
        the run averages them (``ema``, ``lookahead``).

        Raises:
            StoreError: the file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        if not self.weights.is_file():
            if (found := Checkpoints(self.folder).load()) is not None:
                return _model_of(found[0])
            from archdsl.runs.weightless import no_weights

            why, way_on = no_weights(self.folder)
            raise StoreError(why, help=way_on)
        try:
            data = self.weights.read_bytes()
            promised = (self.result or {}).get("weights_sha256")
            if promised and hashlib.sha256(data).hexdigest() != promised:
                raise ValueError("its content is not what the run wrote")
            return load(data)
        except (OSError, ValueError, SafetensorError) as error:
            raise StoreError(
                f"the weights {self.weights} cannot be read ({error})",
                help=f"{remedy(self.folder)}; another run's weights do not fit",
            ) from error


def _model_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's tensors in a checkpoint, averaged where the run averages them; weights that are kept as products are multiplied
    out."""
    parts = {k.partition("/")[0] for k in state}
    kept = "ema" if "ema" in parts else "slow" if "slow" in parts else "model"
    own = {k.removeprefix(f"{kept}/"): v for k, v in state.items() if k.startswith(f"{kept}/")}
    found: dict[str, Tensor] = {}
    for name, value in own.items():
        path, mark, part = name.partition("parametrizations.")
        if not mark:
            found[name] = value
        elif part.endswith("original0"):
            found[path + part.partition(".")[0]] = value * own[name[:-1] + "1"]
    return found


def identity(experiment: Experiment) -> str:
    """The hash that names a run: its experiment, the version of our numerics, and the fingerprint of its data."""
    key, fingerprint = experiment_key(experiment), experiment.data.fingerprint
    return hashlib.sha256(f"{key}\n{fingerprint}".encode()).hexdigest() if fingerprint else key


def experiment_key(experiment: Experiment, written: bool = False) -> str:
    """The hash of what is trained, whatever the data holds. It is the identity that runs had before fingerprints.

    Args:
        written: with the path of data of one's own, as earlier versions had it.
    """
    # What is not set is left out: a word that comes later does not make other runs of those that are there.
    known = {part: {k: v for k, v in values.items() if v is not None} for part, values in to_json(experiment).items()}
    known["data"].pop("fingerprint", None)
    if experiment.data.own and experiment.hash and not written:
        known["data"]["dataset"] = known["data"]["dataset"].partition(":")[0]
    name = (written and experiment.written) or experiment.hash or experiment.text
    text = f"{name}\n{known}\n{NUMERICS}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def on_other_data(out: Path, experiment: Experiment) -> list[Run]:
    """Runs of the same experiment whose data held something else, or of which nobody knows what it held, as they were made
    before fingerprints; in the order of their folders, those under other names of the spec first. Damaged ones are left out.
    """
    found: list[Run] = []
    for stem, key in _stems(out, experiment):
        end = stem.name.removeprefix(_called(experiment))
        for path in (*other_names(stem, end, (SETTINGS,)), *numbered(stem, (SETTINGS,))):
            with suppress(ArchError, OSError, ValueError):
                settings = read_settings(path)
                same = settings.get("experiment", settings.get("identity")) == key
                if same and settings.get("identity") != identity(experiment):
                    found.append(load_run(path))
    return found


def same_text(out: Path, experiment: Experiment) -> list[Run]:
    """Runs of this text and seed whose data held something else, so much so that another number of classes or columns made
    another network of it.
    """
    found: list[Run] = []
    for path in sorted(out.glob(f"{_called(experiment)}-*-s{experiment.train.seed}*/{SPEC}")):
        with suppress(ArchError, OSError, ValueError):
            if path.read_text("utf-8").strip() == experiment.text.strip():
                run = load_run(path.parent)
                if run.fingerprint != experiment.data.fingerprint:
                    found.append(run)
    return found


def _stems(out: Path, experiment: Experiment) -> list[tuple[Path, str]]:
    """The first folder that a run of this experiment can have, and its key; likewise of earlier versions."""
    name, seed = _called(experiment), experiment.train.seed
    found = [(out / f"{name}-{experiment.digest}-s{seed}", experiment_key(experiment))]
    if experiment.written:
        old = out / f"{name}-{experiment.written[:8]}-s{seed}"
        found.append((old, experiment_key(experiment, written=True)))
    return found


def _called(experiment: Experiment) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", experiment.name).strip("-.")[:60] or "run"


def find_run(out: Path, experiment: Experiment) -> Run | None:
    """The run of this experiment in ``out``, finished or not; None where there is none.

    Raises:
        StoreError: its folder is damaged.
    """
    path = place_of(out, experiment)
    return load_run(path) if (path / SPEC).is_file() else None


def place_of(out: Path, experiment: Experiment, again: bool = False) -> Path:
    """Where the run of an experiment is or goes. Runs on other data, and experiments that share eight digits, get numbers. One
    that was made under another name of the spec is the run, too, where none has its own name.

    Args:
        again: a folder of this name whose settings are damaged is to be trained again, and so counts as that of the experiment.

    Raises:
        StoreError: there is none but a folder whose settings are damaged, or a newer archdsl wrote them.
    """
    own, damaged = identity(experiment), list[tuple[Path, StoreError]]()
    end = f"-{experiment.digest}-s{experiment.train.seed}"
    stem = out / f"{_called(experiment)}{end}"
    free = unused(stem, (SETTINGS, SPEC))  # first: what another process begins meanwhile is seen below
    for path in numbered(stem, (SETTINGS, SPEC)):
        try:
            if read_settings(path).get("identity") == own:
                return path
        except (OSError, ValueError) as error:
            damaged.append((path, damaged_run(path, error)))
        except StoreError as error:
            if isinstance(error, NewerRun):
                raise
            damaged.append((path, error))
    if not damaged:
        for path in other_names(stem, end, (SPEC,)):
            with suppress(ArchError, OSError, ValueError):
                if read_settings(path).get("identity") == own:
                    return path
        return free if free == unused(stem, (SETTINGS, SPEC)) else place_of(out, experiment, again)
    if not again:
        raise damaged[0][1]
    return damaged[0][0]


def load_run(path: str | Path) -> Run:
    """The run in a folder.

    Raises:
        EnvError: there is no run, or the system does not let one of its files be read.
        StoreError: one of its files is damaged, or a newer archdsl wrote it.
    """
    if not isinstance(path, str | Path):
        raise ArchError(f"{path!r} is not a folder", help="give the path of a folder that `archdsl train` made")
    folder = Path(path)
    if not os.path.isfile(folder / SPEC):
        raise EnvError(
            f"{folder} is not a run folder: it has no {SPEC}", help="give a folder that `archdsl train` made"
        )
    try:
        text = read_stored(folder / SPEC).decode("utf-8")
        settings = checked(folder / SETTINGS, read_settings(folder), check_settings)
        about = checked(folder / VERSIONS, read_object(folder / VERSIONS), check_versions)
        return Run(folder, text, settings, about, _end_of(folder))
    except (OSError, ValueError) as error:
        raise damaged_run(folder, error) from error


def _end_of(folder: Path) -> dict[str, Any] | None:
    """The result of a run, or its outcome, which is gone once it is resumed or has a result."""
    for name in (RESULT, OUTCOME, RESULT):
        with suppress(FileNotFoundError):
            return renamed(checked(folder / name, read_object(folder / name), check_result))
    return None


def check_writable(out: Path) -> None:
    """Fail before any work is done if no run folder can be made in ``out``."""
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(prefix=".probe-", dir=out):  # a folder that goes away disturbs who reads beside
            pass
