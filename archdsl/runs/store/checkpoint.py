"""Checkpoints of a run in two places, written in turn, so that the last good one is never touched.

A checkpoint is a safetensors file and, beside it, a JSON file with the SHA-256 of the tensors and of itself.
The JSON file is removed first and written last: tensors without it are a write that was cut short. Nothing
here can execute what it reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.atomic import write_whole, writing
from archdsl.errors import StoreError
from archdsl.runs.store.remedy import remedy

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1  # of the store; a newer one is refused
SLOTS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a slot. ``state`` is ``absent``, ``unfinished``, ``damaged`` (``why`` tells) or ``good``."""

    slot: str
    state: str
    why: str = ""
    generation: int = 0
    about: Mapping[str, Any] | None = None
    data: bytes = b""


class Checkpoints:
    """The checkpoints of one folder. ``run`` names the run that they have to belong to, if it is given.

    Remembers which slot is good, so that saving reads nothing back after the first time.
    """

    def __init__(self, folder: Path, run: str | None = None) -> None:
        self.folder, self.run = folder, run
        self._good: str | None = None
        self._generation: int | None = None

    def exist(self) -> bool:
        """Whether there is anything to continue from, good or not."""
        return any(sidecar_of(self.folder, s).exists() for s in SLOTS)

    def save(
        self, state: Mapping[str, Tensor], meta: Mapping[str, Any], guard: Callable[[], object] = lambda: None
    ) -> None:
        """Write a checkpoint into the slot that does not hold the last good one.

        Args:
            meta: plain values that JSON keeps: keys are strings, tuples come back as lists.
            guard: asked before anything is changed, and before each file gets its name.

        Raises:
            EnvError: it cannot be written; the last good one is as it was.
            StoreError: a newer archdsl has written here.
        """
        if self._generation is None:
            self._survey()
        assert self._generation is not None
        slot = SLOTS[0] if self._good != SLOTS[0] else SLOTS[1]
        data = tensor_bytes(state)
        about = {
            "format": FORMAT,
            "generation": self._generation + 1,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "step": meta.get("step"),
            "run": self.run,
            "meta": dict(meta),
        }
        text = _sidecar(about)
        guard()
        with writing(sidecar_of(self.folder, slot)):
            sidecar_of(self.folder, slot).unlink(missing_ok=True)
        write_whole(data_of(self.folder, slot), data, guard)
        write_whole(sidecar_of(self.folder, slot), text, guard)
        self._good, self._generation = slot, self._generation + 1

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
        """The latest good checkpoint: tensors, meta, and a warning for each damaged one; None if there is none.

        Raises:
            StoreError: there are some, and none is good; or a newer archdsl has written them.
        """
        from safetensors.torch import load

        found = self._survey()
        bad = [f for f in found if f.state == "damaged"]
        good = max((f for f in found if f.state == "good"), key=lambda f: f.generation, default=None)
        if good is None:
            if not bad and sum(f.state == "unfinished" for f in found) < len(SLOTS):
                return None
            what = "; ".join(f"{data_of(self.folder, f.slot).name}: {f.why}" for f in found if f.why)
            raise StoreError(
                f"no checkpoint of {self.folder} can be used ({what})",
                help=f"restore a copy of it; {remedy(self.folder)}",
            )
        assert good.about is not None
        warnings = [
            f"{data_of(self.folder, f.slot)} is ignored: {f.why}; the run resumes from step {good.about['step']}"
            for f in bad
        ]
        return load(good.data), dict(good.about["meta"]), warnings

    def clear(self) -> None:
        """Remove them all.

        Raises:
            EnvError: they cannot be removed.
        """
        with writing(self.folder):
            for path in [f(self.folder, s) for f in (sidecar_of, data_of) for s in SLOTS]:
                path.unlink(missing_ok=True)
        self._good, self._generation = None, 0

    def _survey(self) -> list[Found]:
        found = [_look(self.folder, slot, self.run) for slot in SLOTS]
        good = max((f for f in found if f.state == "good"), key=lambda f: f.generation, default=None)
        self._good = good.slot if good is not None else None
        self._generation = max(f.generation for f in found)
        return found


def save_checkpoint(folder: Path, state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint; see ``Checkpoints.save``, which is faster where there are several."""
    Checkpoints(folder).save(state, meta)


def load_checkpoint(folder: Path, run: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
    """The latest good checkpoint of a folder; see ``Checkpoints.load``."""
    return Checkpoints(folder, run).load()


def data_of(folder: Path, slot: str) -> Path:
    """The file of a slot's tensors."""
    return folder / f"checkpoint-{slot}.safetensors"


def sidecar_of(folder: Path, slot: str) -> Path:
    """The file that tells what a slot's tensors are."""
    return folder / f"checkpoint-{slot}.json"


def tensor_bytes(state: Mapping[str, Tensor]) -> bytes:
    """The tensors as a safetensors file: plain and contiguous; tied ones become tensors of their own."""
    from safetensors.torch import save

    seen: set[int] = set()
    tensors = {}
    for name, value in state.items():
        tensor = value.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != tensor.nbytes:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        tensors[name] = tensor
    return save(tensors)


def _encode(value: object) -> str:
    # NaN and Infinity are kept as Python writes them: a run has to continue with the very values it had.
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _sidecar(about: Mapping[str, Any]) -> bytes:
    text = _encode(about)
    return f'{{"check":"{hashlib.sha256(text.encode()).hexdigest()}","about":{text}}}\n'.encode()


def _look(folder: Path, slot: str, run: str | None) -> Found:
    """Read a slot and hold it to its checksums."""
    side, file = sidecar_of(folder, slot), data_of(folder, slot)
    if not side.exists():
        return Found(slot, "unfinished", "its .json file is missing") if file.exists() else Found(slot, "absent")
    about: dict[str, Any] = {}
    try:
        about = _about(side.read_bytes())
        if about["format"] > FORMAT:
            raise StoreError(
                f"{side} was written by a newer archdsl (store {about['format']}, this one knows {FORMAT})",
                help="upgrade archdsl",
            )
        if run is not None and about["run"] != run:
            raise ValueError("it belongs to another run")
        data = file.read_bytes()
        if len(data) != about["size"]:
            raise ValueError(f"it has {len(data)} bytes instead of {about['size']}")
        if hashlib.sha256(data).hexdigest() != about["sha256"]:
            raise ValueError("its bytes have changed since they were written")
        _check_tensors(data)
    except (OSError, ValueError) as error:
        why = f"{error.strerror}" if isinstance(error, OSError) else str(error)
        return Found(slot, "damaged", why, about.get("generation", 0))
    return Found(slot, "good", "", about["generation"], about, data)


def _about(text: bytes) -> dict[str, Any]:
    about: Any = None
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        about = json.loads(text)["about"]
    # Equal to the last byte, so that no change goes unseen.
    if not isinstance(about, dict) or text != _sidecar(about):
        raise ValueError("its .json file is damaged")
    return about


def _check_tensors(data: bytes) -> None:
    """Refuse bytes that carry a right checksum and are not a safetensors file, such as a pickle."""
    from safetensors import SafetensorError, deserialize

    try:
        deserialize(data)
    except SafetensorError as error:
        raise ValueError(f"it is not a safetensors file ({error})") from error
