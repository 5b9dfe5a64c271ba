"""Taking a run away: only what a run writes, file by file, so that nothing else can be lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.runs.store.lock import LOCK, lock_run

OWN = (
    "spec.arch",
    "settings.json",
    "versions.json",
    "events.jsonl",
    "model.safetensors",
    "result.json",
    "outcome.json",
    "correct.bits",
    "measured.json",
    "checkpoint-*",
    ".tmp-*",
    LOCK,
)
EVALUATIONS, EVALUATED = "evaluations", ("*.json", "*.bits", ".tmp-*")  # a folder, and the files in it


def is_own(name: str) -> bool:
    """Whether a file of this name in the folder of a run is one that the run has written."""
    return any(fnmatchcase(name, own) for own in OWN)


def check_removable(folder: Path) -> None:
    """Refuse what is not a run folder and nothing else.

    Raises:
        EnvError: it is a link, or something is in it that no run writes.
    """
    with _removing(folder):
        if folder.is_symlink():
            raise EnvError(f"{folder} is a link", help="delete the run at its real path, and the link by hand")
        if not (folder / "spec.arch").is_file():
            raise EnvError(f"{folder} is not a run", help="delete it by hand if you are sure")
        strange = sorted(p.name for p in folder.iterdir() if not _own(p) and not _evaluations(p))
        inside = folder / EVALUATIONS
        if _evaluations(inside):
            strange += sorted(f"{EVALUATIONS}/{p.name}" for p in inside.iterdir() if not _own(p, EVALUATED))
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise EnvError(
            f"{folder} contains what no run writes: {', '.join(strange[:3])}{more}",
            help="move that elsewhere first, or delete the folder by hand",
        )


def remove(folder: Path) -> None:
    """Delete a run. Links are not followed; an error leaves a folder that can be deleted again.

    Raises:
        EnvError: a process is at it, it is not a run folder, or the system refuses.
    """
    check_removable(folder)
    lock = lock_run(folder)
    with _removing(folder):
        if _evaluations(inside := folder / EVALUATIONS):
            for path in sorted(inside.iterdir()):
                path.unlink(missing_ok=True)
            inside.rmdir()
        # The text goes last: without it the folder would no longer be known as a run.
        names = sorted(p.name for p in folder.iterdir())
        for name in (*(n for n in names if n not in (LOCK, "spec.arch")), "spec.arch", LOCK):
            (folder / name).unlink(missing_ok=True)
        folder.absolute().rmdir()
    lock.release()


def _own(path: Path, names: Sequence[str] = OWN) -> bool:
    return any(fnmatchcase(path.name, own) for own in names) and (path.is_symlink() or not path.is_dir())


def _evaluations(path: Path) -> bool:
    """Whether a path is the folder of evaluations itself; of a link, what it leads to is somebody else's."""
    return path.name == EVALUATIONS and path.is_dir() and not path.is_symlink()


@contextmanager
def _removing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvError(
            f"cannot delete {error.filename or folder}: {error.strerror or error}", help="let its owner delete it"
        ) from error
