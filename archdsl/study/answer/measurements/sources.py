"""Which format a file, a folder or standard input has: found by the content; the ending counts where the content is text."""

from __future__ import annotations

import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from archdsl.errors import ArchError, EnvError
from archdsl.files import read_regular
from archdsl.study.answer.measurements import mlflow, optuna, trackio, wandb
from archdsl.study.answer.measurements.parquets import parquet
from archdsl.study.answer.measurements.sheet import Sheet
from archdsl.study.answer.measurements.tables import recognised
from archdsl.study.answer.measurements.texts import jsonl, separated

KINDS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_SQLITE, _PARQUET = b"SQLite format 3\0", b"PAR1"
_DATABASES = (mlflow.database, optuna.database, trackio.database)
_FOLDERS = (mlflow.folder, wandb.folder, trackio.folder)
_TAKEN = "csv, tsv, jsonl, Parquet, and what MLflow, Optuna, Trackio and Weights & Biases store"


def open_sheet(path: str, kind: str | None = None) -> Sheet:
    """The table in a file, in the folder of a tool, or on standard input (``-``).

    Args:
        kind: csv, tsv, jsonl or parquet, where it is not to be found out.

    Raises:
        ArchError: it is not a table that can be read.
        EnvError: it cannot be read at all.
    """
    place = Path(path)
    if path != "-" and place.is_dir():
        sheet = next((sheet for read in _FOLDERS if (sheet := read(place)) is not None), None)
        if sheet is None:
            raise ArchError(f"{path} is not the folder of a known tool", help=f"what is read: {_TAKEN}")
        return replace(sheet, sha256=_of_folder(place))
    try:
        data = sys.stdin.buffer.read() if path == "-" else read_regular(place)
    except OSError as error:
        raise EnvError(f"{path} cannot be read: {error.strerror or error}", help="give a file with results") from error
    return replace(_sheet(path, data, kind), sha256=sha256(data).hexdigest())


def _sheet(path: str, data: bytes, kind: str | None) -> Sheet:
    place = Path(path)
    if data.startswith(_SQLITE):
        return _database(path)
    if data.startswith(wandb.MAGIC):
        return wandb.files([place])
    if (kind or ("parquet" if data.startswith(_PARQUET) else "")) == "parquet":
        sheet = parquet(path, data if path == "-" else None)
        return trackio.table(sheet, place) or recognised(sheet)
    return _text(path, data, kind)


def _text(path: str, data: bytes, kind: str | None) -> Sheet:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArchError(
            f"{path} is not text in UTF-8 ({error.reason})", help=f"save it as UTF-8; what is read: {_TAKEN}"
        ) from error
    kind = kind or KINDS.get(Path(path).suffix.lower()) or ("jsonl" if text.lstrip()[:1] == "{" else "csv")
    if kind == "parquet":
        raise ArchError(f"{path} is not a Parquet file", help="replace it with a good copy")
    return recognised(jsonl(text) if kind == "jsonl" else separated(text, kind, path))


def _database(path: str) -> Sheet:
    if path == "-":
        raise ArchError("a database is read from a file, not from standard input", help="give the name of the file")
    sheet = next((sheet for read in _DATABASES if (sheet := read(Path(path))) is not None), None)
    if sheet is None:
        raise ArchError(
            f"{path} is a SQLite database, and neither of MLflow nor of Optuna nor of Trackio",
            help="export the table as csv",
        )
    return sheet


def _of_folder(path: Path) -> str:
    """The SHA-256 over the names and contents of the files in a folder, sorted by name."""
    digest = sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(read_regular(file)).hexdigest()}\n".encode())
    return digest.hexdigest()
