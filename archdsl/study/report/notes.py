"""What is said below the table of a study: how its verdicts are reached, what varies, and what they leave out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from archdsl.report.numbers import many
from archdsl.study.names import NAMED, quoted
from archdsl.study.plan.plan import DAMAGED
from archdsl.study.report import fit_text, tuning_text
from archdsl.study.report.claim_text import chance, sentences
from archdsl.study.report.later import later
from archdsl.study.results.outcomes import measured_elsewhere, unmeasured, untrained, warned
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.stats import MISSING, seeds_to_reject
from archdsl.study.stats.paired import ALL_EQUAL
from archdsl.study.stats.sequential import SURE, UNEVEN, held_back
from archdsl.words.data.base import Augmentation, Mixing


def notes(results: Results) -> Iterable[str]:
    """What is below the table."""
    yield from tuning_text.sentences(results)
    yield from outcome(results)
    yield from sentences(results)
    yield from fit_text.sentences(results)
    measure = results.measure
    sign = "" if measure.higher else ", less is better"
    sign += ", differences in points" if measure.unit == "percent" and results.compares else ""
    against = f"Δ is against `{results.reference.name}`, seed by seed"
    if not results.compares:
        against = uncompared(results)
    yield (
        f"{measure.label}{sign}; {against}; what varies is the seed (initial weights, order, augmentation, dropout, split), "
        f"{evaluated_on(results)[0]}"
    )
    if results.compares:
        yield method(results)
        yield from measured_elsewhere(results)
        yield from unequal(results)
        yield from later(results)
    yield from (*limits(results), *skewed(results), *spreads(results), *constant(results))
    yield from lacking(results)
    yield from unmeasured(results)
    yield from untrained(results)
    yield from warned(results)
    for words, whose in undefined(results):
        yield f"{words} ({quoted(whose, 3)})"
    yield from results.notes
    if results.aliases:
        yield "effects that cannot be distinguished: " + "; ".join(results.aliases)
    for arm, seed, status, message in results.failures[:5]:
        yield f"`{arm}`, seed {seed}: {status}" + (f": {message.splitlines()[0]}" if message else "")
    if damaged := sum(a.states.get(DAMAGED, 0) for a in results.arms):
        yield (
            f"{many(damaged, 'run is', 'runs are')} damaged and {'counts' if damaged == 1 else 'count'} as missing; the study "
            f"with --again trains {'it' if damaged == 1 else 'them'} again"
        )
    if len(results.failures) > 5:
        yield f"and {many(len(results.failures) - 5, 'more run')} without a result"
    made = ", ".join(f"{k} {v}" for k, v in results.conditions.items() if v)
    yield f"{results.done} of {many(results.planned, 'run')}" + (f"; {made}" if made else "")


def uncompared(results: Results) -> str:
    """Why nothing is compared."""
    if len(results.arms) > 1:
        return "a grid over numbers has no reference; --baseline FACTOR=LEVEL compares with one arm"
    seeds = many(len(results.seeds), "seed")
    return f"nothing is compared: mean and spread of one net over {seeds}; holes, --without or --with make arms"


def outcome(results: Results) -> Iterable[str]:
    """How many arms are decided, and what the open ones would take, each in a line."""
    arms = [a for a in results.compared if a.verdict is not None]
    yield from (
        f"`{a.name}` is not compared: {a.decision.why}"
        for a in results.compared
        if a.verdict is None and a.decision.why
    )
    if not arms:
        return
    counts = Counter(a.verdict.decision for a in arms if a.verdict is not None)
    words = ", ".join(f"{counts[word]} {word}" for word in ("better", "worse", "same", "open") if counts[word])
    yield f"{many(len(arms), 'comparison')} with `{results.reference.name}`: {words}"
    for arm in [a for a in arms if a.verdict is not None and a.verdict.decision == "open"][:NAMED]:
        needed = results.needed.get(arm.name)
        power = chance(results.options.sequential)
        takes = (
            ""
            if needed is None
            else f"about {many(needed, 'seed')} would decide it{power} if the difference stays as it is"
        )
        said = "; ".join(text for text in (arm.decision.why, takes) if text)
        if said:
            yield f"`{arm.name}` is open: {said}"
    if counts["open"] and results.options.same is None:
        amount = "0.5%" if results.measure.unit == "percent" else "AMOUNT"
        yield f"state the largest difference that does not matter (--same {amount}), and arms can end as `same`"


def method(results: Results) -> str:
    """How the verdicts are reached, in a sentence."""
    options = results.options
    m = len(results.compared)
    over = f" over {many(m, 'comparison')} at {100 * options.alpha:g} %"
    same = "" if options.same is None else f"; `same` is within ±{_margin(results)}"
    if options.sequential:
        seeds = f"{many(results.looks, 'seed')}"
        return (
            f"sequential design, {seeds} so far: verdict, p and interval from the anytime-valid t test, Holm-adjusted{over}; "
            f"looking is free{same}"
        )
    n = len(results.seeds)
    return (
        f"fixed design of {many(n, 'seed')}: verdict, p and interval from the paired t test, "
        f"Holm-adjusted{over}; valid for one look{same}"
    )


def unequal(results: Results) -> Iterable[str]:
    """A sentence where Δ is not the difference of the means that a table shows."""
    seeds = results.reference.values.keys()
    if any(a.values.keys() != seeds for a in results.compared if a.values):
        yield (
            f"Δ is over the seeds that an arm shares with `{results.reference.name}`, so that it is not the difference of "
            "two means over unequal numbers of seeds; the column `reference` has the reference's mean over the same seeds"
        )


def trained_on(results: Results) -> Iterable[str]:
    """A sentence where arms train on other images or labels than the reference, so that training figures do not compare them."""
    words = {a.name: [w for w in a.arm.spec.graph.data if isinstance(w.value, Augmentation)] for a in results.arms}
    usual = words[results.reference.name]
    others = [name for name, own in words.items() if [repr(w.value) for w in own] != [repr(w.value) for w in usual]]
    if others:
        mixes = sorted({w.entry.name for own in words.values() for w in own if isinstance(w.value, Mixing)})
        labels = f", of mixed labels with {' or '.join(mixes)}" if mixes else ""
        yield (
            f"training figures are of the changed images{labels}, and {quoted(others)} train on others than the reference "
            "does: they do not compare these arms"
        )


def _margin(results: Results) -> str:
    same = results.options.same or 0.0
    return f"{100 * same:g} points" if results.measure.unit == "percent" else f"{same:g}"


def limits(results: Results) -> Iterable[str]:
    """What the robust test cannot show, which runs count as chance, and which do not count."""
    n, m = len(results.seeds), len(results.compared)
    if not results.options.sequential and m and n < (needed := seeds_to_reject(m, results.options.alpha)):
        yield (
            f"p sign is that of the exact sign-flip test: with {many(n, 'seed')} and "
            f"{many(m, 'comparison')} it cannot be below {min(1.0, m * 2.0 ** (1 - n)):g}; from {many(needed, 'seed')} on "
            "it can confirm a verdict"
        )
    counted = [(a.name, seed, how) for a in results.arms for seed, how in sorted(a.decision.substituted.items())]
    if counted:
        what = many(len(counted), "run counts", "runs count")
        yield (
            f"{what} as chance or the worst value, having no result: {_few(counted)}; --failures exclude leaves such runs out"
        )
    if lost := [(a.name, seed, how) for a in results.arms for seed, how in sorted(a.decision.left_out.items())]:
        yield (
            f"{many(len(lost), 'run is', 'runs are')} left out, having no result: neither chance nor, until then, a worst value "
            f"of {results.measure.label} is known, so that nothing says what a failed run counts as: {_few(lost)}"
        )
    if results.options.failures == "exclude":
        yield "runs that failed by themselves are excluded, so that an arm is compared over the seeds at which it trained"
    if len(results.looked_at) > 1 and results.compares and not results.options.sequential:
        yield (
            f"the results were looked at with {', '.join(map(str, results.looked_at))} seeds: the stated rate of wrong "
            "decisions holds for one look; --until decided allows any number"
        )
    if before := results.asked_before:
        few = "; ".join(before[:ASKED]) + ("; …" if len(before) > ASKED else "")
        yield (
            f"the same runs were looked at before under {many(len(before), 'other question')} "
            f"({few}): the stated rate of wrong decisions holds for one question that is chosen before any look"
        )
    if results.registered.startswith("registered"):
        yield results.registered


def _few(runs: Sequence[tuple[str, int, str]]) -> str:
    """The first runs, each by its arm, its seed and how it ended."""
    more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    return ", ".join(f"`{name}` seed {seed} ({how})" for name, seed, how in runs[:3]) + more


def spreads(results: Results) -> Iterable[str]:
    """Arms whose spread differs so much from the reference's that their verdicts ask for more."""
    names = []
    for arm in results.compared if results.options.sequential else ():
        course, flags = results.course(arm)
        if held_back(course, flags, results.options.alpha):
            names.append(arm.name)
    if names:
        yield (
            f"the spread of {quoted(names)} is {UNEVEN:g} times that of the reference or more, or half of it or less, or was "
            f"so: at such a seed before number {SURE}, evidence counts only as far as p symmetric does"
        )


