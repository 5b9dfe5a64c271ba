"""Regular fractions of two-level designs: their columns, word-length pattern and aliases.

A column is a bit mask over the basic factors; the column of a generated factor says which basic factors its level is
the sum of, modulo 2. A word is a set of factors whose columns sum to zero: their product is the constant column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from math import comb

ROMAN = ("0", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
MOST_WORDS = 7  # of a defining relation that is written out; longer ones are given by their generators


def columns(factors: int, resolution: int) -> tuple[int, ...]:
    """The columns of a fraction with the fewest runs that reach ``resolution``, the basic factors first.

    Distance-d lexicodes (Conway & Sloane 1986) need the fewest runs at resolution III and IV for any number of factors,
    at V up to 21. With that many runs the highest resolution is taken.
    """
    basic = next(b for b in range(2, factors + 1) if _lexicode(resolution, b, factors))
    distances = range(min(factors, basic) + 1, resolution - 1, -1)
    found = next(code for d in distances if (code := _lexicode(d, basic, factors)))
    return tuple(sorted(found, key=lambda c: (c.bit_count() > 1, c)))


def _lexicode(distance: int, basic: int, factors: int) -> tuple[int, ...]:
    """The smallest columns of ``basic`` bits, fewer than ``distance`` of which never sum to zero; empty if they are
    not enough.
    """
    found: list[int] = []
    sums = [{0} for _ in range(distance - 1)]  # of at most 0, 1, … columns
    for column in range(1, 1 << basic):
        if column in sums[-1]:
            continue
        found.append(column)
        if len(found) == factors:
            return tuple(found)
        for shorter, longer in zip(sums[-2::-1], sums[:0:-1], strict=True):
            longer |= {s ^ column for s in shorter}
    return ()


def runs(columns: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The principal fraction: level 0 of every factor first, the last basic factor fastest."""
    basic = max(columns).bit_length()
    for levels in product((0, 1), repeat=basic):
        bits = sum(level << i for i, level in enumerate(levels))
        yield tuple((column & bits).bit_count() & 1 for column in columns)


def pattern(arms: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The word-length pattern (A₁, …, A_k) of a regular fraction, from its runs by the identity of MacWilliams (1963)."""
    k = len(arms[0])
    weights = Counter(sum(arm) for arm in arms)
    return tuple(sum(n * _krawtchouk(j, w, k) for w, n in weights.items()) // len(arms) for j in range(1, k + 1))


def _krawtchouk(j: int, w: int, k: int) -> int:
    return sum((-1) ** i * comb(w, i) * comb(k - w, j - i) for i in range(j + 1))


def resolution(arms: Sequence[Sequence[int]]) -> str:
    """The length of the shortest word in Roman numerals, or ``full`` where there is none."""
    shortest = next((length for length, words in enumerate(pattern(arms), 1) if words), 0)
    if not shortest:
        return "full"
    return ROMAN[shortest] if shortest < len(ROMAN) else str(shortest)


def aliases(columns: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    """The defining relation, and the sets of main effects and two-factor interactions that share a column."""
    together: dict[int, list[str]] = {}
    for order in (1, 2):
        for factors in combinations(range(len(columns)), order):
            column = 0
            for i in factors:
                column ^= columns[i]
            together.setdefault(column, []).append(times(names[i] for i in factors))
    return (_relation(columns, names), *(" = ".join(effects) for effects in together.values() if len(effects) > 1))


def times(names: Iterable[str]) -> str:
    """A product of effects."""
    return " × ".join(names)


def _relation(columns: Sequence[int], names: Sequence[str]) -> str:
    """The words whose product is the constant column; where they are many, those that define the others."""
    basic = max(columns).bit_length()
    generators = []
    for place, column in enumerate(columns):
        if column.bit_count() > 1:
            made = [i for i in range(basic) if column >> i & 1]
            generators.append(frozenset([place, *(columns.index(1 << i) for i in made)]))
    words: set[frozenset[int]] = set()
    if 2 ** len(generators) - 1 <= MOST_WORDS:
        for count in range(1, len(generators) + 1):
            for chosen in combinations(generators, count):
                word: frozenset[int] = frozenset()
                for generator in chosen:
                    word ^= generator
                words.add(word)
    listed = sorted(words or generators, key=lambda w: (len(w), sorted(w)))
    shown = " = ".join(times(names[i] for i in sorted(word)) for word in listed)
    return f"I = {shown}" + ("" if words else " (generators)")
