"""Which process writes a run: a file in its folder, made so that it can be made only once.

On the same host the owner is looked up by its pid and the time it started, never by a clock, so that a claim
of a dead process does not stand in the way. Nothing can be known of a process on another host.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.atomic import write_new, writing
from archdsl.errors import EnvError

if sys.platform != "win32":
    import fcntl

CLAIM = "claim.json"
WAIT = 2.0  # seconds for another process to finish looking; it takes a millisecond


class LostClaim(EnvError):
    """Another process has the run by now; what this one would write is dropped."""


class Taken(EnvError):
    """Another process is at the run."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write a run."""

    path: Path
    token: str

    def check(self) -> None:
        """Raises LostClaim if the run is not ours any more."""
        found = _read(self.path)
        if found is None or found.get("token") != self.token:
            now = f"{_owner(found)} has it" if found else "its claim is gone"
            raise LostClaim(f"this process has lost the run {self.path.parent}: {now}",
                            help="nothing more was written; the same command goes on from the last checkpoint "
                                 "once no other process is at it")  # fmt: skip

    def release(self) -> None:
        """Let others have the run. Does nothing if it is not ours any more."""
        found = _read(self.path)
        if found is not None and found.get("token") == self.token:
            with suppress(OSError):
                self.path.unlink()


def claim(folder: Path) -> Claim:
    """Take the run in ``folder``, also from a process of this host that is gone.

    Raises:
        EnvError: another process has it, or the claim cannot be written.
    """
    path, token = folder / CLAIM, secrets.token_hex(16)
    with _alone(folder):
        found = _read(path)
        if found is not None and not _gone(found):
            raise _taken(path, found)
        with writing(path):
            if found is not None:
                path.unlink(missing_ok=True)
            try:
                _create(path, token)
            except FileExistsError:
                raise _taken(path, _read(path) or {}) from None
    mine = Claim(path, token)
    mine.check()
    return mine


def held(folder: Path) -> bool:
    """Whether a process is at the run in ``folder``, as far as this host can tell."""
    found = _read(folder / CLAIM)
    return found is not None and not _gone(found)


def release_of(out: Path, host: str, pid: int) -> None:
    """Take back the claims of a process on another host that is known to be gone. Were it alive after all, it would
    see that its claim is lost, and drop what it writes.
    """
    for path in out.glob(f"*/{CLAIM}"):
        found = _read(path)
        if found is not None and (found.get("host"), found.get("pid")) == (host, pid):
            with suppress(OSError):
                path.unlink()


def _create(path: Path, token: str) -> None:
    about = {"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(), "started": started(os.getpid()),
             "token": token, "since": time.time()}  # fmt: skip
    # Not synced, as two of the nine syncs of a run would be for it. If this host loses its power, the owner is gone too, and
    # a claim that is then missing, empty or of the boot before stands in nobody's way; if a file server does, the owner sees that
    # its claim is gone before it writes anything else.
    try:
        write_new(path, (json.dumps(about) + "\n").encode())
    except FileExistsError:
        raise
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise


def _read(path: Path) -> dict[str, Any] | None:
    """What the claim says; None if there is none, and an empty one if its writer did not get to the end."""
    end = time.monotonic() + 0.2
    while True:
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EnvError(f"cannot read {path}: {error.strerror}", help="let its owner make it readable") from error
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        if time.monotonic() > end:
            return {}
        time.sleep(0.01)


def _gone(found: dict[str, Any]) -> bool:
    """Whether the owner is known to run no more."""
    if not found:
        return True
    if found.get("host") != socket.gethostname():
        return False
    if found.get("boot") != _boot():
        return True  # the host was started again since then
    pid = found.get("pid")
    return not isinstance(pid, int) or not alive(pid, found.get("started"))


def alive(pid: int, since: str | None) -> bool:
    """Whether process ``pid`` of this host runs and is the one that started at ``since``; True where nobody can tell."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it runs, and belongs to someone else
    now = started(pid)
    return now is None or since is None or now == since


def started(pid: int) -> str | None:
    """When a process of this host started, in the system's own terms; None if it does not say."""
    with suppress(OSError, IndexError):
        # The name of the program stands in brackets and may hold anything; the 22nd field is counted from there.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else fields[19]
    if Path("/proc/self/stat").exists() or os.name == "nt":
        return None
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False,
                              env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", "/bin:/usr/bin")})  # fmt: skip
        return done.stdout.strip() or None
    return None


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _owner(found: dict[str, Any]) -> str:
    return f"process {found.get('pid', '?')} on {found.get('host', '?')}"


def _taken(path: Path, found: dict[str, Any]) -> Taken:
    if not found or found.get("host") == socket.gethostname():
        help = "wait until it ends, or end it"
        return Taken(f"the run {path.parent} is being written by {_owner(found)}", help=help)
    since = found.get("since")
    age = _ago(time.time() - since) if isinstance(since, int | float) else ""
    return Taken(f"the run {path.parent} is claimed by {_owner(found)}{age}",
                 help=f"if nothing runs there any more, delete {path}")  # fmt: skip


def _ago(seconds: float) -> str:
    if seconds < 0:
        return ", in the future by this host's clock"
    unit, size = next((u, s) for u, s in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
                      if seconds >= 2 * s or s == 1)  # fmt: skip
    return f" since {seconds / size:.0f} {unit}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process of this host at a time; the system ends this with the process, whatever happens to it."""
    if sys.platform == "win32":
        yield
        return
    with writing(folder):
        handle = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + WAIT
        while not _lock(handle):
            if time.monotonic() > end:
                raise EnvError(f"another process is taking the run {folder}", help="try again when it is done")
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: making the file is still exclusive
    return True
