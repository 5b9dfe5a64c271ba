"""Databases in SQLite, opened for reading alone: nothing is written beside them, and no lock is taken that lasts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from archdsl.errors import EnvError


class Database:
    """An open database; ``tables`` maps each table to its columns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        names = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
        self.tables = {
            name: {row[1] for row in connection.execute("select * from pragma_table_info(?)", (name,))}
            for name in names
        }

    def has(self, **tables: str) -> bool:
        """Whether it has these tables with these columns (separated by spaces)."""
        return all(set(columns.split()) <= self.tables.get(table, set()) for table, columns in tables.items())

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """What a query finds."""
        return iter(self.connection.execute(query, values))


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """A database, for reading.

    Raises:
        EnvError: it is damaged, or locked.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda data: data.decode(errors="replace")
            yield Database(connection)
    except sqlite3.Error as error:
        raise EnvError(
            f"{path} cannot be read: {error}", help="close what writes to it, or give a good copy"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise EnvError(
            f"{path} has another layout than the known ones ({error})", help="export the table as csv"
        ) from error
