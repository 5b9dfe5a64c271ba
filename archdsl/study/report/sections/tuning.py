"""The tuning of a study on its page: what was selected for each arm, and the tuning curves."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.report.numbers import exact
from archdsl.study.report import figures, page
from archdsl.study.report.figures.tuning import left_out
from archdsl.study.report.tuning_table import table
from archdsl.study.report.tuning_text import CURVES, sentences, unit
from archdsl.study.results.results import Results
from archdsl.study.results.unit import NONE

CUT = {  # by whether a higher score is better
    True: "Upper ends far above the curves are cut: so few draws do not exclude a much better setting.",
    False: "Lower ends far below the curves are cut: so few draws do not exclude a much better setting.",
}


def tuning(results: Results) -> Iterator[str]:
    """A table, notes and the curves; nothing of a study that does not tune."""
    if results.tuning is None:
        return
    shown, plain = unit(results.tuning), table(results)
    yield page.tag("h2", "Tuning")

    def text(value: object, key: str) -> str:
        if key.endswith("_score"):
            return NONE if not isinstance(value, float) else shown.value(value) + shown.mark
        return NONE if value is None else exact(value) if isinstance(value, int) else str(value)

    heads = [(c.name, "name" if c.id == "arm" else c.side if c.side == "right" else "") for c in plain.columns]
    yield page.table(heads, [[text(v, c.id) for v, c in zip(row, plain.columns, strict=True)] for row in plain.rows])
    for sentence in sentences(results):
        yield page.tag("p", f"{page.quoted(sentence[:1].upper() + sentence[1:])}.", "note")
    if (svg := figures.tuning(results)) is not None:
        more = "".join(f" {text[:1].upper()}{text[1:]}." for text in left_out(results))
        yield page.figure(svg, f"{CURVES[:1].upper()}{CURVES[1:]}. {CUT[results.tuning.measure.higher]}{more}")
