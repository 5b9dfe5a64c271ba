"""The claims of a study as a table."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.report import Cell, Column, Table
from archdsl.report.table import Kind
from archdsl.study.report.claim_text import ANSWERS, unit_of_claim
from archdsl.study.report.columns import robust_column
from archdsl.study.results.results import Results
from archdsl.study.results.unit import NONE


def table(results: Results, people: bool = True) -> Table:
    """One row a claim.

    Args:
        people: differences are texts in the unit of their metric; else numbers, fractions for accuracies.

    Raises:
        ArchError: the study has no claims.
    """
    if not results.claims:
        raise ArchError("the study claims nothing", help="add `claims: [A better than B]` to the study file")
    kind: Kind = "text" if people else "float"
    numbers = [
        Column(name, kind, key=key, align="right") for name, key in (("Δ", "delta"), ("low", "low"), ("high", "high"))
    ]
    columns = (
        Column("claim"),
        Column("answer"),
        Column("metric"),
        *numbers,
        Column("p", "p", key="p", digits=4),
        robust_column(results),
        Column("seeds", "int"),
        Column("more seeds", "int", key="more"),
    )
    rows: list[tuple[Cell, ...]] = []
    for claim in results.claims:
        v, shown = claim.verdict, unit_of_claim(claim)
        ends = (None,) * 3 if v is None else (v.evidence.delta, v.low, v.high)
        texts = [NONE if end is None else f"{shown.change(end)} {shown.points}".rstrip() for end in ends]
        rest = (None,) * 3 if v is None else (v.p, v.p_symmetric, v.evidence.n)
        rows.append(
            (claim.claim.text, ANSWERS[claim.holds], claim.metric, *(texts if people else ends), *rest, claim.more)
        )
    return Table(columns, tuple(rows), results.title)
