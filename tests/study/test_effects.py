from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from archdsl.errors import ArchError
from archdsl.study.plan.arms import Arm, arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.design import make
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report.effect_table import table
from archdsl.study.report.effects import effects, marginals
from archdsl.study.report.html import html
from archdsl.study.results.results import Results, results


def responses(arms: tuple[tuple[int, ...], ...], seeds: int) -> dict[int, dict[int, float]]:
    chance = np.random.default_rng(3)
    return {n: {s: float(v) for s, v in enumerate(chance.normal(size=seeds))} for n in range(len(arms))}


@pytest.mark.parametrize("name", ["full", "frac:V"])
def test_effects_are_twice_the_coefficients_of_a_least_squares_fit(name: str) -> None:
    names = ["a", "b", "c", "d", "e"]
    design = make(name, [2] * 5, names)
    values = responses(design.arms, 3)
    found = {e.name: e for e in effects(design.arms, names, values)}
    signs = 1 - 2 * np.array(design.arms)
    terms = [(i,) for i in range(5)] + list(combinations(range(5), 2))
    model = np.stack([np.ones(len(signs)), *(signs[:, list(t)].prod(1) for t in terms)], 1)
    assert list(found) == [" × ".join(names[i] for i in t) for t in terms]
    for seed in range(3):
        fit = np.linalg.lstsq(model, np.array([values[n][seed] for n in values]), rcond=None)[0]
        for place, term in enumerate(terms, 1):
            assert found[" × ".join(names[i] for i in term)].per_seed[seed] == pytest.approx(2 * fit[place])


def test_aliased_effects_stand_together() -> None:
    design = make("frac:IV", [2] * 4, list("abcd"))
    found = effects(design.arms, list("abcd"), responses(design.arms, 1))
    assert [(e.name, e.aliased_with) for e in found] == [
        ("a", ()),
        ("b", ()),
        ("c", ()),
        ("d", ()),
        ("a × b", ("c × d",)),
        ("a × c", ("b × d",)),
        ("a × d", ("b × c",)),
    ]


def test_pairs_by_hand() -> None:
    design = make("pairs", [2, 2], ["a", "b"])
    assert design.arms == ((0, 0), (1, 0), (0, 1), (1, 1))
    values = {0: {7: 10.0, 8: 1.0}, 1: {7: 7.0, 8: 1.0}, 2: {7: 8.0}, 3: {7: 1.0, 8: 0.0}}
    # A full two by two design: the balanced contrasts.
    found = {e.name: dict(e.per_seed) for e in effects(design.arms, ["a", "b"], values)}
    assert found == {"a": {7: 5.0}, "b": {7: 4.0}, "a × b": {7: -2.0}}
    three = make("pairs", [2, 2, 2], list("abc"))
    numbers = {n: {0: v} for n, v in enumerate([10.0, 7.0, 8.0, 9.0, 1.0, 6.0, 7.0])}
    by_name = {e.name: e.per_seed[0] for e in effects(three.arms, list("abc"), numbers)}
    assert by_name["a"] == 3.0
    assert by_name["a × b"] == (1.0 - 7.0 - 8.0 + 10.0) / 2


@pytest.mark.parametrize("first", [0, 1, 4])
def test_the_sign_of_an_effect_does_not_depend_on_the_reference(first: int) -> None:
    """A response of known effects: the levels 0 and 1 of a factor are signs + and −."""
    design = make("pairs", [2, 2, 2], list("abc"))
    arms = [design.arms[first], *(arm for n, arm in enumerate(design.arms) if n != first)]
    signs = [[1 - 2 * level for level in arm] for arm in arms]
    values = {n: {0: 5 + 2 * a + 3 * b - c + 0.5 * a * b - 0.25 * a * c} for n, (a, b, c) in enumerate(signs)}
    own = signs[0]
    found = {e.name: e.per_seed[0] for e in effects(arms, list("abc"), values)}
    known = {
        "a": 2 * (2 + 0.5 * own[1] - 0.25 * own[2]),
        "b": 2 * (3 + 0.5 * own[0]),
        "c": 2 * (-1 - 0.25 * own[0]),
        "a × b": 1.0,
        "a × c": -0.5,
        "b × c": 0.0,
    }
    assert found == {name: pytest.approx(known[name]) for name in found}
    assert "a × b" in found


