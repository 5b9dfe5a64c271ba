from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import ArchError
from archdsl.study.plan import design as designs
from archdsl.study.plan.design import DESIGNS, Design, Over, design, is_grid, listed, make

SIZES = st.lists(st.integers(2, 4), min_size=1, max_size=5)


def named(count: int) -> list[str]:
    return [chr(ord("a") + i) for i in range(count)]


@given(SIZES, st.sampled_from(["one-out", "one-in", "pairs", "full", "grid"]))
def test_every_arm_once_the_reference_first(sizes: list[int], name: str) -> None:
    design = make(name, sizes, named(len(sizes)))
    assert len(set(design.arms)) == len(design.arms)
    assert design.reference == 0
    bare = tuple(s - 1 for s in sizes)
    assert design.arms[0] == (bare if name == "one-in" else tuple(0 for _ in sizes))
    singles = sum(s - 1 for s in sizes)
    doubles = sum((a - 1) * (b - 1) for a, b in combinations(sizes, 2))
    counts = {"one-out": 1 + singles, "one-in": 1 + singles, "pairs": 1 + singles + doubles}
    assert len(design.arms) == counts.get(name, np.prod(sizes))
    changes = [sum(a != b for a, b in zip(arm, design.arms[0], strict=True)) for arm in design.arms[1:]]
    assert max(changes, default=0) <= {"one-out": 1, "one-in": 1, "pairs": 2}.get(name, len(sizes))


@pytest.mark.parametrize(
    ("count", "name", "runs", "resolution"),
    [
        (3, "frac:III", 4, "III"),
        (4, "frac:IV", 8, "IV"),
        (5, "frac:III", 8, "III"),
        (5, "frac:V", 16, "V"),
        (6, "frac:IV", 16, "IV"),
        (7, "frac:III", 8, "III"),
        (8, "frac:IV", 16, "IV"),
        (7, "frac:IV", 16, "IV"),
        (8, "frac:V", 64, "V"),
        (11, "frac:III", 16, "III"),
        (15, "frac:III", 16, "III"),
    ],
)
def test_fractions_have_the_runs_of_the_tables_and_their_resolution(
    count: int, name: str, runs: int, resolution: str
) -> None:
    """Runs and resolutions of Box, Hunter & Hunter (2005), table 6.22."""
    design = make(name, [2] * count, named(count))
    assert len(design.arms) == runs
    assert design.resolution == resolution
    assert design.arms[0] == (0,) * count
    signs = 1 - 2 * np.array(design.arms)
    assert not signs.sum(0).any()  # balanced
    assert np.array_equal(signs.T @ signs, runs * np.eye(count))  # orthogonal
    length = {"III": 3, "IV": 4, "V": 5}[resolution]
    for order in range(1, length):
        assert all(abs(signs[:, list(c)].prod(1).sum()) < runs for c in combinations(range(count), order))
    assert any(abs(signs[:, list(c)].prod(1).sum()) == runs for c in combinations(range(count), length))


def test_aliases_are_the_products_that_are_equal() -> None:
    design = make("frac:IV", [2] * 4, ["res", "bn", "drop", "mixup"])
    assert design.aliases == (
        "I = res × bn × drop × mixup",
        "res × bn = drop × mixup",
        "res × drop = bn × mixup",
        "res × mixup = bn × drop",
    )
    half = make("frac:III", [2] * 3, named(3))
    assert half.aliases == ("I = a × b × c", "a = b × c", "b = a × c", "c = a × b")


def test_aliases_name_what_the_runs_cannot_tell_apart() -> None:
    names = named(7)
    design = make("frac:III", [2] * 7, names)
    signs = 1 - 2 * np.array(design.arms)
    for line in design.aliases[1:]:
        columns = [signs[:, [names.index(n) for n in effect.split(" × ")]].prod(1) for effect in line.split(" = ")]
        assert all(np.array_equal(columns[0], c) for c in columns)


def test_a_fraction_that_saves_nothing_is_the_full_design() -> None:
    design = make("frac:V", [2] * 5, named(5))
    assert design.resolution == "V"
    assert make("frac:IV", [2] * 4, named(4)).resolution == "IV"
    assert len(make("frac:V", [2] * 6, named(6)).arms) == 32


@pytest.mark.parametrize(
    ("name", "sizes", "words"),
    [
        ("one-of", [2, 2], "one-out"),
        ("frac:VI", [2] * 6, "not a resolution"),
        ("frac:IV", [2, 3, 2, 2], "`b` has 3"),
        ("frac:IV", [2, 2, 2], "4 factors at least"),
        ("grid", [100, 100, 100, 100], "more than"),
    ],
)
def test_what_is_no_design(name: str, sizes: list[int], words: str) -> None:
    with pytest.raises(ArchError, match=words):
        make(name, sizes, named(len(sizes)))


def test_a_study_without_factors_has_one_arm() -> None:
    assert make("grid", (), ()).arms == ((),)
    assert list(product()) == [()]


def test_a_design_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designs, "DESIGNS", dict(DESIGNS))

    @design("ends", forms=(":few", ":all"))
    def ends(over: Over) -> Design:
        """The full model and the bare one."""
        last = tuple(size - 1 for size in over.sizes)
        return Design(over.name, (over.first, last) if over.name.endswith(":few") else over.all)

    assert make("ends:few", (2, 3), "ab").arms == ((0, 0), (1, 2))
    assert len(make("ends:all", (2, 3), "ab").arms) == 6
    assert not is_grid("ends:few")
    assert (is_grid("full"), is_grid("one-out"), is_grid("nowhere")) == (True, False, False)
    assert listed()[-2:] == ["ends:few", "ends:all"]
    for wrong in ("ends", "full:IV", "end:few"):
        with pytest.raises(ArchError, match=f"unknown design `{wrong}`"):
            make(wrong, (2, 3), "ab")
    with pytest.raises(ArchError) as refused:
        make("zzzzz", (2,), "a")
    assert "ends:few, ends:all" in refused.value.help
    assert all(kind.help.endswith(".") for kind in designs.DESIGNS.values())


def test_no_design_has_more_arms_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designs, "DESIGNS", dict(DESIGNS))
    design("wide")(lambda over: Design(over.name, tuple((n,) for n in range(10_000_000))))
    with pytest.raises(ArchError, match="the design `wide` has 10,000,000 arms"):
        make("wide", (2,), "a")
