"""The plan of a study, written before its first run, and what became of it; and how often a fixed design was looked at.

A plan says what is compared, by which metric and how it is decided. Its hash is printed when it is registered, so that it can be
put down elsewhere. A report names every departure from it. The commands that were typed are kept beside it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archdsl.atomic import read_object, write_whole
from archdsl.data.fingerprint import short
from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.study.execute.records import keep_list, read_list
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.cells import Cell
from archdsl.study.plan.file import StudyFile
from archdsl.version import __version__

PLAN, LOOKS, COMMANDS = "registered.json", "looks.json", "commands.json"
LOOKED, TYPED = "earlier looks at this study", "commands that carried this study out"
SHOWN = 12  # digits of a hash that are printed


def plan_of(study: StudyFile, arms: Arms, every: Sequence[Cell]) -> dict[str, Any]:
    """What is decided before the first run, as plain values."""
    return {
        "title": study.title,
        "arms": [[arm.name, arm.identity] for arm in arms.arms],
        "metric": study.metric,
        "more": list(study.more),
        "design": "sequential" if study.sequential else "fixed",
        "seeds": list(study.seeds),
        "alpha": study.alpha,
        "same": study.same,
        "budget": study.budget,
        "failures": study.failures,
        "data": sorted({short(c.experiment.data.fingerprint) for c in every}),
        "archdsl": __version__,
        **({"claims": [claim.text for claim in study.claims]} if study.claims else {}),
        **({"tuning": study.tune.written} if study.tune is not None else {}),
        **({"fits": [[fit.text for fit in study.fits], study.holdout]} if study.fits else {}),
    }


def hash_of(plan: dict[str, Any]) -> str:
    """The hash of a plan, 64 hex digits."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def register(folder: Path, plan: dict[str, Any], begun: int) -> str:
    """Write a plan into the folder of its study; gives what is to be said.

    Args:
        begun: runs of the study that are there already.

    Raises:
        ArchError: there are runs already, or another plan.
    """
    known = read(folder)
    if known is not None:
        changes = list(departures(known["plan"], plan))
        if changes:
            raise ArchError(
                f"the study is registered as {known['hash'][:SHOWN]} with another plan: {'; '.join(changes)}",
                help="leave --register out: the report names the departures; or use --runs NEW_FOLDER",
            )
        return f"registered on {known['time']} as {known['hash'][:SHOWN]}"
    if begun:
        raise ArchError(
            f"{many(begun, 'run of the study is', 'runs of the study are')} there already, and a plan is registered before "
            "the first one",
            help="leave --register out, or use --runs NEW_FOLDER",
        )
    entry = {"time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "hash": hash_of(plan), "plan": plan}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PLAN, json.dumps(entry, indent=1).encode())
    return f"registered as {entry['hash']} in {folder / PLAN}"


def read(folder: Path) -> dict[str, Any] | None:
    """The registered plan of a study; None where there is none.

    Raises:
        ArchError: the file is damaged, or was changed after it was written.
        EnvError: the system does not let it be read.
    """
    try:
        entry = read_object(folder / PLAN)
        if hash_of(entry["plan"]) == entry["hash"] and isinstance(entry["time"], str):
            return entry
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ArchError(
        f"{folder / PLAN} is damaged, or was changed after the plan was registered",
        help="restore it; or remove it, and the study counts as not registered",
    )


def departures(plan: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """In what a study departs from its plan."""
    for key in {**plan, **now}:
        old, new = plan.get(key), now.get(key)
        if old == new:
            continue
        if key == "seeds":
            before, after = len(old or ()), len(new or ())
            yield f"{many(before, 'seed')} became {after}" if before != after else "other seeds"
        elif key == "arms":
            yield "the arms changed"
        elif key == "more":
            yield f"further metrics: {', '.join(old or ()) or 'none'} became {', '.join(new or ()) or 'none'}"
        elif key in ("claims", "fits", "tuning"):
            yield f"the {key} changed"
        else:
            yield f"{key} {old or 'none'} became {new or 'none'}"


def note(folder: Path, now: dict[str, Any]) -> str:
    """Whether a study is registered, and how it departs from its plan, in a sentence."""
    entry = read(folder)
    if entry is None:
        return "not registered"
    changes = "; ".join(departures(entry["plan"], now))
    return f"registered on {entry['time']} as {entry['hash'][:SHOWN]}, " + (
        f"with departures: {changes}" if changes else "without departures"
    )


def looked(folder: Path, seeds: int) -> list[int]:
    """The numbers of seeds at which the results of a fixed design were looked at, with the present one, which is kept."""
    known = read_list(folder / LOOKS, LOOKED, lambda entry: type(entry) is int)
    every = sorted({*(known or ()), seeds})
    if known is not None and every != known and folder.is_dir():
        keep_list(folder / LOOKS, LOOKED, every)
    return every


def typed(folder: Path) -> list[str]:
    """The commands that carried out a study, as they were typed, each once; none of one that Python carried out."""
    return read_list(folder / COMMANDS, TYPED, lambda entry: isinstance(entry, str)) or []


def remember(folder: Path, command: str) -> None:
    """Keep the command that carries out a study."""
    known = read_list(folder / COMMANDS, TYPED, lambda entry: isinstance(entry, str))
    if known is not None and command not in known:
        keep_list(folder / COMMANDS, TYPED, [*known, command])


def commands(folder: Path) -> str:
    """How a study is carried out again, a command a line: as it was typed, and by its folder, where it needs no other file."""
    own = shlex.join(["archdsl", "ablate", str(folder)])
    return "\n".join([*(text for text in typed(folder) if text != own), own])
