"""What repairs a damaged run: a command that works, whichever of its files is damaged."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from archdsl.errors import ArchError
from archdsl.runs.store.remove import OWN


def remedy(folder: Path) -> str:
    """The commands that train a run again or take it away, with its path."""
    from archdsl.syntax.parse import parse  # only for damage

    delete = f"`{shlex.join(['archdsl', 'runs', 'delete', str(folder)])}` removes it"
    with suppress(OSError):
        strange = sorted(p.name for p in folder.iterdir() if p.name in OWN and p.is_dir() and not p.is_symlink())
        if strange:  # no command of ours takes a folder of others away
            return f"remove {folder / strange[0]}, which is a folder where a file should be"
    try:
        parse((folder / "spec.arch").read_bytes().decode("utf-8"))
    except (OSError, ValueError, ArchError):
        return f"{delete}; the command that trained it trains it again"
    return f"`{shlex.join(['archdsl', 'train', str(folder), '--again'])}` trains it again; {delete}"
