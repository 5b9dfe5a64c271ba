"""The fits of a study as a table."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.report import Cell, Column, Table
from archdsl.study.report.fit_text import HELD, sentences
from archdsl.study.results.results import Results


def table(results: Results) -> Table:
    """One row for each coefficient of each fit, and one for the prediction at the size that was held out. Values are numbers:
    accuracies are fractions.

    Raises:
        ArchError: the study has no fits.
    """
    if not results.fits:
        raise ArchError("the study fits nothing", help="add `fit: power(params -> test_loss)` to the study file")
    columns = (
        Column("fit"),
        Column("line"),
        Column("figure"),
        *(Column(name, "int") for name in ("x", "value", "low", "high", "measured")),  # whatever their size: six digits
        Column("answer"),
        Column("sizes", "int"),
        Column("seeds", "int"),
    )
    rows: list[tuple[Cell, ...]] = []
    for found in results.fitted:
        name, line, fitted = found.line.fit.text, found.line.name or None, found.fitted
        sizes = sum(bool(found.values[x]) for x in found.line.fitted)
        if fitted is None:
            rows.append((name, line, None, None, None, None, None, None, found.why, sizes, None))
            continue
        rows += [
            (name, line, own, None, one.value, one.low, one.high, None, None, sizes, fitted.seeds)
            for own, one in fitted.coefficients.items()
        ]
        if fitted.held is not None:
            held = fitted.held
            rows.append(
                (
                    name,
                    line,
                    "prediction",
                    found.line.held,
                    held.value,
                    held.low,
                    held.high,
                    fitted.measured,
                    HELD[fitted.holds],
                    sizes,
                    fitted.seeds,
                )
            )
    return Table(columns, tuple(rows), results.title, notes=tuple(sentences(results)))
