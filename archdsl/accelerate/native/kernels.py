"""The C kernels: compiled on their first use by the machine's own compiler, kept where nobody else can write, checked, and
loaded.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from archdsl.accelerate.native.compiling import (
    FLAGS,
    HEADERS,
    SOURCES,
    Place,
    alone,
    compile_into,
    failed_before,
    forget_failure,
    remember_failure,
    whole,
)
from archdsl.accelerate.native.functions import GIVEN, LONG, TAKEN, Part
from archdsl.data.roots import cache_base
from archdsl.data.stream import cores
from archdsl.errors import InternalError
from archdsl.locks import Waited
from archdsl.notices import notice
from archdsl.trust import distrust
from archdsl.words.data.heads import own_path

BLOCKS = 32  # as in norm.c
NONE = "no compiled kernels, torch's own do the work"
# What tiles.c is written in.
TILE_INSTRUCTIONS = "amx_tile", "amx_bf16", "avx512_bf16", "avx512_bw", "avx512_vl"


@cache
def kernels(part: Part, kind: torch.dtype = torch.float32, narrow: bool = False) -> ctypes.CDLL | None:
    """The kernels of a part for float32 or bfloat16; None where they cannot be had. ``narrow`` has convolutions in vectors
    half as wide where those are of 512 bits, for channels that fill no wide ones.

    They are built for Linux, whose torch shares its OpenMP with them; another system, a machine without a compiler,
    and ARCHDSL_NATIVE=0 take torch's own kernels. ARCHDSL_NATIVE may also name the folder that keeps what was compiled.
    """
    place = _place(part, kind, narrow)
    if place is None:
        return None
    if (found := _had(part, place)) is not None:  # also from a folder that is not ours to write to
        return found
    without = "no kernels for AMX, our others do the work" if part == "tiles" else NONE
    if why := failed_before(place.file):
        note = place.file.with_suffix(".failed")
        notice(f"{without}: {why} (known from {note}, and tried again after an hour)")
        return None
    try:
        with alone(place.file):
            return _had(part, place) or _made(part, place)
    except Waited as error:
        remember_failure(place.file, str(error))
        notice(f"{without}: {error}")
    except (OSError, subprocess.SubprocessError) as error:
        if part == "tiles":  # a compiler or an assembler that does not know them, which each process would ask again
            remember_failure(place.file, str(error))
        notice(f"{without}: {error}")
    return None


def loaded(part: Part, kind: torch.dtype = torch.float32, narrow: bool = False) -> ctypes.CDLL:
    """The kernels of a net that was built for them.

    Raises:
        InternalError: they are not there.
    """
    lib = kernels(part, kind, narrow)
    if lib is None:
        raise InternalError(f"a layer calls compiled kernels for {kind}, and there are none")
    return lib


def available(*precisions: str, narrow: bool = False) -> bool:
    """Whether all kernels can be had for nets in these precisions, or in fp32; compiles them if they have not been yet.
    ``narrow``: the narrow convolutions alone.

    As many compilers as this process has cores; processes that start together, as the workers of a study do, each take
    what no other one has begun.
    """
    kinds = [torch.bfloat16 if precision == "bf16" else torch.float32 for precision in precisions or ("fp32",)]
    wanted: list[tuple[Part, torch.dtype, bool]] = [("conv", kind, narrow) for kind in kinds]
    if not narrow:
        wanted += [("norm", kind, False) for kind in kinds] + [("batch", torch.float32, False)]
    places = [_place(*one) for one in wanted]
    if not narrow and torch.bfloat16 in kinds and has_tiles():  # compiled beside the others, which do without it
        places.append(_place("tiles", torch.bfloat16, False))
    missing = [place for place in places if place is not None and not place.file.exists()]
    if None in places:
        return False
    if missing:
        with ThreadPoolExecutor(min(len(missing), cores())) as pool:
            list(pool.map(_make_if_free, missing))
    return all(kernels(*one) is not None for one in wanted)


def compile_if_free(part: Part, kind: torch.dtype, narrow: bool) -> None:
    """Compile the kernels of a part unless they are there, or another process compiles them."""
    place = _place(part, kind, narrow)
    if place is not None and not place.file.exists():
        _make_if_free(place)


@cache
def has_tiles() -> bool:
    """Whether the processor has AMX for bf16, with the vectors that go with it."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # of torch 2.11
    found = ask() if ask is not None else {}
    return all(found.get(name) for name in TILE_INSTRUCTIONS)


