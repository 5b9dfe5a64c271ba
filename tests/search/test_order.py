"""The order of a search is a function of results: neither real time nor interruptions change it."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.errors import ArchError
from archdsl.search.halving import Halving, rungs_of
from archdsl.search.order import Job, Order, Score
from archdsl.search.ranking import Values, dominates, front, ranked, spread


class Numbers:
    """Proposes numbers; the work of each differs, and what it is told decides what comes next."""

    def __init__(self, seed: int, many: int | None = None, last: int = 9) -> None:
        self.draw, self.many, self.given, self.last = random.Random(seed), many, 0, last
        self.told: list[tuple[int, int, Values | None]] = []

    def propose(self) -> int | None:
        if self.given == self.many:
            return None
        self.given += 1
        return self.given - 1

    def learn(self, candidate: int, rung: int, values: Values | None) -> None:
        self.told.append((candidate, rung, values))

    def ranked(self, found: Mapping[int, Values]) -> list[int]:
        return ranked(found)

    def whole(self, candidate: int) -> int:
        return self.last

    def work(self, candidate: int, epochs: int) -> float:
        return epochs * (1 + candidate * 7919 % 13)


def score(job: Job) -> Score:
    bad = (job.candidate * 31 + job.rung) % 17 == 0
    return Score(None if bad else (((job.candidate * 2654435761) % 1000) / 1000 - job.rung,))


def carried_out(order: Order, workers: int, seed: int, most: int = 10_000) -> list[Job]:
    """The jobs of a search on workers that take random times; at most so many."""
    chance, known, running, ready = random.Random(seed), dict[int, Score](), list[Job](), list[Job]()
    begun: list[Job] = []
    while len(begun) < most:
        ready += order.ready(lambda job: known.get(job.number))
        while ready and len(running) < workers:
            running.append(ready.pop(0))
            begun.append(running[-1])
        if not running:
            break
        ended = running.pop(chance.randrange(len(running)))
        known[ended.number] = score(ended)
    return begun


@pytest.mark.parametrize("rungs", [(1,), (1, 3, 9), (2, 4)])
@pytest.mark.parametrize("parallel", [1, 2, 4, 7])
def test_the_jobs_do_not_depend_on_which_run_ends_first(rungs: tuple[int, ...], parallel: int) -> None:
    first = Order(Numbers(0, 60), rungs, parallel)
    carried_out(first, 2, seed=0)
    for seed in range(1, 6):
        other = Order(Numbers(0, 60), rungs, parallel)
        carried_out(other, workers=1 + seed % 4, seed=seed)
        assert other.jobs == first.jobs
        assert other.learnt == first.learnt
        assert other.proposer.told == first.proposer.told  # type: ignore[attr-defined]
    assert first.finished
    assert first.candidates == 60


def test_a_search_that_is_interrupted_begins_with_the_same_jobs() -> None:
    whole = Order(Numbers(0, 80), (1, 3, 9), 4)
    carried_out(whole, 2, seed=0)
    part = Order(Numbers(0, 80), (1, 3, 9), 4)
    carried_out(part, 2, seed=3, most=37)
    assert part.jobs == whole.jobs[: len(part.jobs)]


def test_candidates_are_limited() -> None:
    order = Order(Numbers(0), (1, 3), 3, most=10)
    carried_out(order, 2, seed=0)
    assert order.candidates == 10
    assert order.finished


def test_a_third_goes_up() -> None:
    order = Order(Numbers(0, 90), (1, 3, 9), 4)
    carried_out(order, 2, seed=0)
    reached = [len(found) for found in order.halving.found]
    promoted = [len(p) for p in order.halving.promoted]
    assert promoted[0] == reached[0] // 3
    assert promoted[1] == reached[1] // 3
    assert reached[1] <= promoted[0]  # some of those that went up failed


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.sampled_from([(1, 3, 9), (1, 2), (2, 5)]))
def test_promotions_are_the_best_of_their_rung(values: list[int], rungs: tuple[int, ...]) -> None:
    halving = Halving(rungs)
    for candidate, value in enumerate(values):
        halving.learn(candidate, 0, (float(value),))
    gone = []
    while (up := halving.promotion()) is not None:
        assert up[1] == 1
        gone.append(up[0])
    many = len(values) * rungs[0] // rungs[1]
    assert gone == sorted(range(len(values)), key=lambda n: (values[n], n))[:many]


def test_the_highest_rung_goes_first() -> None:
    halving = Halving((1, 2, 4))
    for n in range(4):
        halving.learn(n, 0, (float(n),))
        halving.learn(n, 1, (float(n),))
    assert halving.promotion() == (0, 2)


@pytest.mark.parametrize("text", ["", "3,1", "0,1", "1,1", "a", "1;3", "1,,3", "-1,3", "1.5,3", ",".join("1" * 20)])
def test_rungs_are_refused(text: str) -> None:
    with pytest.raises(ArchError, match="rising"):
        rungs_of(text)


points = st.dictionaries(st.integers(0, 30), st.tuples(*[st.integers(0, 6).map(float)] * 2), min_size=1, max_size=20)


@given(points)
@settings(max_examples=200)
def test_a_front_is_what_nothing_dominates(found: dict[int, Values]) -> None:
    expected = {n for n in found if not any(dominates(found[m], found[n]) for m in found)}
    assert set(front(found)) == expected


@given(points)
def test_a_ranking_has_each_candidate_once_and_fronts_first(found: dict[int, Values]) -> None:
    order = ranked(found)
    assert sorted(order) == sorted(found)
    assert set(order[: len(front(found))]) == set(front(found))


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 10))
def test_a_spread_has_both_ends(members: list[int], most: int) -> None:
    kept = spread(members, most)
    assert len(kept) == min(most, len(members))
    assert kept == [m for m in members if m in kept]
    if len(kept) > 1:
        assert (kept[0], kept[-1]) == (members[0], members[-1])