def constant(results: Results) -> Iterable[str]:
    """A warning about arms whose runs all have exactly the same figure; counts, and figures of the net, often are equal."""
    values = {a.name: [a.values[s] for s in a.values if s not in a.decision.substituted] for a in results.arms}
    names = [name for name, own in values.items() if len(own) >= EQUAL and len(set(own)) == 1]
    if names and results.measure.on in ("test", "valid", "train") and results.measure.unit in ("percent", "float"):
        yield (
            f"all runs of {quoted(names)} have exactly the same {results.measure.label}: a net that does not train, or that "
            "does not depend on the seed, has no spread"
        )


# Of the differences' sample skewness, at 8 pairs or more: a normal sample of 8 exceeds it in 1 of 60 cases.
SKEWED = 1.5
EQUAL = 3  # runs with one figure from which an arm is said to be constant
ASKED = 3  # earlier questions that a note names


def skewed(results: Results) -> Iterable[str]:
    """A warning where differences are so skewed that a t test of few seeds is wrong more often than stated."""
    names = [a.name for a in results.compared if _skewness(results, a) > SKEWED]
    robust = "p symmetric" if results.options.sequential else "p sign"
    if names:
        yield f"the differences of {quoted(names)} are skewed: rely on {robust} for a verdict there"


def _skewness(results: Results, arm: ArmResult) -> float:
    """The absolute sample skewness of the differences; 0 below 8 pairs."""
    base = results.reference.values
    deltas = [v - base[s] for s, v in sorted(arm.values.items()) if s in base]
    if len(deltas) < 8:
        return 0.0
    mean = math.fsum(deltas) / len(deltas)
    second = math.fsum((d - mean) ** 2 for d in deltas) / len(deltas)
    third = math.fsum((d - mean) ** 3 for d in deltas) / len(deltas)
    return abs(third) / second**1.5 if second > 0 else 0.0


