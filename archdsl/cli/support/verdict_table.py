"""The answer of ``archdsl verdict`` as a table for people, as one for programs, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.report import Cell, Column, Table
    from archdsl.study.answer.rows import Answer, Row

KEYS = ("pairs", "delta", "low", "high", "p", "p_symmetric", "verdict", "decided_after")
SURVIVAL = ("reached", "median", "median_low", "median_high", "p_logrank")


def record(answer: Answer, sha256: str) -> dict[str, object]:
    """The answer for programs; docs/verdict.md describes each key."""
    from archdsl.study.answer.words import about, words

    q = answer.question
    target = {"target": answer.target} if answer.target else {}
    return {
        "reference": q.reference,
        "metric": q.metric,
        **target,
        "alpha": q.alpha,
        "same": q.same,
        "lower_is_better": q.lower,
        "paired": answer.paired,
        "method": answer.method,
        "sha256": sha256,
        "mean": answer.mean,
        "runs": answer.runs,
        **({"claim": answer.claim, "holds": answer.holds} if answer.claim else {}),
        "notes": [*about(answer), *answer.notes],
        "arms": [
            {
                "arm": row.name,
                "runs": row.runs,
                "mean": row.mean,
                **_cells(answer, row),
                "needed": row.needed,
                "words": words(answer, row),
            }
            for row in answer.rows
        ],
    }


def _cells(answer: Answer, row: Row) -> dict[str, Cell]:
    cells: dict[str, Cell] = {key: getattr(row, key) for key in KEYS}
    return cells | _survival(answer, row.name)


def _survival(answer: Answer, name: str) -> dict[str, Cell]:
    if not answer.survival:
        return {}
    arm = answer.survival[name]
    values = (f"{arm.reached}/{arm.runs}", arm.median, arm.low, arm.high, arm.p_logrank)
    return dict(zip(SURVIVAL, values, strict=True))


def table_of(answer: Answer, people: bool) -> Table:
    """The answer as a table: for ``people`` the verdict with its figures in words, else a column for each figure."""
    from archdsl.report import Table
    from archdsl.study.answer.words import about

    rows = [_for_people(answer, row) if people else _for_programs(answer, row) for row in answer.rows]
    notes = (*about(answer), *answer.notes)
    return Table(tuple(_columns(answer, people)), tuple(rows), notes=notes)


def _columns(answer: Answer, people: bool) -> list[Column]:
    from archdsl.report import Column
    from archdsl.study.results.unit import SCIENTIFIC

    unit, survival = answer.unit, bool(answer.survival)
    mean = Column(
        "mean", "percent" if unit.mark else "float", digits=unit.digits if unit.digits != SCIENTIFIC else None
    )
    if unit.digits == SCIENTIFIC and people:
        mean = Column("mean", align="right")
    ps = [
        Column("p", "p"),
        *([Column("p symmetric", "p", key="p_symmetric")] if answer.paired or not people else []),
        *([Column("p log-rank", "p", key="p_logrank")] if survival else []),
    ]
    if people:
        more = [Column("reached", align="right"), Column("median", align="right")] if survival else []
        return [Column("arm"), mean, *more, Column("verdict"), *ps]
    reached = [Column(key, "text" if key == "reached" else "float") for key in SURVIVAL[:-1]] if survival else []
    return [
        Column("arm"),
        Column("mean", "float"),
        *reached,
        Column("pairs", "int"),
        Column("Δ", "float", key="delta", signed=True),
        Column("low", "float", signed=True),
        Column("high", "float", signed=True),
        *ps,
        Column("verdict"),
        Column("decided after", "int", key="decided_after"),
    ]


def _for_people(answer: Answer, row: Row) -> tuple[Cell, ...]:
    from archdsl.study.answer.words import words
    from archdsl.study.results.unit import SCIENTIFIC

    unit, cells = answer.unit, _cells(answer, row)
    more: list[Cell] = []
    if answer.survival:
        arm = answer.survival[row.name]
        low, median, high = (unit.value(v) for v in (arm.low, arm.median, arm.high))
        more = [cells["reached"], f"{median} [{low}, {high}]"]
    ps = [
        cells[key]
        for key in ("p", *(("p_symmetric",) if answer.paired else ()), *(("p_logrank",) if answer.survival else ()))
    ]
    mean = unit.value(row.mean) if unit.digits == SCIENTIFIC else row.mean
    return (row.name, mean, *more, words(answer, row), *ps)


def _for_programs(answer: Answer, row: Row) -> tuple[Cell, ...]:
    cells = {"arm": row.name, "mean": row.mean, **_cells(answer, row)}
    return tuple(cells[column.id] for column in _columns(answer, people=False))
