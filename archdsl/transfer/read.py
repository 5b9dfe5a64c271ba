"""Weights as they are in files: read without running anything, and put into the order in which they act."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archdsl.errors import ArchError, EnvError, Source
from archdsl.expand import complete, expand
from archdsl.expand.graph import Declared
from archdsl.ir.trace import Trace
from archdsl.runs.run import load_run
from archdsl.syntax.parse import parse
from archdsl.transfer.peers import REMARKS, arranged, registered
from archdsl.transfer.place import Place, check_promise, verified

# Keys under which programs keep a state dict, in the order in which they are looked for.
WRAPPERS = ("state_dict", "model_state_dict", "model", "model_ema", "state_dict_ema", "net")
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DataParallel, torch.compile and Lightning
SORTED, STORED = "the order of their names", "the order in which they are stored"
SPEC_KEY = "archdsl.spec"  # of a safetensors header


@dataclass(frozen=True, eq=False)
class Weights:
    """The tensors of a source by name, in the order in which they act as far as it is known, on the CPU. ``sha`` is the
    hash of the files, ``trace`` that of the network where it is known, ``guessed`` says in which order they are where they need
    not act in it.
    """

    source: str
    state: Mapping[str, Tensor]
    sha: str
    notes: tuple[str, ...] = ()
    trace: Trace | None = None
    guessed: str = ""


def read_weights(source: str, sha: str = "") -> Weights:
    """The weights of a source.

    Args:
        sha: what its hash must be; "" takes it as it is.

    Raises:
        ArchError: the source names nothing that could hold weights.
        StoreError: it is a run whose files are damaged, or of a format that this version does not read.
        EnvError: it is not there, cannot be read, holds more than tensors, or other content than ``sha`` says.
    """
    place, found = verified(source, sha)
    check_promise(place)
    state, text = _read(place)
    state, others = _plain(state, place)
    trace, doubts = _trace(place, text)
    names, notes = _order(place, state, trace)
    guessed = "" if trace is not None or place.peer is not None else STORED if place.kind == "torch" else SORTED
    said = (*place.notes, *others, *notes, *doubts)
    return Weights(source, {n: state[n] for n in names}, found, said, trace, guessed)


def trace_of(text: str, name: str = "<spec>", declared: Declared | None = None) -> Trace:
    """The traced network of a recorded text; ``declared`` is what a run has recorded of its data, which may be gone.

    Raises:
        SpecError: it is none.
    """
    return complete(expand(parse(Source(name, text)), declared=declared)).trace


def keys(trace: Trace) -> list[str]:
    """The names of a traced network's weights and buffers, in order of execution."""
    return [f"{r.path}.{n}" for r in trace.flat() for n in (*r.layer.weights, *r.layer.buffers)]


def _read(place: Place) -> tuple[Any, str]:
    """What the file holds, and the text of its spec, "" where none is known."""
    if place.kind == "torch":
        return _unpickled(place.file), ""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(place.file, "pt") as file:
            state = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118 - it is no mapping
            text = (file.metadata() or {}).get(SPEC_KEY, "")
        if place.spec is not None:
            text = place.spec.read_text("utf-8")
    except (OSError, SafetensorError, UnicodeDecodeError) as error:
        raise EnvError(f"{place.file} cannot be read ({error})", help="replace it with a good copy") from error
    return state, text


def _unpickled(path: Path) -> Any:
    """What torch.save has written, if it is tensors and plain values alone: anything else could run code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EnvError(
            f"{path} holds more than tensors and is not opened, since it could run code",
            help="save `model.state_dict()` of a net that you trust, or convert it to safetensors elsewhere",
        ) from error
    except Exception as error:  # whatever torch, zip and pickle say of bytes that are not an archive
        said = str(error).splitlines()
        raise EnvError(
            f"{path} cannot be read ({said[0] if said else type(error).__name__})", help="replace it with a good copy"
        ) from error


def _plain(found: Any, place: Place) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The state dict in what a file holds, and that there are others, if there are."""
    notes: tuple[str, ...] = ()
    inside = [n for n in WRAPPERS if isinstance(found, Mapping) and isinstance(found.get(n), Mapping)]
    held = [n for n in inside if any(isinstance(v, Tensor) for v in found[n].values())]
    if held:
        if others := [f"`{n}`" for n in held[1:]]:
            notes = (f"{place.source} holds {', '.join(others)}, too: the weights are those of `{held[0]}`",)
        found = found[held[0]]
    if not isinstance(found, Mapping):
        raise EnvError(f"{place.file} holds no state dict", help="save `model.state_dict()`")
    state = {
        str(k): v if v.layout is torch.strided else v.to_dense() for k, v in found.items() if isinstance(v, Tensor)
    }
    if not state:
        raise EnvError(f"{place.file} holds no weights", help="a state dict has a tensor for each weight")
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in state)), ""):
        state = {k.removeprefix(prefix): v for k, v in state.items()}
    return state, notes


def _trace(place: Place, text: str) -> tuple[Trace | None, tuple[str, ...]]:
    """The traced network of the spec, None where there is none, and what is to be said of it."""
    if not text or place.peer is not None:
        return None, ()
    try:
        return trace_of(text, place.source, _declared(place)), ()
    except ArchError:
        return None, (f"the spec of {place.source} cannot be read: its weights are matched by their names",)


def _order(place: Place, state: Mapping[str, Tensor], trace: Trace | None) -> tuple[list[str], tuple[str, ...]]:
    """The names in the order in which the weights act, and what is to be said of them."""
    if place.peer is not None:
        library, net = place.peer
        known = list(state) if place.kind == "torch" else _known(registered(library, net), state)
        return arranged(net, known), (REMARKS[net],) if net in REMARKS else ()
    if trace is not None:
        return _known(keys(trace), state), ()
    return (list(state) if place.kind == "torch" else _counted(state)), ()


def _declared(place: Place) -> Declared | None:
    """What the data said of the network, as the run of these weights has recorded them."""
    with suppress(ArchError):
        return load_run(place.spec.parent).declared if place.spec is not None else None
    return None


def _known(order: Iterable[str], state: Mapping[str, Tensor]) -> list[str]:
    """The names as a net has them, others behind."""
    first = [n for n in order if n in state]
    return [*first, *_counted(state.keys() - set(first))]


def _counted(names: Iterable[str]) -> list[str]:
    """Sorted, numbers in them by their value: `block2` before `block10`."""
    return sorted(names, key=lambda n: [(int(p) if p.isdigit() else -1, p) for p in re.split(r"(\d+)", n)])
