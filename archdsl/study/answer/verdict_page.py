"""The answer of ``archdsl verdict`` as one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.report.numbers import exact
from archdsl.study.answer.measurements import Columns
from archdsl.study.answer.rows import Answer, Row
from archdsl.study.answer.words import about, words
from archdsl.study.report import page
from archdsl.study.report.figures.canvas import labels
from archdsl.study.report.figures.evidence import LETTERS, Course, evidence, unnamed
from archdsl.study.report.figures.verdict_forest import CLOSER, Compared, verdict_forests
from archdsl.study.results.unit import NONE, p_text
from archdsl.version import __version__

SENTENCES = 12  # arms whose verdict is a sentence at the head of the page
FOREST = (
    "Mean difference from REFERENCE with its simultaneous interval: all intervals hold their true differences together, at "
    "every look. An open square is an open comparison."
)
EVIDENCE = (
    "Evidence against “no difference” after each pair. 1 is none; a verdict falls where a curve passes the dashed lines: the "
    "upper one for the first verdict of this table, the lower one for the last (Holm). Where spreads are uneven it is what "
    "counts by the rule for them. An arm ends as “same” by its interval, below the lines."
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from: the file and its SHA-256, its rows and columns, and the command."""

    file: str
    sha256: str
    rows: int
    columns: Columns
    command: str


def page_of(answer: Answer, source: Provenance) -> str:
    """The page. The same answer gives the same bytes.

    Raises:
        EnvError: matplotlib is not installed.
    """
    q = answer.question
    return page.page(f"{q.metric}: verdicts against {q.reference}", _body(answer, source))


def _body(answer: Answer, source: Provenance) -> Iterator[str]:
    q = answer.question
    title = f"cost to reach {answer.target}" if answer.target else q.metric
    yield page.tag("h1", f"{title}: verdicts against “{q.reference}”")
    yield page.tag("p", _counts(answer), "verdict")
    for row in answer.rows[:SENTENCES]:
        yield page.tag("p", f"“{row.name}” is {'the ' if row.verdict == 'same' else ''}{words(answer, row)}.")
    yield from (page.tag("p", page.quoted(note), "note") for note in answer.notes if note.startswith("warning"))
    yield page.tag("h2", "Results")
    yield _table(answer)
    yield from (page.tag("p", f"{page.quoted(text)}.", "note") for text in about(answer))
    yield from _figures(answer)
    yield from _provenance(answer, source)


def _counts(answer: Answer) -> str:
    by = {word: sum(row.verdict == word for row in answer.rows) for word in ("better", "worse", "same", "open")}
    return (
        f"Of {len(answer.rows)} compared with “{answer.question.reference}”: "
        + ", ".join(f"{count} {word}" for word, count in by.items() if count)
        + "."
    )


def _table(answer: Answer) -> str:
    unit = answer.unit
    heads = [
        ("arm", "name"),
        ("runs", "right"),
        ("mean", "right"),
        ("Δ", "right"),
        ("interval", "right"),
        ("p", "right"),
    ]
    heads += [("p symmetric", "right")] if answer.paired else []
    heads += [("reached", "right"), ("median", "right"), ("p log-rank", "right")] if answer.survival else []
    heads += [("verdict", ""), ("decided after", "right")]
    q, ends = answer.question, [NONE] * (len(heads) - 3)
    base = [q.reference, exact(answer.runs), unit.value(answer.mean) + unit.mark, *ends]
    if answer.survival:
        base[-5:-3] = _reached(answer, q.reference)
    return page.table(heads, [base, *(_row(answer, row) for row in answer.rows)], marked=0)


def _row(answer: Answer, row: Row) -> list[str]:
    unit = answer.unit
    cells = [
        row.name,
        exact(row.runs),
        unit.value(row.mean) + unit.mark,
        unit.change(row.delta),
        unit.between(row.low, row.high),
        p_text(row.p),
    ]
    cells += [p_text(row.p_symmetric)] if answer.paired else []
    if answer.survival:
        cells += [*_reached(answer, row.name), p_text(answer.survival[row.name].p_logrank)]
    return [*cells, row.verdict, NONE if row.decided_after is None else exact(row.decided_after)]


def _reached(answer: Answer, name: str) -> tuple[str, str]:
    arm, unit = answer.survival[name], answer.unit
    return f"{arm.reached}/{arm.runs}", f"{unit.value(arm.median)} [{unit.value(arm.low)}, {unit.value(arm.high)}]"


def _figures(answer: Answer) -> Iterator[str]:
    q, unit = answer.question, answer.unit
    names = labels([q.reference, *(row.name for row in answer.rows)])[1:]  # the number is that of the row in the table
    arms = [
        Compared(name, row.delta, row.low, row.high, row.verdict) for row, name in zip(answer.rows, names, strict=True)
    ]
    options = {
        "reference": q.reference,
        "axis": unit.change_axis,
        "factor": unit.factor,
        "same": q.same,
        "lower": q.lower,
    }
    forests = list(verdict_forests(arms, **options))
    names = labels([q.reference, *(row.name for row in answer.rows)], LETTERS)[1:]
    courses = [
        Course(name, tuple(log / math.log(10) for log in row.evidence()), row.verdict, row.decided_after)
        for row, name in zip(answer.rows, names, strict=True)
    ]
    curves = [
        svg
        for slim in (False, True)
        if (svg := evidence(courses, alpha=q.alpha, family=len(courses), unit="pairs", slim=slim)) is not None
    ]
    if forests:
        words = FOREST.replace("REFERENCE", f"“{q.reference}”") + (f" {CLOSER}" if len(forests) > 1 else "")
        yield page.tag("h2", "Differences")
        yield page.figure(forests[0], words, *forests[1:], slim=list(verdict_forests(arms, **options, slim=True)))
    if curves:
        yield page.tag("h2", "Evidence")
        more = "".join(f" {text[0].upper()}{text[1:]}." for text in unnamed(courses))
        yield page.figure(curves[0], EVIDENCE + more, slim=curves[1:])


def _provenance(answer: Answer, source: Provenance) -> Iterator[str]:
    q, columns = answer.question, source.columns
    yield page.tag("h2", "How it was made")
    yield page.tag("pre", source.command)
    yield page.terms(
        (
            ("archdsl", __version__),
            ("file", "standard input" if source.file == "-" else source.file),
            ("SHA-256", source.sha256),
            ("rows", exact(source.rows)),
            ("arms in", columns.arm),
            ("pairs in", columns.pair or "none: not paired"),
            ("cost in" if answer.target else "metric in", columns.metric),
            ("only", ", ".join(f"{name} = {text}" for name, text in columns.only)),
            ("better is", "lower" if q.lower else "higher"),
            ("alpha", f"{q.alpha:g}"),
            ("same within", "" if q.same is None else f"±{q.same:g}"),
            ("method", answer.method),
            *(("note", page.quoted(note)) for note in answer.notes),
        )
    )
