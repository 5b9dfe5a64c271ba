"""A network by whatever a person calls it: a spec, the folder of a run, or a version of a file in git."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, EnvError, Source, SpecError, suggest
from archdsl.files import spec_path
from archdsl.limits import Limits

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.runs.run import Run

PATIENCE = 20  # seconds that git may take
_VERSION = re.compile(r"(?P<rev>[^\s:()\[\]|]+):(?P<path>[^\s:][^\n:]*\.arch)")  # as no text of a network ends
_LINKS = 8  # symbolic links that lead from one to the next


class Elsewhere(ArchError):
    """The findings of a text, rendered, with its name in git instead of that of the file that was read."""

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Found:
    """A network, and the run that it was taken from, if any."""

    spec: Spec
    run: Run | None = None


def found(name: str, *, rev: str | None = None, **given: Any) -> Found:
    """The network that a name means. ``REV:FILE.arch`` is a version in git, and so is a file's path (or the name of a
    shipped spec that is in the repository) with ``rev``.

    Raises:
        ArchError: there is none, or an option would change what a run is.
        EnvError: git is not installed, or this is not a repository.
        SpecError: the text is wrong.
    """
    from archdsl.api import load

    given = {k: v for k, v in given.items() if v not in (None, [])}
    if rev is not None:
        shipped = None if name.endswith(".arch") else spec_path(name)
        return Found(_from_git(rev, str(shipped or name), given))
    if is_folder(name):
        return _from_run(Path(name), given)
    version = _VERSION.fullmatch(name)
    if version and not os.path.exists(name):
        return Found(_from_git(version["rev"], version["path"], given))
    return Found(load(name, **given))


def is_folder(name: str) -> bool:
    """Whether a name is the path of a folder."""
    return os.path.isdir(name)  # False of a text that is too long for a name


def _from_run(folder: Path, given: dict[str, Any]) -> Found:
    from archdsl.cli.support.open_run import spec_of
    from archdsl.runs.run import load_run

    other = [f"--{k}" for k in given if k != "input"]
    if other:
        raise ArchError(
            f"{other[0]} would change the experiment of the run {folder}", help="for a run, only --input can be changed"
        )
    run = load_run(folder)
    return Found(spec_of(run, given.get("input")), run)


def _from_git(rev: str, path: str, given: dict[str, Any]) -> Spec:
    """A version of a spec. What it includes is taken from the same version."""
    from archdsl.api import load
    from archdsl.expand.include import allowed
    from archdsl.syntax import ast
    from archdsl.syntax.parse import parse

    commit = _commit(rev)
    inside = _target(commit, rev, _inside(path))
    text = _blob(commit, rev, inside)
    name = f"{rev}:{inside}"
    if not any(isinstance(i, ast.Include) for i in parse(Source(name, text)).items):
        return load(Source(name, text), **given)
    with tempfile.TemporaryDirectory(prefix="archdsl-") as folder:
        _unpack(Path(folder), commit, rev, inside, set())
        place = str(Path(folder, inside))
        try:
            with allowed(Path(folder).resolve()):
                return load(Source(place, text), **given)
        except SpecError as error:
            raise Elsewhere(str(error).replace(folder + "/", f"{rev}:")) from None


def _unpack(folder: Path, commit: str, rev: str, path: str, done: set[str]) -> None:
    """A spec and what it includes as files below a folder, at their places in the repository."""
    from archdsl.syntax import ast
    from archdsl.syntax.parse import parse

    if path in done:
        return
    done.add(path)
    text = _blob(commit, rev, _target(commit, rev, path))
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    for item in parse(Source(f"{rev}:{path}", text)).items:
        if isinstance(item, ast.Include):
            beside = _normal(PurePosixPath(path).parent / item.path)
            if beside is not None:  # one that leads outside is refused when it is read
                _unpack(folder, commit, rev, beside, done)


def _normal(path: PurePosixPath) -> str | None:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in (".", "/"):
            parts.append(part)
    return None if path.is_absolute() else "/".join(parts)


def _commit(rev: str) -> str:
    """The object that a revision names. It cannot be an option of git's: those begin with a dash."""
    if rev.startswith("-") or "\0" in rev:
        raise ArchError(f"`{rev[:80]}` is not a revision", help="write HEAD~1, a branch, a tag or the hash of a commit")
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if done.returncode:
        inside = _git("rev-parse", "--git-dir")
        if inside.returncode:
            raise EnvError(
                f"cannot resolve the revision `{rev[:80]}`: this folder is not in a git repository",
                help="change to a folder inside a repository, or name two files",
            )
        raise ArchError(
            f"git does not know the revision `{rev[:80]}`",
            help="`git log --oneline` lists commits; a shallow clone has only the latest",
        )
    return done.stdout.decode().strip()


def _inside(path: str) -> str:
    """A path from here as one from the root of the repository."""
    prefix = _git("rev-parse", "--show-prefix").stdout.decode().strip()
    if Path(path).is_absolute():
        top = Path(_git("rev-parse", "--show-toplevel").stdout.decode().strip())
        if not Path(path).resolve().is_relative_to(top.resolve()):
            raise ArchError(f"{path} is not in this repository", help="name a file below " + str(top))
        return Path(path).resolve().relative_to(top.resolve()).as_posix()
    normal = _normal(PurePosixPath(prefix) / path)
    if normal is None:
        raise ArchError(f"{path} is outside of the repository", help="name a file in it")
    return normal


def _target(commit: str, rev: str, path: str) -> str:
    """The file that a path of a version means, through symbolic links."""
    for _ in range(_LINKS):
        listed = _git("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", path).stdout
        if not listed.startswith(b"120000 "):
            break
        target = PurePosixPath(path).parent / _blob(commit, rev, path)
        if (beside := _normal(target)) is None:
            raise ArchError(
                f"{path} in {rev} is a link to {target}, outside of the repository", help="name a file in it"
            )
        path = beside
    return path


def _blob(commit: str, rev: str, path: str) -> str:
    done = _git("cat-file", "blob", f"{commit}:{path}")
    if done.returncode:
        listed = _git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit).stdout.decode("utf-8", "replace")
        specs = [name for name in listed.split("\0") if name.endswith(".arch")]
        near = suggest(path, specs)
        raise ArchError(
            f"there is no {path} in {rev}", help=near or f"`git ls-tree -r --name-only {rev}` lists its files"
        )
    content = done.stdout.removeprefix(b"\xef\xbb\xbf")
    if len(content) > Limits.SOURCE:
        raise ArchError(f"{rev}:{path} has {len(content):,} bytes; the limit is {Limits.SOURCE:,}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ArchError(f"{rev}:{path} is not UTF-8 text", help="name a spec") from None


def _git(*args: str) -> subprocess.CompletedProcess[bytes]:
    """Run git without a shell, without hooks, pagers or questions."""
    try:
        return subprocess.run(
            ("git", "--no-pager", *args), capture_output=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise EnvError("git is not installed, so there are no versions", help="install it, or name two files") from None
    except subprocess.TimeoutExpired:
        raise EnvError(f"git did not answer within {PATIENCE} seconds", help="try again, or name two files") from None
