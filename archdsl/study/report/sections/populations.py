"""On this test set, and on new images: the two claims that a difference in test accuracy may stand for."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.study.report import page
from archdsl.study.results.populations import bare, notes, two_populations
from archdsl.study.results.results import Results
from archdsl.study.results.unit import NONE, unit

HEADS = (("arm", "name"), ("Δ", "right"), ("on this test set", "right"), ("on new images", "right"))


def populations(results: Results) -> Iterator[str]:
    """Both intervals of each arm; nothing for another metric than test accuracy, or where the runs have no record of their
    images.
    """
    if results.metric != "test_accuracy" or not results.compares:
        return
    rows = two_populations(results)
    if bare(rows):
        return
    shown = unit(results)
    cells = []
    for row in rows:
        d = row.difference
        texts = (
            (NONE,) * 3
            if d is None
            else (shown.change(d.delta), shown.between(d.low, d.high), shown.between(d.new_low, d.new_high))
        )
        cells.append((row.arm, *texts))
    yield page.tag("h2", "On this test set, and on new images")
    valid = "at any look" if results.options.sequential else "for one look, at the number of seeds that was stated"
    yield page.tag(
        "p",
        "Two claims. The first interval is that of the verdict: it has the variation of the seed alone. The "
        "second one also has that of the test images, so that it is about another test set of the kind. Both hold "
        f"together over all comparisons, {valid}. The verdicts are about this test set.",
        "note",
    )
    yield page.table(HEADS, cells)
    yield from (page.tag("p", f"{text[0].upper()}{text[1:]}.", "note") for text in notes(rows)[1:])
