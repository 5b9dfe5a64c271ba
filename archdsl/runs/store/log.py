"""The event log of a run: one JSON object a line, only appended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from archdsl.atomic import as_json, open_own, read_stored, write_all, writing
from archdsl.errors import StoreError
from archdsl.runs.store.remedy import remedy
from archdsl.runs.store.schema import check_event

EVENTS = "events.jsonl"
# A run that is resumed has continued after these; after the last two it was ended before its result was written.
ENDS = frozenset({"stopped", "timedout", "oom", "finished", "diverged"})


def append(folder: Path, record: Mapping[str, Any]) -> None:
    """Append a record; one that does not fit on the disk leaves no part of itself.

    Raises:
        EnvError: it cannot be written.
    """
    path = folder / EVENTS
    with writing(path):
        handle = open_own(path, os.O_CREAT | os.O_APPEND)
        try:
            size = os.fstat(handle).st_size
            try:
                write_all(handle, as_json(record))
            except OSError:
                with suppress(OSError):
                    os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)


def sync(folder: Path) -> None:
    """Bring the log to the disk: a checkpoint must not be newer than it.

    Raises:
        EnvError: that fails.
    """
    path = folder / EVENTS
    if not path.exists():
        return
    with writing(path):
        handle = open_own(path, 0)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_log(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Every record of the log, and a warning if the last line is incomplete and was dropped.

    Raises:
        EnvError: the log cannot be read.
        StoreError: a line before the last one is damaged.
    """
    records, warning, _ = _read(folder / EVENTS)
    return records, [warning] if warning else []


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The history of the run as if it had never been stopped: what a resumed run did again counts once.

    Raises:
        EnvError: the log cannot be read.
        StoreError: a line before the last one is damaged.
    """
    return effective(read_log(folder)[0])


def repair(folder: Path) -> list[str]:
    """Cut off a torn last line before anything is appended to it; gives the warning.

    Raises:
        EnvError: the log cannot be read or written.
        StoreError: a line before the last one is damaged.
    """
    path = folder / EVENTS
    _, warning, good = _read(path)
    if not warning:
        return []
    with writing(path):
        handle = open_own(path, 0)
        try:
            os.ftruncate(handle, good)
        finally:
            os.close(handle)
    return [warning]


def effective(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records without those that a later ``resumed`` or a new beginning has superseded."""
    history: list[dict[str, Any]] = []
    begun: list[dict[str, Any]] = []  # the last start and its warnings, while nothing else has come after it
    for record in records:
        kind = record.get("event")
        if kind == "started":
            begun = [record]
        elif kind == "resumed":
            history = (_until(history, record.get("step", 0)) or begun[:1]) + begun[1:]
            begun = []
        elif kind == "warned" and begun:  # it may be resumed yet
            begun.append(record)
        else:
            if begun:  # it began again
                history, begun = begun, []
            if kind == "epochdone":
                at = next((n for n in reversed(range(len(history))) if history[n].get("event") == kind), None)
                if at is not None and history[at].get("step", -1) == record.get("step"):
                    del history[at]  # stopped in its evaluation, and again before its checkpoint
            history.append(record)
    return history or begun


def _until(history: list[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    return [r for r in history if r.get("event") not in ENDS and r.get("step", 0) <= step]


def _read(path: Path) -> tuple[list[dict[str, Any]], str, int]:
    """The records, the warning about the last line or nothing, and the length of the good part in bytes."""
    try:
        content = read_stored(path)
    except FileNotFoundError:
        return [], "", 0
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror}",
            help=f"restore a copy of the log; {remedy(path.parent)}",
        ) from error
    records: list[dict[str, Any]] = []
    good = 0
    lines = _lines(content)
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if record is None:
            if number == len(lines):
                return records, f"{path}:{number}: the last line is incomplete and was dropped", good
            raise StoreError(
                f"{path}:{number}: this line is damaged",
                help=f"restore a copy of the log; {remedy(path.parent)}",
            )
        try:
            check_event(record)
        except ValueError as error:
            raise StoreError(
                f"{path}:{number}: this line is damaged: {error}",
                help=f"restore a copy of the log; {remedy(path.parent)}",
            ) from error
        records.append(record)
        good += len(line)
    return records, "", good


def _lines(content: bytes) -> list[bytes]:
    *whole, last = content.split(b"\n")
    return [line + b"\n" for line in whole] + ([last] if last else [])


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line."""
    record: Any = None
    with suppress(ValueError, RecursionError):
        record = json.loads(line)
    return record if isinstance(record, dict) and line.endswith(b"\n") else None
