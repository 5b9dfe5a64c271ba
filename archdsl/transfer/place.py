"""Where weights are that a text names, and the hash of what is in them. Knows no torch, but for names of model zoos.

``ARCHDSL_WEIGHTS`` names folders with files of published weights; they are searched before the caches of torch and of
the Hugging Face hub.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.runs.store.remedy import remedy
from archdsl.words.data.heads import own_path
from archdsl.words.train.tuning import ARM

if TYPE_CHECKING:
    from archdsl.words.train.tuning import Init

Kind = Literal["run", "safetensors", "torch"]
ENDINGS: dict[str, Kind] = {".safetensors": "safetensors", ".pth": "torch", ".pt": "torch", ".bin": "torch"}
ZOOS = ("torchvision", "timm")
DIGITS = 16
WEIGHTS, SPEC, SETTINGS = "model.safetensors", "spec.arch", "settings.json"  # of a run folder
_ROUTES = "a run folder, a .safetensors or .pth file, torchvision:NAME or timm:NAME"


@dataclass(frozen=True, slots=True)
class Place:
    """A file of weights. ``kind`` is how it is read, ``spec`` the text of the net where it is known, ``peer`` the
    library and the name of a published net, ``sha`` the hash that a run's record promises of the file, ``identity`` the
    beginning of a finished run's own hash, which names its weights as well as their hash does, ``notes`` what is to be said of
    the choice of the file.
    """

    source: str
    file: Path
    kind: Kind
    spec: Path | None = None
    peer: tuple[str, str] | None = None
    sha: str = ""
    identity: str = ""
    notes: tuple[str, ...] = ()


def place_of(source: str) -> Place:
    """Where the weights of a source are; those of a model zoo are fetched where they are not there.

    Raises:
        ArchError: the source names nothing that could hold weights.
        EnvError: it is not there, and cannot be had.
    """
    zoo, colon, name = source.partition(":")
    if source.startswith(ARM):
        raise ArchError(
            f"`init(arm {name})` names an arm of a study, and this is not a run of one",
            help='name the folder of its run: init("runs/NAME")',
        )
    if colon and zoo in ZOOS:
        from archdsl.transfer import zoo as zoos

        peer, file, notes = zoos.located(zoo, name)
        return Place(source, file, ENDINGS[file.suffix], peer=(zoo, peer), notes=notes)
    path = own_path(source)
    if os.path.isdir(path):
        if not (path / SPEC).is_file():
            raise EnvError(f"{source} is not a run folder: it has no {SPEC}", help=f"name {_ROUTES}")
        if not (path / WEIGHTS).is_file():
            from archdsl.runs.weightless import no_weights

            message, remedy = no_weights(path)
            raise EnvError(message, help=remedy)
        return _run(source, path)
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        near = f"there is no folder {source}" if os.sep in source else f"`{source}` does not name weights"
        raise ArchError(
            near if not os.path.isfile(path) else f"the ending of {source} does not say how to read it",
            help=f"name {_ROUTES}",
        )
    if not os.path.isfile(path):
        raise EnvError(f"there is no file {source}", help="a relative path begins at the working folder")
    if kind == "safetensors" and path.name == WEIGHTS and (path.parent / SPEC).is_file():
        return _run(source, path.parent)
    return Place(source, path, kind)


def _run(source: str, folder: Path) -> Place:
    """The weights of a run folder.

    Raises:
        StoreError: a file of it is damaged, or it has a format that this version cannot read.
    """
    promised = own = ""
    if (folder / SETTINGS).exists():  # a text and weights put together by hand have none
        from archdsl.runs.run import load_run

        run = load_run(folder)
        result = run.result or {}
        promised = str(result.get("weights_sha256") or "")
        own = str(run.settings.get("identity", ""))[:DIGITS] if result.get("status") == "finished" else ""
    return Place(source, folder / WEIGHTS, "run", folder / SPEC, sha=promised, identity=own)


def digest(place: Place) -> str:
    """The first 16 hex digits of the SHA-256 of the weights' file, and of the spec that says how its net is wired.

    Raises:
        EnvError: it cannot be read.
    """
    found = hashlib.sha256()
    try:
        for path in (place.file, *([place.spec] if place.spec is not None else [])):
            about = path.stat()
            found.update(_digest(path.resolve(), about.st_size, about.st_mtime_ns))
    except OSError as error:
        raise EnvError(f"cannot read {error.filename or place.file}: {error.strerror or error}") from error
    return found.hexdigest()[:DIGITS]


def check_promise(place: Place) -> None:
    """Refuse weights of a run that are not those that it wrote.

    Raises:
        StoreError: they have changed since then.
        EnvError: they cannot be read.
    """
    if not place.sha:
        return
    try:
        about = place.file.stat()
        content = _digest(place.file.resolve(), about.st_size, about.st_mtime_ns).hex()
    except OSError as error:
        raise EnvError(f"cannot read {error.filename or place.file}: {error.strerror or error}") from error
    if content != place.sha:
        raise StoreError(
            f"the weights {place.file} have changed since the run wrote them",
            help=f"restore a copy of them; {remedy(place.file.parent)}",
        )


@lru_cache(maxsize=32)  # size and time of change are arguments so that a changed file is read again
def _digest(path: Path, size: int, changed: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def resolved(init: Init) -> Init:
    """The setting with the hash of what its source holds; one that has it stays as it is, and the source is not asked.

    Raises:
        ArchError, EnvError: as ``place_of`` and ``digest``.
    """
    return init if init.sha else replace(init, sha=digest(place_of(init.source)))


def verified(source: str, sha: str = "") -> tuple[Place, str]:
    """Where the weights of a source are, and their hash.

    Args:
        sha: what the hash must be; "" takes the weights as they are.

    Raises:
        ArchError: as ``place_of``.
        EnvError: as ``place_of`` and ``digest``, or it holds other content than ``sha`` says.
    """
    place = place_of(source)
    found = digest(place)
    if sha and sha not in (found, place.identity):
        raise EnvError(
            f"{source} holds other weights than this experiment started with: {found}, not {sha}",
            help="restore the old file, or leave `sha` out to begin with the new one",
        )
    return place, found