@cache
def lanes() -> int:
    """Floats of the processor's widest vectors; 0 where there are no kernels."""
    lib = kernels("batch")
    return 0 if lib is None else int(lib.lanes())


def _place(part: Part, kind: torch.dtype, narrow: bool) -> Place | None:
    wanted = os.environ.get("ARCHDSL_NATIVE", "")
    if kind not in (torch.float32, torch.bfloat16) or wanted == "0":
        return None
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if platform.system() != "Linux" or not torch.backends.openmp.is_available():
        return None
    if compiler is None:
        wanted_one = os.environ.get("CC") or "cc"
        notice(f"{NONE}: there is no C compiler {wanted_one} (CC names another)")
        return None
    asked = {"-DBF16": kind is torch.bfloat16, "-DNARROW": narrow, "-DPARTIAL": part == "partial"}
    flags = (*FLAGS, *(flag for flag, taken in asked.items() if taken))
    sources = SOURCES[part]
    name = f"kernels-{part}-{_signature(compiler, flags, sources)}.so"
    folder = _folder(own_path(wanted) if wanted else cache_base() / "native", name)
    return None if folder is None else Place(compiler, flags, folder / name, sources)


def _folder(wanted: Path, name: str) -> Path | None:
    """The folder itself where nobody else can write it, and we can or have this library there; else a private one for this
    process.
    """
    why = distrust(wanted)
    existing = next((part for part in (wanted, *wanted.parents) if part.exists()), wanted)
    if not why and not existing.is_dir():
        why = f"{existing} is not a folder"
    if not why and not os.access(existing, os.W_OK) and not (wanted / name).exists():
        why = f"{existing} cannot be written"
    if not why:
        return wanted
    try:
        own = _own_folder()
    except OSError as error:  # nothing can be written on this machine
        notice(f"{NONE}: {why}, and {error.strerror}")
        return None
    if unsafe := distrust(own):
        notice(f"{NONE}: {why}, and {unsafe}")
        return None
    notice(f"the kernels are compiled for this command alone: {why}; ARCHDSL_NATIVE=DIR names another folder for them")
    return own


@cache
def _own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="archdsl-native-"))  # of mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _had(part: Part, place: Place) -> ctypes.CDLL | None:
    """The library; None if there is none yet, or what is there is not what was compiled, or could be another user's."""
    try:
        if distrust(place.file) or not whole(place.file):
            return None
        return load(part, place)
    except OSError:
        return None


def _made(part: Part, place: Place) -> ctypes.CDLL:
    compile_into(*place)
    forget_failure(place.file)
    return load(part, place)


def _make_if_free(place: Place) -> None:
    """Compile a library that no other process is compiling. What goes wrong, `kernels` will find."""
    if failed_before(place.file):
        return
    with suppress(OSError, subprocess.SubprocessError), alone(place.file, wait=False):
        if not place.file.exists():
            try:
                compile_into(*place)
            except Waited as error:
                remember_failure(place.file, str(error))


def load(part: Part, place: Place) -> ctypes.CDLL:
    """What was compiled, with the types of its functions.

    Raises:
        OSError: it is not a library for this machine, or has not all of the functions.
    """
    found = ctypes.CDLL(str(place.file))
    for names, gives in ((TAKEN[part], None), (GIVEN[part], LONG)):
        for name, takes in names.items():
            function = getattr(found, name, None)
            if function is None:
                raise OSError(f"what {place.compiler} made lacks the function {name}")
            function.argtypes, function.restype = takes, gives
    return found


def floats(*shape: int) -> Tensor:
    """Room for float32 where the kernels look for it, whatever torch's own type and device are set to."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


def at(t: Tensor | None) -> int | None:
    """Where its values are; None, which C takes for NULL, of none."""
    return None if t is None else t.data_ptr()


def _signature(compiler: str, flags: tuple[str, ...], sources: tuple[Path, ...]) -> str:
    """A name for the source, the compiler and the processor: home folders are shared between machines."""
    parts = (
        [source.read_bytes() for source in (*sources, *HEADERS)],
        compiler,
        os.stat(compiler).st_size,
        flags,
        platform.machine(),
        processor_lines(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def processor_lines() -> list[str]:
    """What the system says of the processor's model and its instructions."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    except OSError:
        return [platform.processor()]
    return [line for line in told.splitlines() if line.split("\t")[0] in ("model name", "flags", "Features")]
