"""Weights & Biases: the files of runs on this machine (``run-ID.wandb``), and what the states of a run mean.

A file is a log of records in blocks of 32 KiB (LevelDB's log format, after a header of seven bytes), each a message in
Protocol Buffers; field numbers are those of ``wandb_internal.proto``. A run without a record of its end was killed, or still
runs. Settings are ``config.x``, results ``summary.y``: the last value that the run logged, unless it set another.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError
from archdsl.files import read_regular
from archdsl.report.numbers import many
from archdsl.study.answer.measurements.sheet import Sheet, Tool, flat, of_records

WANDB = Tool(
    "Weights & Biases",
    "state",
    {
        "finished": "finished",
        "running": "unfinished",
        "pending": "unfinished",
        "preempting": "unfinished",
    },
    "name",
    "run",
)
MAGIC = b":W&B"
_HEADER, _BLOCK, _RECORD = 7, 32_768, 7
_HISTORY, _SUMMARY, _CONFIG, _RUN, _EXIT = 2, 3, 5, 17, 18
Fields = Mapping[int, list[Any]]


def folder(path: Path) -> Sheet | None:
    """The folder ``wandb``, or that of one run; None for another folder."""
    found = sorted(
        {
            file.resolve(): file
            for file in (*path.glob("run-*.wandb"), *path.glob("*run-*/run-*.wandb"))
            if file.parent.name != "latest-run"
        }.values()
    )
    return files(found) if found else None


def files(paths: Iterable[Path]) -> Sheet:
    """The runs in such files.

    Raises:
        ArchError: a file is damaged.
    """
    runs, points = [], []
    for path in paths:
        run, logged = _read(path)
        runs.append(run)
        points.append(logged)

    def steps(metric: str) -> Sheet:
        name = metric.removeprefix("summary.")
        records = []
        for run, logged in zip(runs, points, strict=True):
            rows = [row for row in logged if name in row] or [{"_step": None, name: None}]
            records += [
                {**run, "step": row["_step"], "seconds": row.get("_runtime"), metric: row[name]} for row in rows
            ]
        return of_records(f"the steps of {metric} in files of Weights & Biases", records, WANDB)

    return of_records(f"files of Weights & Biases, {many(len(runs), 'run')}", runs, WANDB, steps=steps)


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A run, and its rows of history."""
    about: dict[str, Any] = {"run": path.stem.removeprefix("run-"), "name": "", "state": "no end: killed or running"}
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    logged: list[dict[str, Any]] = []
    try:
        for record in _records(read_regular(path)):
            kind = next((kind for kind in (_HISTORY, _SUMMARY, _CONFIG, _RUN, _EXIT) if kind in record), None)
            if kind is None:
                continue
            body = _fields(record[kind][0])
            if kind == _HISTORY:
                row = dict(_items(body.get(1, ())))
                row.setdefault("_step", _fields(body[2][0]).get(1, [0])[0] if 2 in body else len(logged))
                logged.append(dict(flat(row)))
                summary |= logged[-1]
            elif kind == _SUMMARY:
                summary |= flat(dict(_items(body.get(1, ()))))
            elif kind == _CONFIG:
                config |= flat(dict(_items(body.get(1, ()))))
            elif kind == _RUN:
                about |= {"name": _text(body.get(8, [b""])[-1]), "project": _text(body.get(3, [b""])[-1])}
                config |= flat(dict(_items(_fields(body[4][0]).get(1, ())))) if 4 in body else {}
            else:
                code = body.get(1, [0])[0]
                about["state"] = "failed" if code else "finished"
    except (struct.error, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ArchError(
            f"{path} is damaged, or of another version of wandb ({error})",
            help="`wandb sync` it, and export the table of runs as csv",
        ) from error
    settings = {f"config.{key}": value for key, value in config.items() if not key.startswith("_wandb")}
    return {**about, **settings, **{f"summary.{key}": value for key, value in summary.items()}}, logged


def _records(data: bytes) -> Iterator[Fields]:
    """The messages of a log; a last one that is incomplete, as a killed run leaves it, is left out."""
    at, parts = _HEADER, bytearray()
    while at + _RECORD <= len(data):
        rest = _BLOCK - at % _BLOCK
        if rest < _RECORD:
            at += rest
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        body = data[at + _RECORD : at + _RECORD + length]
        at += _RECORD + length
        if len(body) < length or kind == 0:
            return
        parts = parts + body if kind in (3, 4) else bytearray(body)
        if kind in (1, 4):
            yield _fields(bytes(parts))


def _fields(data: bytes) -> dict[int, list[Any]]:
    """The fields of a message by number: whole numbers, eight or four bytes as they are, or bytes."""
    fields: dict[int, list[Any]] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: Any
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif key & 7 in (1, 5):
            length = 8 if key & 7 == 1 else 4
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"a field of the unknown type {key & 7}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _items(items: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """The keys and values of a config, a summary or a row of history."""
    for item in items:
        fields = _fields(item)
        key = ".".join(map(_text, fields.get(2) or fields.get(1, [b""])))
        if 16 in fields:
            yield key, json.loads(fields[16][-1])
        elif 5 in fields:  # zigzag
            yield key, (fields[5][-1] >> 1) ^ -(fields[5][-1] & 1)
        elif 6 in fields:
            yield key, struct.unpack("<d", fields[6][-1])[0]
        elif 7 in fields:
            yield key, _text(fields[7][-1])


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
