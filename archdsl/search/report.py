"""The report of a search in a terminal, and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

from archdsl.expand.metrics import metric_of
from archdsl.expand.space import Space
from archdsl.report import Column, Table
from archdsl.report.numbers import many
from archdsl.report.table import apart
from archdsl.runs.events import WARNING, warnings_in
from archdsl.search.candidates import RANDOM, SAMPLED
from archdsl.search.carry_out import Search
from archdsl.search.options import SearchOptions
from archdsl.search.results import Row, SearchResults, fresh, winner
from archdsl.search.winners import BASE, name_of
from archdsl.study.names import quoted
from archdsl.study.report.columns import kind_of
from archdsl.study.report.tables import duration
from archdsl.study.results.results import Results

SHOWN = 10  # candidates that a terminal shows
LOST = (
    f"{SAMPLED + RANDOM} arms drawn in a row gave no other one, and the space is too large to be looked through; narrow it to "
    "arms that are valid and satisfy --where"
)


def winners_table(results: SearchResults) -> Table:
    """The base and the winners: their score while searching beside their figures on fresh seeds."""
    objective, judged = metric_of(results.options.objective), results.judged
    on_fresh = fresh(results)
    scores = [row.value for row in results.rows] + [value for values in on_fresh.values() for value in values]
    kind, digits = kind_of(objective, scores)
    columns = [
        Column("arm"),
        Column("seed of the search", kind, key=f"searched_{objective.name}", digits=digits),
        Column("epochs", "int", key="searched_epochs"),
        Column("fresh seeds", kind, key=f"fresh_{objective.name}", digits=digits),
    ]
    test = metric_of(judged.metric) if judged is not None else None
    if judged is not None and test is not None:
        kind, digits = kind_of(test, (value for arm in judged.arms for value in arm.values.values()))
        columns += [
            Column(test.label, kind, key=test.name, digits=digits),
            Column("sd", kind, key="sd", digits=digits),
            Column("runs", "int"),
            Column("verdict"),
        ]
    columns += [Column("params", "compact"), Column("holes", key="holes")]
    searched = {row.candidate.number: (row.value, row.epochs) for row in results.rows}
    rows: list[tuple[Any, ...]] = []
    named = [(BASE, results.search.candidates.every[0])] if results.search.candidates.has_base else []
    named += [(name_of(c), c) for c in results.winners]
    for name, candidate in named:
        arm = next((a for a in judged.arms if a.name == name), None) if judged is not None else None
        mean = fmean(on_fresh[name]) if on_fresh.get(name) else None
        row: list[Any] = [name, *searched.get(candidate.number, (None, None)), mean]
        if test is not None:
            values = list(arm.values.values()) if arm is not None else []
            verdict = (
                arm.verdict.decision if arm is not None and arm.verdict is not None else "reference" if arm else None
            )
            row += [
                fmean(values) if values else None,
                stdev(values) if len(values) > 1 else None,
                len(values),
                verdict,
            ]
        rows.append((*row, candidate.totals["params"], candidate.label))
    return Table(apart(columns), tuple(rows), title="Winners on fresh seeds" if judged is not None else "Winners")


def candidates_table(results: SearchResults, most: int | None = None) -> Table:
    """The candidates, the best first, each on the highest rung that it reached."""
    objective = metric_of(results.options.objective)
    kind, digits = kind_of(objective, [row.value for row in results.rows])
    names = list(dict.fromkeys(name for row in results.rows for name in row.candidate.shown))
    columns = (
        Column("#", "int", key="number"),
        Column(objective.label, kind, key=objective.name, digits=digits),
        Column("epochs", "int"),
        Column("params", "compact"),
        Column("MACs", "compact", key="macs"),
        Column("front"),
        *(Column(name, key=f"hole {name}") for name in names),
    )
    shown = results.rows[:most]
    left = len(results.rows) - len(shown)
    notes = (f"{many(left, 'more candidate')}: --rows candidates --format csv has them all",) if left else ()
    rows = tuple(_candidate(row, names) for row in shown)
    return Table(apart(columns), rows, title="Candidates", notes=notes)


def first_table(search: Search, most: int = SHOWN) -> Table:
    """The first candidates of a search, which it draws before it waits for a result."""
    every = search.candidates.every
    names = list(dict.fromkeys(name for c in every[:most] for name in c.shown))
    columns = (
        Column("#", "int", key="number"),
        Column("params", "compact"),
        Column("MACs", "compact", key="macs"),
        *(Column(name, key=f"hole {name}") for name in names),
    )
    rows = tuple(
        (c.number, c.totals["params"], c.totals["macs"], *(c.shown.get(name) for name in names)) for c in every[:most]
    )
    order, many = search.order, f"{len(every):,} candidate{'s' if len(every) != 1 else ''}"
    if order.exhausted:
        about = f"{many}; {'the space has no other one' if search.candidates.looked_through else LOST}"
    elif order.most is not None and order.candidates >= order.most:
        about = f"{many}; the budget has no other one"
    else:
        about = f"{many} drawn so far; which come next depends on results"
    return Table(columns, rows, title="First candidates", notes=(about,))


def _candidate(row: Row, names: list[str]) -> tuple[Any, ...]:
    c = row.candidate
    values = (c.shown.get(name) for name in names)
    return (
        c.number,
        row.value,
        row.epochs,
        c.totals["params"],
        c.totals["macs"],
        "yes" if row.on_front else "",
        *values,
    )


def notes(results: SearchResults) -> Iterator[str]:
    """What was searched, what it cost, and what is to be known of it."""
    search, counts, order = results.search, results.search.candidates.counts, results.search.order
    size = search.candidates.arms.space.size
    arms = "a continuous space" if size is None else f"a space of {many(size, 'arm')}"
    yield f"{many(len(search.candidates.every), 'candidate')} of {arms}; {results.options.sampler}, seed {results.options.seed}"
    if len(order.rungs) > 1:
        reached = ", ".join(
            f"{len(found)} reached {epochs}" for epochs, found in zip(order.rungs, order.halving.found, strict=True)
        )
        yield f"epochs: {reached}; a promoted run resumes from its checkpoint, under the schedule of the whole run"
    refused = [
        f"{n:,} {what}"
        for n, what in (
            (counts.invalid, "not valid networks"),
            (counts.excluded, "excluded by `where`"),
            (counts.twins, "the same experiment in another spelling"),
            (counts.repeated, "drawn before"),
        )
        if n
    ]
    if refused:
        yield f"of {many(counts.drawn, 'arm')} drawn: {', '.join(refused)}; they cost no training"
    epochs = sum(order.epochs(job) for job, _ in order.learnt)
    bad = sum(score.values is None for _, score in order.learnt)
    runs = many(len(order.learnt), "run or part of a run", "runs or parts of runs")
    yield (
        f"{many(epochs, 'epoch')} of training in {runs}; {duration(results.seconds)} in all"
        + (f"; {bad} diverged or failed" if bad else "")
    )
    if results.importances:
        found = sorted(results.importances.items(), key=lambda pair: -pair[1])
        yield "importance of holes (PED-ANOVA): " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in found)
    yield "test images were not looked at while searching; the winners are compared by them, on seeds that no candidate had"
    if search.stopped:
        yield "the budget ended the search; a larger one continues it"
    if order.exhausted:
        yield (
            "every arm of the space was tried"
            if search.candidates.looked_through
            else f"the search ended early: {LOST}"
        )
    for number, message in list(search.failed.items())[:3]:
        yield f"{search.label(order.jobs[number])} failed: {message.splitlines()[0]}"
    if results.judged is not None:
        yield from _lost(results.judged)
    judged = results.judged.arms if results.judged is not None else ()
    later = (text for arm in judged for seed in sorted(arm.figures) for text in warnings_in(arm.figures[seed]))
    yield from (f"{WARNING}{text}" for text in dict.fromkeys([*search.scores.warned, *later]))
    yield from results.notes


def _lost(judged: Results) -> Iterator[str]:
    """Runs on fresh seeds without a result."""
    counted = sum(len(a.decision.substituted) for a in judged.arms)
    if counted:
        yield f"{many(counted, 'run counts', 'runs count')} as chance or the worst value on a fresh seed, having no result"
    for arm, seed, status, message in judged.failures[:3]:
        yield f"{arm}, seed {seed}: {status}" + (f": {message.splitlines()[0]}" if message else "")
    if (left := len(judged.failures) - 3) > 0:
        yield f"and {many(left, 'more run')} on fresh seeds without a result"


def change(results: SearchResults) -> Iterator[str]:
    """Which arm won on fresh seeds, and what makes it another one than the base, hole by hole."""
    best, has_base = winner(results), results.search.candidates.has_base
    if results.judged is None:
        if has_base:
            yield "no candidate beside the base has a result"
        else:
            yield (
                f"{name_of(best)} is the best of the search; without a base nothing is compared with one winner, --winners 2 "
                "compares the best two"
                if best is not None
                else "no candidate has a result"
            )
        return
    open_ = [a.name for a in results.judged.arms if a.verdict is None or a.verdict.decision == "open"][1:]
    stay = "stay" if len(open_) > 1 else "stays"
    more = f"; {quoted(open_, len(open_))} {stay} open" if open_ else ""
    if best is None:
        yield f"no arm is better than the base on fresh seeds{more}"
        return
    reference = results.judged.reference.name
    if not has_base and name_of(best) == reference:
        yield f"no arm is better on fresh seeds than {reference}, the best of the search{more}"
        return
    yield f"the best on fresh seeds, by {metric_of(results.options.objective).label}, is {name_of(best)}"
    if not has_base:
        return
    before, after = results.search.candidates.every[0].shown, best.shown
    found = [
        f"{name} {before.get(name, 'none')} → {after.get(name, 'none')}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
    yield f"{name_of(best)} against the base: {', '.join(found)}"


def space_table(space: Space, options: SearchOptions) -> Table:
    """The dimensions of a space."""
    columns = (Column("hole"), Column("values"), Column("many", "int"), Column("within"))
    rows = tuple(
        (
            d.name,
            " | ".join(text or "none" for text in d.texts)
            if d.kind == "choices"
            else f"{d.low:g} to {d.high:g}{', log' if d.log else ''}",
            d.size,
            ", ".join(f"{name} {_choice(space, name, n)}" for name, n in d.within),
        )
        for d in space.dimensions
    )
    size = "a continuous space" if space.size is None else f"{'' if space.exact else 'at most '}{space.size:,} arms"
    about = f"{size}; objective {options.objective}; {options.sampler}; rungs {', '.join(map(str, options.rungs))}"
    return Table(columns, rows, title=options.name, notes=(about,))


def _choice(space: Space, name: str, number: int) -> str:
    texts = next(d.texts for d in space.dimensions if d.name == name)
    return f"= {texts[number] or 'none'}"


def record(results: SearchResults) -> dict[str, Any]:
    """The results as plain values."""
    from archdsl.report.text import records

    return {
        "space": results.options.text,
        "objective": results.options.objective,
        "pareto": list(results.options.pareto),
        "sampler": results.options.sampler,
        "rungs": list(results.options.rungs),
        "notes": list(notes(results)),
        "importances": results.importances,
        "best": [{"epochs": s.epochs, "candidate": s.candidate, "value": s.value} for s in results.steps],
        "winners": records(winners_table(results)),
        "candidates": records(candidates_table(results)),
    }
