"""Main effects and interactions of a study, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import fsum

from archdsl.errors import ArchError
from archdsl.report import Cell, Column, Table
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.fraction import times
from archdsl.study.plan.levels import rank
from archdsl.study.report.columns import kind_of_measure
from archdsl.study.report.effects import Effect, Levels, Values, balanced, effects
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.stats import summary


@dataclass(frozen=True, slots=True)
class LevelEffect:
    """An effect of a level, or of two levels together, by seed; ``mean`` is the mean of its arms, by seed."""

    effect: Effect
    order: int
    mean: dict[int, float]


def table(results: Results) -> Table:
    """A row for each effect, with its 95 % interval over the seeds that every arm has.

    Of two levels: the mean with a factor less that without it, or with its first level less that with its second; an interaction
    is half the difference between the effects of one factor at both levels of the other. Of pairs of changes they are differences
    from the reference. Of more levels: the mean over the arms of a level less the mean over all arms, and for two levels of two
    factors what their arms have beyond both; such effects sum to 0 over the levels.

    Raises:
        ArchError: the design has no effects.
    """
    rows = [*_contrasts(results)] or [*_of_levels(results)]
    if not rows:
        count = len(results.factors)
        raise ArchError(
            f"the design `{results.design}` of {count} factors has no effects that its arms tell apart",
            help="take full or grid, pairs, or a fraction such as frac:IV, and leave no arm out",
        )
    kind, digits = kind_of_measure(results)
    change = "points" if kind == "percent" else kind
    columns = (
        Column("effect"),
        Column("kind"),
        Column("mean", kind, digits=digits),
        Column("change", change, digits=digits, signed=True),
        Column("sd", change, digits=digits),
        *(Column(end, change, digits=digits, signed=True) for end in ("low", "high")),
        Column("seeds", "int"),
        Column("cannot be distinguished from", key="aliases"),
    )
    kept = range(len(columns) - (0 if any(row[-1] for row in rows) else 1))
    about = (
        f"{results.measure.label}; "
        + (_LEVELS if rows[0][2] is not None else meaning(results))
        + "; 95 % t intervals over the seeds that every arm has, not "
        "adjusted for the number of effects",
    )
    return Table(
        tuple(columns[n] for n in kept), tuple(tuple(row[n] for n in kept) for row in rows), results.title, notes=about
    )


_LEVELS = "a main effect is the mean at a level less the mean over all arms; an interaction is what two levels have beyond both"


def meaning(results: Results) -> str:
    """What the effects of factors with two levels are."""
    if balanced(present_first(results.factors, apart(results))):
        return (
            "a main effect is the mean over all arms with a factor less that over all arms without it, or with its first level "
            "less with its second; an interaction is half the difference of a factor's effect at both levels of the other"
        )
    return (
        f"a main effect is the difference that one change of `{results.reference.name}` makes: with a factor less without it, or "
        "with its first level less with its second; an interaction is half of what both changes make beyond the sum of each"
    )


def _contrasts(results: Results) -> Iterator[tuple[Cell, ...]]:
    """Of factors with two levels."""
    names = {
        f.name: f.shown if f.toggles else f"{f.shown}: {f.levels[0] or 'none'} against {f.levels[-1] or 'none'}"
        for f in results.factors
    }
    shown, kept = [f.shown for f in results.factors], apart(results)
    for effect in effects(present_first(results.factors, kept), shown, {n: a.values for n, a in enumerate(kept)}):
        main = next((f.name for f in results.factors if f.shown == effect.name), None)
        named = replace(effect, name=names[main]) if main is not None else effect
        yield _row(named, "interaction" if main is None else "main", None)


def apart(results: Results) -> list[ArmResult]:
    """The arms that effects are made of: of pairs of changes those that are experiments of their own. Where one change takes the
    place of the other one out, both are that one alone, and nothing is known of an interaction.
    """
    first = results.reference.arm.picks

    def own(arm: ArmResult) -> bool:
        changed = sum(a != b for a, b in zip(arm.arm.picks, first, strict=True))
        return not (arm.twin and changed == 2 and results.design == "pairs")

    return [arm for arm in results.arms if own(arm)]


def present_first(factors: Sequence[Factor], arms: Sequence[ArmResult]) -> list[Levels]:
    """The levels of arms by factor. Of one that is there or not, 0 is its presence, also where absence is its first level."""
    turned = [f.toggles and not f.levels[0] for f in factors]
    return [tuple(1 - n if turn else n for n, turn in zip(a.arm.picks, turned, strict=True)) for a in arms]


def _of_levels(results: Results) -> Iterator[tuple[Cell, ...]]:
    """Of every level of a whole grid."""
    ranks = [rank(f.levels) for f in results.factors]
    labels = [
        [f"{f.shown}={level or 'none'}" for level in sorted(f.levels, key=own.__getitem__)]
        for f, own in zip(results.factors, ranks, strict=True)
    ]
    arms = [
        tuple(own[f.levels[n]] for f, own, n in zip(results.factors, ranks, a.arm.picks, strict=True))
        for a in results.arms
    ]
    for found in level_effects(arms, labels, _values(results)):
        mean = summary(list(found.mean.values())).mean
        yield _row(found.effect, "main" if found.order == 1 else "interaction", mean)


def level_effects(arms: Sequence[Levels], labels: Sequence[Sequence[str]], values: Values) -> Iterator[LevelEffect]:
    """The effects of all levels, and of all pairs of levels, of a grid that has each combination once; nothing of another.

    Args:
        arms: levels by factor.
        labels: of each level, by factor.
        values: by arm and seed.
    """
    if not arms or set(arms) != set(product(*(range(len(own)) for own in labels))) or len(set(arms)) < len(arms):
        return
    seeds = sorted(set.intersection(*(set(values.get(n, {})) for n in range(len(arms)))))

    def mean(fixed: dict[int, int], seed: int) -> float:
        own = [
            values[n][seed] for n, arm in enumerate(arms) if all(arm[place] == level for place, level in fixed.items())
        ]
        return fsum(own) / len(own)

    for order in (1, 2) if len(labels) > 1 else (1,):
        for chosen in combinations(range(len(labels)), order):
            for picked in product(*(range(len(labels[place])) for place in chosen)):
                fixed = dict(zip(chosen, picked, strict=True))
                means = {seed: mean(fixed, seed) for seed in seeds}
                without = {
                    s: fsum(mean({k: v}, s) for k, v in fixed.items()) - (order - 1) * mean({}, s) for s in seeds
                }
                base = {s: mean({}, s) for s in seeds} if order == 1 else without
                name = times(labels[place][level] for place, level in fixed.items())
                yield LevelEffect(Effect(name, {s: means[s] - base[s] for s in seeds}), order, means)


def _values(results: Results) -> Values:
    return {n: a.values for n, a in enumerate(results.arms)}


def _row(effect: Effect, kind: str, mean: float | None) -> tuple[Cell, ...]:
    s = summary([effect.per_seed[seed] for seed in sorted(effect.per_seed)])
    return effect.name, kind, mean, s.mean, s.sd, s.low, s.high, s.n, ", ".join(effect.aliased_with)
