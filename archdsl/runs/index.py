"""Runs as rows: what a list of them shows. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from archdsl.errors import ArchError, EnvError, StoreError, suggest
from archdsl.runs.run import EVENTS, OUTCOME, RESULT, SPEC, Run, load_run
from archdsl.runs.store.lock import held
from archdsl.runs.store.log import read_events
from archdsl.words.tasks import Several

KEYS = (
    "run",
    "hash",
    "status",
    "epochs",
    "test_accuracy",
    "best_valid_accuracy",
    "train_loss",
    "params",
    "seconds",
    "date",
)
# Figures of tasks other than classification, in a list of runs where one of them has them.
OTHERS = ("test_r2", "test_rmse", "test_mae", "test_miou", "test_perplexity")
STATUSES = ("finished", "diverged", "interrupted", "running", "failed", "oom", "timeout", "damaged")
# Names that columns had once, still understood by --where and --sort.
RENAMED = {"accuracy": "test_accuracy", "valid": "best_valid_accuracy", "loss": "train_loss"}
FEWEST = 4  # digits of a hash that may stand for a run


@dataclass(frozen=True, slots=True)
class Row:
    """A run in a list. ``figures`` has every name of ``KEYS``, None where there is no value; ``why`` tells what is damaged."""

    folder: Path
    figures: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def rows(out: Path) -> list[Row]:
    """A row for each run in ``out``, by name.

    Raises:
        EnvError: there is no such folder, or it cannot be read.
    """
    return [row(path) for path in _folders(out)]


def row(folder: Path) -> Row:
    """The figures of a run. ``best_valid_accuracy`` is that of the best epoch, ``train_loss`` the mean over the last
    epoch, ``date`` the local time of the last event.
    """
    blank: dict[str, Any] = {**dict.fromkeys(KEYS), "run": folder.name, "date": _date(folder)}
    try:
        run = load_run(folder)
        events = read_events(folder)
    except (StoreError, EnvError) as error:
        return Row(folder, {**blank, "status": "damaged"}, why=error.message)
    result = run.result or {}
    started: Mapping[str, Any] = next((e for e in events if e.get("event") == "started"), {})
    done = epochs(events)
    last: Mapping[str, Any] = done[-1] if done else {}
    valid = [e["valid_accuracy"] for e in done if e.get("valid_accuracy") is not None]
    best, seconds = result.get("best_valid_accuracy"), result.get("seconds")
    figures = {
        **blank,
        "hash": str(run.settings.get("hash", ""))[:8],
        "status": status(run),
        "epochs": last.get("epoch", 0),
        "test_accuracy": result.get("test_accuracy"),
        "best_valid_accuracy": best if best is not None else max(valid, default=None),
        "train_loss": last.get("loss"),
        **(_of_task(run) if run.result else {}),
        "params": started.get("params"),
        "seconds": seconds if seconds is not None or not done else sum(e.get("seconds") or 0.0 for e in done),
    }
    return Row(folder, figures, flat({k: run.settings.get(k) for k in ("name", "data", "train")}))


def _of_task(run: Run) -> dict[str, float]:
    """The figures that the task of a run reports, besides those of every list; of several heads all of them."""
    from archdsl.expand.metrics import metric_of

    with suppress(StoreError):
        task = run.facts.task
        names = [n for n in task.reported if n in OTHERS or isinstance(task, Several)]
        found = {name: metric_of(name).of(SimpleNamespace(result=run.result)) for name in names}  # type: ignore[arg-type]
        return {name: value for name, value in found.items() if value is not None}
    return {}


def epochs(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events that end an epoch."""
    return [e for e in events if e.get("event") == "epochdone"]


def status(run: Run) -> str:
    """How a run ended; ``running`` where a process holds it, ``interrupted`` where it can continue."""
    with suppress(EnvError):
        if held(run.folder):
            return "running"
    return str((run.result or {}).get("status") or "interrupted")


def find(name: str, out: Path) -> Path:
    """The folder of a run: its path, its name in ``out``, or the first digits of a hash that one run there has.

    Raises:
        EnvError: there is none, or there are several.
    """
    for path in (Path(name), out / name):
        with suppress(OSError, ValueError):  # a name that no path can have
            if (path / SPEC).is_file():
                return path
    folders = _folders(out) if out.is_dir() else []
    like = [p for p in folders if len(name) >= FEWEST and _digits(p).startswith(name)]
    if len(like) == 1:
        return like[0]
    if like:
        some = ", ".join(p.name for p in like[:5])
        raise EnvError(f"`{name}` may be one of {len(like)} runs: {some}", help="give the whole name")
    near = suggest(Path(name).name[:200], [p.name for p in folders])
    raise EnvError(f"{name[:200]} is not a run", help=near or f"`archdsl runs --runs {out}` lists the existing runs")


def flat(values: object, prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level: ``train.optimizer.lr``."""
    if not isinstance(values, Mapping) or not values:
        return {prefix: values}
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}.{name}" if prefix else str(name))
    return found


def differences(runs: Iterable[Run]) -> list[tuple[str, list[Any]]]:
    """Settings, versions and lines of the text in which the runs differ, each with the value of every run."""
    settings = [
        {**flat({k: r.settings.get(k) for k in ("data", "train")}), **flat(dict(r.versions)), **_lines(r.spec)}
        for r in runs
    ]
    names = dict.fromkeys(name for s in settings for name in s)
    found = [(name, [s.get(name) for s in settings]) for name in names]
    return [(name, values) for name, values in found if any(v != values[0] for v in values)]


def _lines(spec: str) -> dict[str, str]:
    """The statements that no setting repeats: the network, and what it is made of."""
    found: dict[str, str] = {}
    for line in spec.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word and word not in ("data", "train"):
            found[word] = f"{found[word]}; {rest.strip()}" if word in found else rest.strip()
    return found


def _folders(out: Path) -> list[Path]:
    try:
        return sorted(p for p in out.iterdir() if (p / SPEC).is_file())
    except FileNotFoundError as error:
        raise EnvError(
            f"there is no folder {out}", help="`archdsl train SPEC` makes it; --runs names another"
        ) from error
    except OSError as error:
        raise EnvError(
            f"cannot list {out}: {error.strerror}", help="give a folder that can be read by --runs"
        ) from error


def _digits(folder: Path) -> str:
    with suppress(ArchError):
        return str(load_run(folder).settings.get("hash", ""))
    return ""


def ended(run: Run) -> str | None:
    """When a finished run ended, local time; None where nobody knows."""
    return _date(run.folder)


def _date(folder: Path) -> str | None:
    """When something last happened; a file that is copied with its time keeps it."""
    return max(_times(folder), default=None)


def _times(folder: Path) -> Iterator[str]:
    for name in (RESULT, OUTCOME, EVENTS, SPEC):
        with suppress(OSError, OverflowError, ValueError):
            yield datetime.fromtimestamp((folder / name).stat().st_mtime).isoformat(" ", "seconds")
