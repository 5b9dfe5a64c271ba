"""Whatever a file holds: measurements, or an error of ours."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.errors import ArchError, EnvError
from archdsl.study.answer.measurements import Columns, measure, open_sheet

PIECES = st.sampled_from(
    (
        "model",
        "seed",
        "acc",
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r\n",
        "0",
        "1.0",
        "nan",
        "90 %",
        "base",
        '"',
        "{",
        "}",
        ":",
        "\0",
        "é",
        '{"model":"a","seed":0,"acc":0.5}',
        " ",
        "sep=;",
        "[1]",
        "true",
        "1e999",
        "run_id,experiment_id,status",
        "config,summary",
        "Name,State",
        "number,state,value",
    )
)
TEXTS = st.tuples(st.sampled_from(("", "model,seed,acc\n")), st.lists(PIECES, max_size=40)).map(
    lambda t: (t[0] + "".join(t[1])).encode()
)
MAGIC = st.sampled_from((b"", b"PAR1", b"SQLite format 3\0", b":W&B"))
BYTES = st.tuples(MAGIC, st.binary(max_size=60)).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS | BYTES, st.sampled_from((".csv", ".tsv", ".jsonl", ".txt", ".parquet")))
def test_any_file_is_read_or_refused(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    path.write_bytes(data)
    with suppress(ArchError, EnvError):
        measure(open_sheet(str(path)), Columns("model", "seed", "acc"))


def test_a_cell_of_a_megabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("model\n" + "x" * 10**6 + "\n")
    with pytest.raises(ArchError, match="field larger than field limit"):
        open_sheet(str(path))
