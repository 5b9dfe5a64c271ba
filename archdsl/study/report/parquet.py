"""A table as a Parquet file."""

from __future__ import annotations

from archdsl.report import Table
from archdsl.report.text import records


def parquet(table: Table) -> bytes:
    """The bytes of a Parquet file with the columns of a table by their keys. A column whose values are of several kinds, such as
    levels of which some are numbers, is text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = records(table)
    columns = {}
    for column in table.columns:
        values = [row[column.id] for row in rows]
        kinds = {type(v) for v in values if v is not None}
        mixed = len(kinds) > 1 and kinds != {int, float}
        columns[column.id] = pa.array(
            [None if v is None else str(v) if mixed else v for v in values],
            None if kinds else pa.float64(),
            from_pandas=False,
        )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
