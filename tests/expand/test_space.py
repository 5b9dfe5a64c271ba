"""The space of a search beside the enumeration of ``holes``, and what only it can do: draw, and be large."""

from __future__ import annotations

import time
import tracemalloc
from itertools import product
from math import log
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import ArchError, SpecError
from archdsl.expand.holes import arms, count
from archdsl.expand.space import Dimension, Space
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.syntax import ast


def space(text: str) -> Space:
    return Space.of(parse(text))


def points(of: Space) -> Iterator[dict[str, int | float]]:
    """Every point, those that differ only in dimensions that do not exist there among them."""
    values = [range(len(d.texts)) if d.kind == "choices" else range(int(d.low), int(d.high) + 1) for d in of.dimensions]
    for chosen in product(*values):
        yield {d.name: value for d, value in zip(of.dimensions, chosen, strict=True)}


def written(file: ast.File) -> str:
    return unparse(file).strip()


NAMES = ("", "n: ", "m: ")
LEAVES = st.sampled_from(("a", "b", "c d", "f({1..2})", "f({n: 1..2})", "f({m: 1 | 2})", "(a {b | })"))
PAIRS = st.recursive(
    LEAVES,
    lambda inner: st.builds("{{{0}{1} | {2}}}".format, st.sampled_from(NAMES), inner, st.one_of(inner, st.just(""))),
    max_leaves=6,
)
TEXTS = st.lists(PAIRS, min_size=1, max_size=3).map(lambda parts: "net x " + " ".join(parts))


@given(TEXTS)
def test_the_points_are_the_arms(text: str) -> None:
    file = parse(text)
    found = Space.of(file)
    if len(found.dimensions) > 9:
        return
    listed = [(written(arm), frozenset(choice.items())) for choice, arm in arms(file)]
    every = [(written(found.file(p)), frozenset(found.values(p).items())) for p in points(found)]
    assert {t for t, _ in every} == {t for t, _ in listed}
    assert {len(values) for _, values in every} == {len(choice) for _, choice in listed}
    assert found.size is not None
    assert found.size == len(listed) if found.exact else found.size >= len(listed)


@given(TEXTS)
def test_a_dimension_exists_where_an_alternative_around_it_is_chosen(text: str) -> None:
    found = space(text)
    if len(found.dimensions) > 7:
        return
    for point in points(found):
        values = found.values(point)
        for dimension in found.dimensions:
            near = any(name in values and point[name] == number for name, number in dimension.within)
            near = near or not dimension.within
            assert (dimension.name in values) == near or (near and ": " in text)  # names may be shared


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("a b", 1),
        ("{a | b} {1..3}", 6),
        ("{a {b | c} | d}", 3),
        ("conv({n: 8 | 16}) {conv({n: 8 | 16}) | id}", 4),
        ("{f({n: 1 | 2}) | g({n: 1 | 2}) h | i}", 5),
        ("{16..256 log}", 241),
        ("{a | b {1..3 uniform}}", 4),
        ("{a | b({0..1.0 uniform})}", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    found = space(text)
    assert (found.size, found.exact) == (size, True)


def test_a_shared_name_gives_a_bound() -> None:
    found = space("{a({n: 1 | 2}) | b} {c({n: 1 | 2}) | d}")
    assert (found.size, found.exact) == (9, False)
    assert count(parse("{a({n: 1 | 2}) | b} {c({n: 1 | 2}) | d}")) == 7


def test_dimensions() -> None:
    text = (
        "net conv({w: 16..256 log}) {relu | gelu {bn | } | drop({0..50% uniform})} conv({w: 16..256 log})\n"
        "train {opt: adam({lr: 1e-4..1e-1 log}) | sgd({lr: 1e-4..1e-1 log})} epochs({1..4})"
    )
    act = "{relu | gelu {bn | } | drop({0..50% uniform})}"
    optimisers = ("adam({lr: 1e-4..1e-1 log})", "sgd({lr: 1e-4..1e-1 log})")
    assert space(text).dimensions == (
        Dimension("w", "whole", (), 16, 256, True),
        Dimension(act, "choices", ("relu", "gelu {bn | }", "drop({0..50% uniform})")),
        Dimension("{bn | }", "choices", ("bn", ""), within=((act, 1),)),
        Dimension("{0..50% uniform}", "real", (), 0, 0.5, False, ((act, 2),)),
        Dimension("opt", "choices", optimisers),
        Dimension("lr", "real", (), 1e-4, 1e-1, True, (("opt", 0), ("opt", 1))),
        Dimension("{1..4}", "whole", (), 1, 4),
    )


def test_a_point_is_a_text_without_holes() -> None:
    found = space("net conv({w: 16..256 log}) {x: a | b({u: 0..1 uniform})} c({w: 16..256 log}) {lr: 1e-4..1e-1 log}")
    assert written(found.file({})) == "net conv(16) a c(16) 1e-4"
    assert written(found.file({"x": 1, "w": 32, "lr": 0.0316227766})) == "net conv(32) b(0) c(32) 0.0316"
    assert written(found.file({"u": 1})) == "net conv(16) a c(16) 1e-4"  # `u` does not exist there
    assert found.values({"x": 1, "lr": 1e-1}) == {"w": "16", "x": "b({u: 0..1 uniform})", "u": "0", "lr": "0.1"}


def test_named_places_vary_by_number_where_one_is_a_list() -> None:
    found = space("f({n: 1..3}) g({n: 4 | 5 | 6})")
    assert [d.kind for d in found.dimensions] == ["choices"]
    assert written(found.file({"n": 2})) == "f(3) g(6)"


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("{1..4 uniform}", [1 / 4] * 4),
        ("{1..3 log}", [log(b / a) / log(7) for a, b in ((0.5, 1.5), (1.5, 2.5), (2.5, 3.5))]),
    ],
)
def test_whole_numbers_are_drawn_by_their_part_of_the_scale(text: str, shares: list[float]) -> None:
    (one,) = space(f"f({text})").dimensions
    chance, many = Random(0), 4000
    drawn = [one.draw(chance) for _ in range(many)]
    for value, share in enumerate(shares, start=1):
        assert drawn.count(value) / many == pytest.approx(share, abs=4 * (share * (1 - share) / many) ** 0.5)
    assert set(drawn) == set(range(1, len(shares) + 1))


