"""The report of a search as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from archdsl.report import Table
from archdsl.report.numbers import show
from archdsl.search import figures
from archdsl.search.candidates import Candidate
from archdsl.search.report import candidates_table, notes, winners_table
from archdsl.search.results import SearchResults, winner
from archdsl.search.winners import name_of
from archdsl.study.report import page
from archdsl.study.report.sections.answers import answers
from archdsl.study.report.verdict import verdict

SHOWN = 50  # candidates in the table of the page
CAPTIONS = {
    "best_so_far": (
        "Best score against cost",
        (
            "The best validation score of a whole run so far, on the seed of the search. It is a maximum over noise: the table "
            "of winners shows what is left of it on fresh seeds."
        ),
    ),
    "pareto": (
        "Score against size",
        (
            "Every candidate that was trained as long as any. Filled points are on the Pareto front: no other one is as good for "
            "less. Diamonds are the winners."
        ),
    ),
    "importance": (
        "Importance of holes",
        (
            "How much the best candidates differ from all in each hole (PED-ANOVA, Watanabe et al. 2023). Holes inside of "
            "alternatives are not among them."
        ),
    ),
}


def html(results: SearchResults, command: str) -> str:
    """The page.

    Args:
        command: the command line that carries the search out.

    Raises:
        EnvError: matplotlib is not installed.
    """
    return page.page(f"Search of {results.options.name}", _body(results, command))


def _body(results: SearchResults, command: str) -> Iterator[str]:
    yield page.tag("h1", f"Search of {results.options.name}")
    if results.judged is not None:
        yield page.tag("p", verdict(results.judged), "verdict")
        yield from answers(results.judged)
    yield page.tag("h2", "Winners")
    yield _table(winners_table(results))
    yield from (page.tag("p", f"{text[0].upper()}{text[1:]}.", "note") for text in notes(results))
    for name, (heading, caption) in CAPTIONS.items():
        draw = getattr(figures, name)
        drawn = draw(results)
        if drawn is not None:
            yield page.tag("h2", heading)
            yield page.figure(drawn, caption, slim=[draw(results, slim=True)])
    best = winner(results)
    for candidate in (best,) if best is not None else ():
        yield page.tag("h2", f"The spec of {name_of(candidate)}")
        yield page.tag("pre", text_of(results, candidate))
        change = difference(results, candidate)
        if change:
            yield page.tag("h2", "Its difference from the base")
            yield page.tag("pre", change)
    yield page.tag("h2", "Candidates")
    yield _table(candidates_table(results, SHOWN))
    yield page.tag("h2", "The space")
    yield page.tag("pre", results.options.text)
    yield page.terms([("made by", command)])


def _table(table: Table) -> str:
    heads = [(column.name, "right" if column.side == "right" else "") for column in table.columns]
    rows = [[show(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]
    return page.table(heads, rows) + "".join(page.tag("p", text, "note") for text in table.notes)


def text_of(results: SearchResults, candidate: Candidate) -> str:
    """The spec of a candidate."""
    return results.search.candidates.arms.spec(candidate.point).canonical


def difference(results: SearchResults, candidate: Candidate) -> str:
    """What makes a candidate another text than the base, as lines with ``-`` and ``+``; "" where nothing does, or without a
    base: that of a space may not be valid.
    """
    if not results.search.candidates.has_base:
        return ""
    arms, base = results.search.candidates.arms, results.search.candidates.base
    before, after = arms.spec(base).canonical, arms.spec(candidate.point).canonical
    lines = unified_diff(before.splitlines(), after.splitlines(), "base", name_of(candidate), n=1, lineterm="")
    return "\n".join(line for line in lines if not line.startswith("@@"))
