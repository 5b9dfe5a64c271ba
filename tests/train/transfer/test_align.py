"""Which layer is which: by label, by alignment, by size last."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.transfer.align import EXTEND, OPEN, align, matched, score
from archdsl.transfer.copy import labels
from archdsl.transfer.units import Unit, units_of
from tests.train.transfer.conftest import made


def pairs(new: str, old: str, **more) -> dict[str, tuple[str, str]]:
    """From the layers of one net to those of the other, and by what they were matched."""
    (a, trace), (b, _) = made(new, **more), made(old, **more)
    mine, theirs = units_of(a.state_dict()), units_of(b.state_dict())
    return {mine[i].path: (theirs[j].path, how) for i, (j, how) in matched(mine, theirs, labels(trace.graph)).items()}


CHAIN = "conv(8) bn relu conv(8) bn relu conv(16) bn relu conv(16) bn relu gap linear(10)"


def test_equal_nets_match_by_name() -> None:
    assert all(mine == theirs and how == "name" for mine, (theirs, how) in pairs(CHAIN, CHAIN).items())


@pytest.mark.parametrize("place", range(4))
def test_an_inserted_layer_leaves_all_others_in_order(place: int) -> None:
    """Wherever a layer is put in, every old layer is found, and none in another order."""
    parts = ["conv(8) bn relu", "conv(8) bn relu", "conv(16) bn relu", "conv(16) bn relu", "gap linear(10)"]
    width = 8 if place <= 1 else 16
    longer = " ".join([*parts[: place + 1], f"conv({width}, 5) bn relu", *parts[place + 1 :]])
    found = pairs(longer, CHAIN)
    old = [theirs for theirs, _ in found.values()]
    assert len(old) == 9
    assert old == ["conv", "bn", "conv2", "bn2", "conv3", "bn3", "conv4", "bn4", "linear"]
    fresh = [path for path in dict(made(longer)[0].named_modules()) if path.startswith("conv") and path not in found]
    assert fresh == [f"conv{place + 2}"]


def test_a_deleted_layer_leaves_all_others_in_order() -> None:
    found = pairs("conv(8) bn relu conv(16) bn relu conv(16) bn relu gap linear(10)", CHAIN)
    assert [theirs for theirs, _ in found.values()] == ["conv", "bn", "conv3", "bn3", "conv4", "bn4", "linear"]


def test_a_block_more_in_a_stage() -> None:
    found = pairs("resnet[8x3, 16x2]", "resnet[8x2, 16x2]")
    assert all(mine == theirs for mine, (theirs, _) in found.items())
    assert not any("stage1.block3" in mine for mine in found)
    assert sum("stage2" in mine for mine in found) == 10


def test_a_label_is_found_wherever_it_moved() -> None:
    new = "conv(8) relu (deep: (conv(8) relu conv(8) relu)) top: conv(8, 1) gap linear(10)"
    old = "conv(8) relu top: conv(8, 1) (deep: (conv(8) relu conv(8) relu)) gap linear(10)"
    found = pairs(new, old)
    assert {m for m, (t, how) in found.items() if how == "label" and m == t} == {"deep.conv", "deep.conv2", "top"}
    assert len(found) == 5


SWAPPED = (
    ("conv(16) relu gap heads({a}: linear(5) | {b}: linear(5))", ("heads.kind", "heads.colour")),
    ("{a}: conv(3, 1) relu {b}: conv(3, 1) relu gap linear(10)", ("kind", "colour")),
    (
        "{a}: (conv(3) bn) relu {b}: (conv(3) bn) relu gap linear(10)",
        ("kind.conv", "kind.bn", "colour.conv", "colour.bn"),
    ),
)


@pytest.mark.parametrize(("net", "parts"), SWAPPED)
def test_exchanged_labels_are_followed_where_the_shapes_are_equal(net: str, parts: tuple[str, ...]) -> None:
    new, old = net.format(a="colour", b="kind"), net.format(a="kind", b="colour")
    found = pairs(new, old)
    assert all(found[part] == (part, "label") for part in parts)
    assert len(found) == len(pairs(old, old))
    same = pairs(new, new)
    assert all(found == (path, "name") for path, found in same.items())


def test_a_label_that_only_one_has_changes_nothing() -> None:
    labelled = "stem: conv(3) relu body: (conv(3) relu conv(3) relu) gap linear(10)"
    plain = "conv(3) relu conv(3) relu conv(3) relu gap linear(10)"
    for new, old in ((labelled, plain), (plain, labelled)):
        assert {how for _, how in pairs(new, old).values()} <= {"order", "name"}
        assert len(pairs(new, old)) == 4


def test_what_only_its_size_tells_comes_last() -> None:
    found = pairs("conv(3, 5) conv(3, 1) conv(3, 7) gap linear(10)", "conv(3, 7) conv(3, 5) conv(3, 1) gap linear(10)")
    assert found == {
        "conv": ("conv2", "order"),
        "conv2": ("conv3", "order"),
        "conv3": ("conv", "size"),
        "linear": ("linear", "name"),
    }


def test_names_of_others_do_not_matter() -> None:
    (a, trace), (b, _) = made(CHAIN), made(CHAIN)
    renamed, place = {}, -1
    for key, value in b.state_dict().items():
        place += key.endswith("weight")
        renamed[f"features.{place}.{key.rpartition('.')[2]}"] = value
    found = matched(units_of(a.state_dict()), units_of(renamed), labels(trace.graph))
    assert [j for j, _ in found.values()] == list(range(9))


def brute(n: int, m: int, value) -> float:
    """The best sum over all alignments, tried one by one; a gap of length g costs OPEN + (g - 1)·EXTEND."""
    best = float("-inf")
    for count in range(min(n, m) + 1):
        for left in combinations(range(n), count):
            for right in combinations(range(m), count):
                total = sum(value(i, j) for i, j in zip(left, right, strict=True))
                for ends, size in ((left, n), (right, m)):
                    for a, b in zip((-1, *ends), (*ends, size), strict=True):
                        gap = b - a - 1
                        total += OPEN + (gap - 1) * EXTEND if gap else 0.0
                best = max(best, total)
    return best


def worth(found: list[tuple[int, int]], n: int, m: int, value) -> float:
    left, right = [i for i, _ in found], [j for _, j in found]
    total = sum(value(i, j) for i, j in found)
    for ends, size in ((left, n), (right, m)):
        for a, b in zip((-1, *ends), (*ends, size), strict=True):
            gap = b - a - 1
            total += OPEN + (gap - 1) * EXTEND if gap else 0.0
    return total


@given(st.lists(st.integers(0, 3), max_size=5), st.lists(st.integers(0, 3), max_size=5))
def test_the_alignment_is_the_best_one(new: list[int], old: list[int]) -> None:
    def value(i: int, j: int) -> float:
        return 4.0 if new[i] == old[j] else 1.0 if new[i] % 2 == old[j] % 2 else float("-inf")

    found = align(len(new), len(old), value)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(found))
    assert worth(found, len(new), len(old), value) == pytest.approx(brute(len(new), len(old), value))


def test_kinds_never_mix() -> None:
    conv, linear = Unit("a", "conv", {}, {"weight": (8, 8, 1, 1)}), Unit("a", "linear", {}, {"weight": (8, 8)})
    assert score(conv, linear) == float("-inf")
