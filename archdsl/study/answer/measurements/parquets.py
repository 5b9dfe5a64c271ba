"""Tables in Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError
from archdsl.study.answer.measurements.sheet import Sheet
from archdsl.words.data.sheets import arrow

BATCH = 16_384  # rows in memory at a time


def parquet(path: str, data: bytes | None = None) -> Sheet:
    """A Parquet file, or the bytes of one.

    Raises:
        ArchError: it is damaged.
        EnvError: pyarrow is not installed.
    """
    module = arrow("parquet", Path(path))

    def damaged(error: Exception) -> ArchError:
        return ArchError(f"{path} is not a Parquet file ({error})", help="replace it with a good copy")

    def source() -> Any:
        return path if data is None else io.BytesIO(data)

    try:
        with module.ParquetFile(source()) as file:
            names = tuple(str(name).strip() for name in file.schema_arrow.names)
            stored = dict(zip(names, file.schema_arrow.names, strict=True))
    except (ValueError, TypeError) as error:  # arrow's own errors are of these kinds
        raise damaged(error) from error

    def rows(wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        columns = list(dict.fromkeys(stored[name] for name in wanted))
        try:
            with module.ParquetFile(source()) as file:
                for batch in file.iter_batches(BATCH, columns=columns):
                    cells = dict(zip(batch.schema.names, (column.to_pylist() for column in batch.columns), strict=True))
                    yield from zip(*(cells[stored[name]] for name in wanted), strict=True)
        except (ValueError, TypeError) as error:
            raise damaged(error) from error

    return Sheet("Parquet", names, rows)