def test_one_out_and_levels_make_no_effects() -> None:
    other_first = [(1, 0, 0), (0, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert effects(other_first, list("abc"), {n: {0: float(n)} for n in range(4)}) == ()
    assert effects(make("one-out", [2, 2, 2], list("abc")).arms, list("abc"), {}) == ()
    assert effects(make("full", [3, 2], list("ab")).arms, list("ab"), {}) == ()
    assert effects((), (), {}) == ()


def test_marginal_means_of_a_grid() -> None:
    design = make("grid", [3, 2], ["a", "b"])
    values = {n: {0: float(n)} for n in range(6)}
    found = {(m.name, m.level): m.per_seed[0] for m in marginals(design.arms, ["a", "b"], values)}
    assert found == {("a", 0): 0.5, ("a", 1): 2.5, ("a", 2): 4.5, ("b", 0): 2.0, ("b", 1): 3.0}


NESTED = """\
base: |
  net conv(4) {h: conv(8) {act: relu | gelu} | conv(4)} {norm: bn | } gap linear(10)
  data fashion-mini
seeds: 2
"""


def test_a_factor_that_another_one_takes_out_has_no_interaction_with_it() -> None:
    """Without `h` there is no `act`: half of the effect of `act` was shown as an interaction."""
    study = study_of(f"{NESTED}design: pairs\n")
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {c.key: Found("finished", {"test_accuracy": 0.5 + 0.01 * c.arm + 0.001 * c.seed}, {}) for c in every}
    shown = table(results("t", "test_accuracy", arms, study.seeds, every, found)).rows
    assert [row[0] for row in shown if row[1] == "interaction"] == ["h × norm", "act × norm"]


def test_a_fraction_takes_factors_that_every_arm_has() -> None:
    with pytest.raises(ArchError, match="takes factors that every arm has, and a level of `h` has a hole"):
        arms_of(study_of(f"{NESTED}design: frac:III\n"))


TWO = "base: |\n  net conv(4) {res: | gelu} {se: gelu | } gap linear(10)\n  data fashion-mini\nseeds: 1\n"


def made(text: str, value: Callable[[Arm], float]) -> Results:
    study = study_of(text)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {c.key: Found("finished", {"test_accuracy": value(arms.arms[c.arm])}, {}) for c in every}
    return results("t", "test_accuracy", arms, study.seeds, every, found)


def test_an_effect_is_of_presence_also_where_absence_is_the_first_level() -> None:
    """Both together give 0.1 more than their sum. The interaction was -0.05, and the main effect of `res` had the other sign."""

    def value(arm: Arm) -> float:
        res, se = (bool(arm.choice[name]) for name in ("res", "se"))
        return 0.5 + 0.1 * res + 0.1 * se + 0.1 * (res and se)

    rows = {row[0]: row[3] for row in table(made(f"{TWO}design: full\n", value)).rows}
    assert rows == {name: pytest.approx(v) for name, v in {"res": 0.15, "se": 0.15, "res × se": 0.05}.items()}


def test_an_alias_of_the_other_sign_says_so() -> None:
    arms = [(1, 0, 0), (1, 1, 1), (0, 0, 1), (0, 1, 0)]  # a = -(b × c)
    found = {e.name: e for e in effects(arms, list("abc"), responses(tuple(arms), 1))}
    assert {name: e.aliased_with for name, e in found.items()} == {
        "a": ("−(b × c)",),
        "b": ("−(a × c)",),
        "c": ("−(a × b)",),
    }


def test_one_factor_of_two_levels_has_a_difference() -> None:
    """Each level less the mean of both was shown, which is half of it."""
    one = "base: |\n  net conv(4) {act: relu | gelu} gap linear(10)\n  data fashion-mini\nseeds: 2\n"
    shown = table(made(one, lambda arm: 0.51 if arm.choice["act"] == "relu" else 0.61))
    assert [(row[0], row[3]) for row in shown.rows] == [("act: relu against gelu", pytest.approx(-0.1))]


@pytest.mark.parametrize(
    ("design", "words"), [("full", "mean over all arms with a factor"), ("pairs", "change of `base`")]
)
def test_the_text_says_what_an_effect_is_of(design: str, words: str) -> None:
    pytest.importorskip("matplotlib")
    text = TWO.replace("{res", "{norm: +bn | } {res") + f"design: {design}\n"
    found = made(text, lambda arm: 0.5 + 0.01 * len(arm.name))
    assert words in table(found).notes[0]
    assert words.split("`")[0] in html(found, "c")
