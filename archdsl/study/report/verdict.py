"""What a study found, in a few plain sentences that claim no more than its verdicts do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.report.numbers import many
from archdsl.study.report.claim_text import chance
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import Unit, unit

NAMED = 4  # arms of one verdict that a sentence names
AS = "chance or the worst value"  # what a run counts as that failed by itself
WORDS = {"better": "better than", "worse": "worse than", "same": "the same as"}


def verdict(results: Results) -> str:
    """The sentences, as one text."""
    return " ".join(_sentences(results, unit(results)))


def _sentences(results: Results, unit: Unit) -> Iterator[str]:
    name = f"“{results.reference.name}”"
    if not any(a.values for a in results.arms):
        yield "No run has a result yet, so nothing is known."
        return
    if not results.compares:
        yield from _best(results, unit)
        return
    if not results.reference.values:
        yield f"The reference {name} has no finished run, so there is nothing to compare with."
        return
    compared = [a for a in results.compared if a.verdict is not None]
    if not compared:
        yield f"Only {name} has results, so nothing is compared."
        return
    for decision, words in WORDS.items():
        arms = _by_size([a for a in compared if a.verdict is not None and a.verdict.decision == decision])
        if arms:
            yield _decided(arms, f"{words} {name}", unit)
    yield from _open(results, [a for a in compared if a.verdict is not None and a.verdict.decision == "open"], unit)
    yield from remaining(results)


def _best(results: Results, unit: Unit) -> Iterator[str]:
    """Of a grid without a reference the arm with the best mean, of one net its mean. Nothing is compared."""
    sign = 1 if results.higher_is_better else -1
    best = max((a for a in results.arms if a.summary.mean is not None), key=lambda a: sign * (a.summary.mean or 0.0))
    if len(results.arms) == 1:
        counted = many(len(best.values), "seed")
        yield f"The mean of “{best.name}” over {counted} is {unit.value(best.summary.mean)}{unit.mark}. Nothing is compared."
    else:
        yield _best_mean(best, unit)
    if results.done < results.planned:
        yield _missing(results)


def _missing(results: Results) -> str:
    left = results.planned - results.done
    return f"{left} of {many(results.planned, 'run')} {'is' if left == 1 else 'are'} still missing."


def _best_mean(best: ArmResult, unit: Unit) -> str:
    return (
        f"The best mean is that of “{best.name}”, {unit.value(best.summary.mean)}{unit.mark}. A grid over numbers has no "
        "reference, so no difference is tested."
    )


def _decided(arms: Sequence[ArmResult], words: str, unit: Unit) -> str:
    few = _listed([f"“{a.name}” ({difference(a, unit)})" for a in arms])
    return f"{few} {'are' if len(arms) > 1 else 'is'} {words}."


def _open(results: Results, arms: Sequence[ArmResult], unit: Unit) -> Iterator[str]:
    if not arms:
        return
    yield f"{_listed([f'“{a.name}” ({difference(a, unit)})' for a in arms])} {'are' if len(arms) > 1 else 'is'} open."
    if not results.options.sequential:
        yield "A difference that was not shown is not a proof of equality."
    needed = [(n, a.name) for a in arms if (n := results.needed.get(a.name)) is not None]
    if needed:
        takes = _listed([f"“{name}” takes about {n} seeds" for n, name in needed])
        yield f"If the differences stay as they are, {takes}{chance(results.options.sequential)}."
    reasons = dict.fromkeys(a.decision.why for a in arms if a.decision.why)
    if reasons:
        yield f"Why it ends here: {'; '.join(reasons)}."


def remaining(results: Results) -> Iterator[str]:
    """What is still to be run, and what diverged."""
    if results.done < results.planned and not any(a.decision.why for a in results.arms):
        yield _missing(results) if not results.options.sequential else "The study is not finished."
    diverged = sum(a.states.get("diverged", 0) for a in results.arms)
    if diverged:
        lost = sum(how == "diverged" for a in results.arms for how in a.decision.left_out.values())
        counts = f"counts as {AS}" if results.options.failures == "chance" else "is excluded"
        if lost == diverged:
            counts = "is left out, as neither chance nor a worst value is known"
        yield f"{diverged} {'runs' if diverged > 1 else 'run'} diverged; {'each' if diverged > 1 else 'it'} {counts}."


def difference(arm: ArmResult, unit: Unit) -> str:
    """The difference of an arm with its interval and the seeds at which it was decided."""
    v = arm.verdict
    if v is None:
        return ""
    text = f"{unit.change(v.evidence.delta)} {unit.points}".rstrip()
    interval = f" {unit.between(v.low, v.high)}" if v.low is not None else ""
    seeds = v.decided or v.evidence.n
    return f"{text}{interval}, {many(seeds, 'seed')}"


def _by_size(arms: Sequence[ArmResult]) -> list[ArmResult]:
    return sorted(arms, key=lambda a: -abs(a.verdict.evidence.delta) if a.verdict is not None else 0.0)


def _listed(texts: Sequence[str]) -> str:
    shown = list(texts[:NAMED])
    if len(texts) > NAMED:
        shown.append(f"{len(texts) - NAMED} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