def evaluated_on(results: Results) -> tuple[str, str]:
    """On which images the metric is measured, and what its spread therefore includes or leaves out."""
    if results.measure.on == "test":
        return "on this test set", "it does not include the variation between test sets"
    if results.measure.on == "valid":
        return (
            "on the validation images that each seed draws for itself",
            "it includes the variation between such draws from the same set",
        )
    if results.measure.on == "train":
        return "on the training images", "it says nothing about new images"
    return "over whole runs", "it says nothing about new images"


STEP = "the differences are all equal: the interval is that of the step in which the metric is counted"
NO_WIDTH = "the differences are all equal, so the interval has no width"


def undefined(results: Results) -> Iterable[tuple[str, list[str]]]:
    """Why figures are undefined, each reason once, with the arms that it applies to; missing seeds are listed."""
    found: dict[str, list[str]] = {}
    for arm in results.arms[1:]:
        for words in arm.comparison.why if arm.comparison is not None else ():
            if words == ALL_EQUAL and arm.verdict is not None and arm.verdict.low is not None:
                words = STEP if results.resolution else NO_WIDTH
            if MISSING not in words:
                found.setdefault(words, []).append(arm.name)
    return found.items()


def lacking(results: Results) -> Iterable[str]:
    """One line on the seeds that arms lack, if some arm has them; the table counts the runs."""
    known = {seed for a in results.arms for seed in a.values}
    gaps = [(a.name, sorted(known.intersection(results.seeds[: a.planned]) - a.values.keys())) for a in results.arms]
    told = [
        f"`{name}` {', '.join(map(str, seeds[:NAMED]))}{' …' if len(seeds) > NAMED else ''}"
        for name, seeds in gaps
        if seeds
    ]
    if told:
        more = f"; and {many(len(told) - NAMED, 'more arm')}" if len(told) > NAMED else ""
        yield f"without a result, by seed: {'; '.join(told[:NAMED])}{more}; a comparison takes the seeds that both arms have"
