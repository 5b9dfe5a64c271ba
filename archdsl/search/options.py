"""What a search is asked for, and the record that its folder keeps."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from archdsl.atomic import read_object, write_whole, writing
from archdsl.errors import ArchError

SEARCHES, RECORD = "searches", "search.json"
FOLLOW_UP = 0.4  # of a budget of time, for the runs that compare the winners on fresh seeds
FRESH = 1000  # the first seed of the comparison; a search has another one
AHEAD = 2  # virtual workers for each real one: decisions wait for results, and workers do not


@dataclass(frozen=True)
class SearchOptions:
    """What is searched. Everything here decides which candidates are trained; the budget only decides how many.

    Args:
        name: of the space; its folder begins with it.
        text: of the space, canonical.
        objective: a metric of validation images; ``pareto`` are totals that are to be small as well.
        where: conditions on candidates.
        rungs: epochs; the last one is a whole run.
        seed: of the runs and of the sampler.
        proxy: a zero-cost proxy that chooses the first candidates.
        parallel: virtual workers, see ``order``; 0 until the search begins.
    """

    name: str
    text: str
    objective: str
    pareto: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    sampler: str = "tpe"
    rungs: tuple[int, ...] = (1,)
    seed: int = 0
    proxy: str = ""
    parallel: int = 0

    def folder(self, runs: Path) -> Path:
        """Where the search keeps its record and its pages."""
        values = {k: v for k, v in asdict(self).items() if k not in ("name", "parallel")}
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9._]+", "-", self.name).strip("-.")[:60] or "search"
        return runs / SEARCHES / f"{name}-{digest}"


@dataclass
class Record:
    """What the folder of a search keeps beside the runs: the virtual workers with which it began, the version of Optuna, and the
    seconds that it took so far.
    """

    parallel: int
    optuna: str
    seconds: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)


def begun(folder: Path) -> Record | None:
    """The record of a search that was begun.

    Raises:
        ArchError: it is damaged, or a file is in the place of its folder.
    """
    try:
        found = read_object(folder / RECORD)
        known = Record(int(found["parallel"]), str(found["optuna"]), float(found["seconds"]), found["options"])
        if known.parallel < 1 or not 0 <= known.seconds < math.inf:
            raise ValueError(f"{known.parallel} virtual workers, {known.seconds:g} s")
        return known
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        file = next((path for path in (*reversed(folder.parents), folder) if path.is_file()), folder)
        raise ArchError(
            f"{file} is a file, and a search keeps its record in {folder}",
            help="name another folder by --runs, or move the file away",
        ) from error
    except (OSError, ValueError, OverflowError, KeyError, TypeError) as error:
        raise ArchError(
            f"{folder / RECORD} is damaged ({error})",
            help="remove the folder; the runs stay, and with the same --jobs the search repeats its decisions from them",
        ) from error


def keep(folder: Path, record: Record) -> None:
    """Write the record of a search.

    Raises:
        EnvError: it cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=1).encode())


def record_of(options: SearchOptions, folder: Path, jobs: int) -> tuple[SearchOptions, Record, list[str]]:
    """The options with the virtual workers of the search, its record, and what is to be said of it."""
    import optuna

    known = begun(folder)
    if known is None:
        record = Record(AHEAD * jobs, optuna.__version__, 0.0, asdict(replace(options, parallel=AHEAD * jobs)))
        return replace(options, parallel=record.parallel), record, []
    notes = []
    if known.optuna != optuna.__version__:
        notes.append(
            f"the search was begun with Optuna {known.optuna}, and this is {optuna.__version__}: it may choose other arms"
        )
    return replace(options, parallel=known.parallel), known, notes
