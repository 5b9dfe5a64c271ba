"""Which candidates are better: by one objective, or by several at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Values = tuple[float, ...]  # one an objective; less is better


def dominates(a: Values, b: Values) -> bool:
    """Whether ``a`` is as good as ``b`` in every objective, and better in one."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def front(found: Mapping[int, Values]) -> list[int]:
    """The candidates that no other one dominates, ordered by their first objective, the best first.

    Candidates with equal values are all in it.
    """
    ordered = sorted(found, key=lambda n: (found[n], n))
    kept: list[int] = []
    for n in ordered:
        if not any(dominates(found[m], found[n]) for m in kept):
            kept.append(n)
    return kept


def ranked(found: Mapping[int, Values]) -> list[int]:
    """All candidates, the best first; of several objectives by fronts (Deb et al. 2002), each by its first objective.

    Ties go to the earlier candidate.
    """
    if not found or len(next(iter(found.values()))) == 1:
        return sorted(found, key=lambda n: (found[n], n))
    left, order = dict(found), list[int]()
    while left:
        best = front(left)
        order += best
        for n in best:
            del left[n]
    return order


def spread(members: Sequence[int], most: int) -> list[int]:
    """At most so many members of an ordered front, evenly over it, both ends among them."""
    if len(members) <= most:
        return list(members)
    if most == 1:
        return [members[0]]
    places = [round(k * (len(members) - 1) / (most - 1)) for k in range(most)]
    return [members[p] for p in dict.fromkeys(places)]
