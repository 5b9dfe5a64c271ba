"""Runs as rows: what a list of them shows, filtered and sorted. Loads no torch."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError, StoreError, suggest
from archdsl.train.runs import Run, list_runs
from archdsl.train.store.log import read_events

Row = dict[str, Any]
KEYS = ("run", "hash", "status", "epochs", "accuracy", "valid", "loss", "params", "seconds")
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
_TEST = re.compile(r"\s*(\w+)\s*(<=|>=|!=|<|>|=)\s*([\w.+-]+)\s*")


def rows(out: Path) -> list[Row]:
    """A row for each run in ``out``."""
    return [row(found) for found in list_runs(out)]


def row(found: Run | StoreError) -> Row:
    """The figures of a run; those it has not are None."""
    if isinstance(found, StoreError):
        return {**dict.fromkeys(KEYS), "run": found.message, "status": "damaged"}
    result = found.result or {}
    events = _events(found)
    started = next((e for e in events if e["event"] == "started"), {})
    done = [e for e in events if e["event"] == "epochdone"]
    last = done[-1] if done else {}
    return {
        "run": found.folder.name,
        "hash": str(found.settings.get("hash", ""))[:8],
        "status": result.get("status") or ("unfinished" if done else "begun"),
        "epochs": last.get("epoch"),
        "accuracy": result.get("test_accuracy"),
        "valid": result.get("best_valid_accuracy", last.get("valid_accuracy")),
        "loss": last.get("loss"),
        "params": started.get("params"),
        "seconds": result.get("seconds"),
    }


def _events(found: Run) -> list[dict[str, Any]]:
    try:
        return read_events(found.folder)
    except (StoreError, ArchError):
        return []


def chosen(found: Iterable[Row], where: str | None, sort: str | None) -> list[Row]:
    """The rows for which every comparison of ``where`` holds, sorted by a column (``-accuracy`` falls).

    Raises:
        ArchError: that is no comparison, or there is no such column.
    """
    tests = [_test(part) for part in re.split(r"\band\b|,", where)] if where else []
    kept = [r for r in found if all(test(r) for test in tests)]
    if sort is None:
        return kept
    name = sort.removeprefix("-")
    _known(name, "--sort")
    have = [r for r in kept if r[name] is not None]
    return sorted(have, key=operator.itemgetter(name), reverse=sort.startswith("-")) + [
        r for r in kept if r[name] is None
    ]


def _test(text: str) -> Callable[[Row], bool]:
    match = _TEST.fullmatch(text)
    if match is None:
        raise ArchError(f"`--where` has `{text.strip()}`, which is no comparison",
                        help="write for example --where 'accuracy > 0.9 and status = finished'")  # fmt: skip
    name, sign, value = match.groups()
    _known(name, "--where")
    compare = SIGNS[sign]

    def holds(r: Row) -> bool:
        own = r[name]
        if own is None:
            return False
        if isinstance(own, str):
            return compare(own, value)
        try:
            return compare(own, float(value))
        except ValueError:
            raise ArchError(f"`--where`: {name} is a number, and `{value}` is none") from None

    return holds


def _known(name: str, option: str) -> None:
    if name not in KEYS:
        raise ArchError(
            f"`{option}`: there is no column `{name}`", help=suggest(name, KEYS) or f"columns: {', '.join(KEYS)}"
        )


def flat(values: object, prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level: ``train.optimizer.lr``."""
    if not isinstance(values, dict):
        return {prefix: values}
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}.{name}" if prefix else name)
    return found


def differences(runs: Iterable[Run]) -> list[tuple[str, list[Any]]]:
    """Settings in which the runs differ, each with the value of every run."""
    settings = [{**flat(dict(r.settings)), "spec": r.spec} for r in runs]
    names = {name: None for s in settings for name in s if name not in ("hash", "identity", "source", "spec")}
    found = [(name, [s.get(name) for s in settings]) for name in (*names, "spec")]
    return [(name, values) for name, values in found if any(v != values[0] for v in values)]