@given(st.floats(1.2345e-4, 9.8765e-2), st.sampled_from(("log", "uniform")))
def test_real_numbers_have_three_digits_and_stay_in_their_range(value: float, scale: str) -> None:
    found = space(f"f({{1.2345e-4..9.8765e-2 {scale}}})")
    (name,) = (d.name for d in found.dimensions)
    text = found.values({name: value})[name]
    assert 1.2345e-4 <= float(text) <= 9.8765e-2
    assert float(text) == pytest.approx(value, rel=5.1e-3)
    assert written(found.file({name: value})) == f"f({text})"
    assert parse(unparse(found.file({name: value}))) == found.file({name: value})


@pytest.mark.parametrize(
    ("value", "text"), [(-1.0, "-1"), (-0.5, "-0.5"), (0.0, "0"), (1e-9, "1e-9"), (0.123456, "0.123"), (2.5, "2.5")]
)
def test_how_numbers_are_written(value: float, text: str) -> None:
    found = space("f({x: -1..2.5 uniform})")
    assert found.values({"x": value}) == {"x": text}
    assert written(found.file({"x": value})) == f"f({text})"


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"y": 0}, "no dimension `y`"),
        ({"c": 2}, "`c` cannot be 2"),
        ({"c": -1}, "`c` cannot be -1"),
        ({"w": 8.5}, "`w` cannot be 8.5"),
        ({"w": 17}, "`w` cannot be 17"),
        ({"r": 0.6}, "`r` cannot be 0.6"),
        ({"r": float("nan")}, "`r` cannot be nan"),
    ],
)
def test_points_outside_of_the_space(point: dict[str, float], message: str) -> None:
    found = space("{c: a | b} f({w: 8..16 log}) g({r: 0..0.5 uniform})")
    for of in (found.file, found.values):
        with pytest.raises(ArchError, match=message):
            of(point)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("f({0..4 log})", "A208", "{0..4 log}"),
        ("f({4..1 uniform})", "A208", "{4..1 uniform}"),
        ("f({2..2 log})", "A208", "{2..2 log}"),
        ("f({a..2 log})", "A208", "{a..2 log}"),
        ("f({n: 1..4 log}) g({n: 1..5 log})", "A221", "{n: 1..5 log}"),
        ("f({n: 1..4 log}) g({n: 1..4 uniform})", "A221", "{n: 1..4 uniform}"),
        ("f({n: 1..4 log}) g({n: 1 | 2})", "A221", "{n: 1 | 2}"),
        ("f({n: 1 | 2}) g({n: 1 | 2 | 3})", "A221", "{n: 1 | 2 | 3}"),
    ],
)
def test_what_is_no_space(text: str, code: str, place: str) -> None:
    with pytest.raises(SpecError) as error:
        space(text)
    diagnostic = error.value.diagnostics[0]
    assert (diagnostic.code, diagnostic.span and diagnostic.span.text) == (code, place)


def test_a_range_with_a_scale_is_not_enumerated() -> None:
    for text in ("f({lr: 1e-4..1e-1 log})", "a {b | c({1..4 log})}"):
        for listing in (count, lambda file: list(arms(file))):
            with pytest.raises(SpecError) as error:
                listing(parse(text))
            assert error.value.diagnostics[0].code == "A225"


def test_ends_are_expressions() -> None:
    found = space("let w = 8\nnet conv({n: w..4*w log})")
    assert (found.dimensions[0].low, found.dimensions[0].high, found.dimensions[0].kind) == (8, 32, "whole")


def test_a_large_space_is_read_at_once() -> None:
    """10^9 arms and more, in time and memory that its text takes: a walk over them would take hours."""
    net = " ".join(f"conv({{w{n}: 1..1000}}) {{a{n}: relu | gelu {{b{n}: bn | ln | }}}}" for n in range(40))
    begun = time.process_time()
    tracemalloc.start()
    found = space(f"net {net} gap linear(10)\ntrain adam({{1e-4..1e-1 log}}) epochs({{1..999999999}})")
    rest = space(f"net {net}")
    assert (found.size, rest.size, rest.exact) == (None, 4000**40, True)
    assert len(found.dimensions) == 122
    for n in range(20):
        point = {d.name: d.high if d.kind != "choices" else n % 2 for d in found.dimensions}
        assert unparse(found.file(point)).startswith("net conv(1000)")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert time.process_time() - begun < 10


def test_a_thousand_points_are_read_in_two_seconds() -> None:
    net = " ".join(f"conv({{w{n}: 8..64 log}}) {{a{n}: relu | gelu {{bn | }}}}" for n in range(8))
    found = space(f"input 3x32x32\nnet {net} gap linear(10)\ntrain adam({{lr: 1e-4..1e-1 log}})")
    begun = time.process_time()
    for n in range(1000):
        point = {d.name: d.low + n % 9 if d.kind == "whole" else n % 2 for d in found.dimensions if d.kind != "real"}
        unparse(found.file(point))
        found.values(point)
    assert time.process_time() - begun < 2
