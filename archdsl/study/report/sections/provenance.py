"""How the results came about: the command, the plan, the looks, the conditions, and the text of each arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import exact, many
from archdsl.study.report import page
from archdsl.study.report.verdict import AS
from archdsl.study.results.results import Results
from archdsl.study.results.unit import NONE, unit
from archdsl.version import __version__

FEW = 8  # failures that are listed at once


def failures(results: Results) -> Iterator[str]:
    """The runs without a result."""
    if not results.failures:
        return
    place = {a.name: n for n, a in enumerate(results.arms)}
    ordered = sorted(results.failures, key=lambda f: (place.get(f[0], len(place)), f[1:]))
    rows = [(arm, str(seed), status, message or NONE) for arm, seed, status, message in ordered]
    heads = (("arm", "name"), ("seed", "right"), ("state", ""), ("message", "name"))
    counts = (
        f"Those that diverged or failed by themselves count as {AS}; where neither is known, they are left out."
        if results.options.failures == "chance"
        else ("They enter no mean.")
    )
    yield page.tag("h2", "Runs without a result")
    yield page.tag("p", counts, "note")
    yield page.table(heads, rows[:FEW])
    if len(rows) > FEW:
        yield page.folded(f"{len(rows) - FEW} more", page.table(heads, rows[FEW:]))


def provenance(results: Results, command: str) -> Iterator[str]:
    """What made the results, so that they can be made again."""
    yield page.tag("h2", "How it was made")
    yield page.tag("pre", command)
    states = Counter[str]()
    for arm in results.arms:
        states.update(arm.states)
    options, scale = results.options, unit(results)
    yield page.terms(
        (
            ("archdsl", __version__),
            *((name, results.conditions[name]) for name in sorted(results.conditions)),
            ("arms", f"{results.design}, {exact(len(results.arms))} {'arms' if len(results.arms) > 1 else 'arm'}"),
            *((f"factor {f.name}", " | ".join(level or "none" for level in f.levels)) for f in results.factors),
            ("aliases", "; ".join(results.aliases)),
            ("design", "sequential" if options.sequential else "fixed"),
            ("metric", ", ".join(metric_of(name).label for name in (results.metric, *results.more))),
            ("wrong decisions", f"at most {100 * options.alpha:g} %" if results.compares else ""),
            ("same within", "" if options.same is None else f"±{scale.amount(options.same)} {scale.points}".rstrip()),
            ("runs that failed", f"count as {AS}" if options.failures == "chance" else "are excluded"),
            ("looks", _looks(results)),
            ("plan", results.registered),
            ("seeds", _ranges(sorted(results.seeds))),
            (
                "runs",
                f"{exact(results.done)} of {exact(results.planned)}: "
                + ", ".join(f"{exact(states[s])} {s}" for s in sorted(states)),
            ),
            *(("note", note) for note in results.notes),
        )
    )
    texts = "".join(
        page.tag("p", f"{n}: {a.name} ({a.arm.spec.hash})", "note") + page.tag("pre", a.arm.spec.canonical.rstrip())
        for n, a in enumerate(results.arms, 1)
    )
    yield page.folded("The text of each arm", texts)


def _looks(results: Results) -> str:
    if results.options.sequential:
        return f"{results.looks}, one after each seed"
    return ", ".join(many(n, "seed") for n in results.looked_at)


def _ranges(seeds: list[int]) -> str:
    """Seeds as ranges: ``0–4, 7``."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}–{p[-1]}" for p in parts)
