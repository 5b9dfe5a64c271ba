"""Main effects and interactions, seed by seed.

An effect is the mean response with the ingredient present (level 0) minus that with it absent. An interaction is half
the difference between the effect of one factor with the other present and with it absent (Box, Hunter & Hunter 2005).
Whoever calls turns the levels of a factor whose level 0 is absence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import fsum

from archdsl.report.numbers import MINUS
from archdsl.study.plan.fraction import times

Levels = tuple[int, ...]
Values = Mapping[int, Mapping[int, float]]  # arm, seed


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect with what each seed gives for it, and the effects that the design cannot tell it from."""

    name: str
    per_seed: Mapping[int, float]
    aliased_with: tuple[str, ...] = field(default=())


def effects(arms: Sequence[Levels], names: Sequence[str], values: Values) -> tuple[Effect, ...]:
    """The main effects and two-factor interactions that a design can estimate.

    For balanced two-level designs (full ones and regular fractions) these are contrasts over all arms; for a design
    of single and double changes (``pairs``) the differences from the first arm. Only seeds with all arms that an effect
    needs take part. Empty for designs that estimate nothing of the kind.

    Args:
        arms: levels by factor; more than two levels make no effect here, see ``marginals``.
        values: by arm and seed.
    """
    if not arms or any(level > 1 for arm in arms for level in arm):
        return ()
    if balanced(arms):
        return tuple(_contrasts(arms, names, values))
    return tuple(_differences(arms, names, values))


def balanced(arms: Sequence[Levels]) -> bool:
    """Whether every factor, and every pair of factors, has both signs equally often: effects are then averages over all arms."""
    factors = range(len(arms[0]))
    signs = [[1 - 2 * level for level in arm] for arm in arms]
    mains = all(sum(s[i] for s in signs) == 0 for i in factors)
    return mains and all(sum(s[i] * s[j] for s in signs) == 0 for i, j in combinations(factors, 2))


def _contrasts(arms: Sequence[Levels], names: Sequence[str], values: Values) -> Iterator[Effect]:
    seeds = _complete(range(len(arms)), values)
    together: dict[tuple[int, ...], list[tuple[int, str]]] = {}  # by a column that begins with +
    for order in (1, 2):
        for chosen in combinations(range(len(names)), order):
            column = tuple(_sign(arm, chosen) for arm in arms)
            turn = column[0]
            together.setdefault(tuple(turn * c for c in column), []).append((turn, times(names[i] for i in chosen)))
    half = len(arms) / 2
    for column, ((sign, name), *others) in together.items():
        per_seed = {seed: sign * fsum(c * values[n][seed] for n, c in enumerate(column)) / half for seed in seeds}
        aliased = tuple(other if turn == sign else f"{MINUS}({other})" for turn, other in others)
        yield Effect(name, per_seed, aliased)


def _sign(arm: Levels, chosen: Sequence[int]) -> int:
    sign = 1
    for i in chosen:
        sign *= 1 - 2 * arm[i]
    return sign


def _differences(arms: Sequence[Levels], names: Sequence[str], values: Values) -> Iterator[Effect]:
    """Of a design of single and double changes of the first arm."""
    changed = {
        tuple(i for i, (a, b) in enumerate(zip(arm, arms[0], strict=True)) if a != b): n for n, arm in enumerate(arms)
    }
    doubles = {places: n for places, n in changed.items() if len(places) == 2 and all((i,) in changed for i in places)}
    if not doubles:
        return
    for places, n in changed.items():
        if len(places) == 1:
            seeds, sign = _complete((0, n), values), _sign(arms[0], places)
            yield Effect(names[places[0]], {s: sign * (values[0][s] - values[n][s]) for s in seeds})
    for places, n in doubles.items():
        a, b = (changed[(i,)] for i in places)
        found, half = _complete((0, a, b, n), values), _sign(arms[0], places) / 2
        yield Effect(
            times(names[i] for i in places),
            {s: half * fsum((values[n][s], -values[a][s], -values[b][s], values[0][s])) for s in found},
        )


def _complete(arms: Sequence[int] | range, values: Values) -> list[int]:
    """Seeds that all of these arms have."""
    shared = set.intersection(*(set(values.get(n, {})) for n in arms))
    return sorted(shared)


@dataclass(frozen=True, slots=True)
class Marginal:
    """The mean over all arms of a full grid that have one level of one factor, seed by seed."""

    name: str
    level: int
    per_seed: Mapping[int, float]


def marginals(arms: Sequence[Levels], names: Sequence[str], values: Values) -> tuple[Marginal, ...]:
    """The marginal means of every level of every factor of a grid."""
    seeds = _complete(range(len(arms)), values)
    found = []
    for place, name in enumerate(names):
        for level in sorted({arm[place] for arm in arms}):
            own = [n for n, arm in enumerate(arms) if arm[place] == level]
            found.append(Marginal(name, level, {s: fsum(values[n][s] for n in own) / len(own) for s in seeds}))
    return tuple(found)
