"""A word may be a class: its fields are the arguments, its docstring the help."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import ClassVar

import pytest

from archdsl.api import load
from archdsl.errors import ArchError, SpecError
from archdsl.registry import Setting, entries, find, params, setting, train_word
from archdsl.registry.lookup import _TABLE
from archdsl.registry.types import Positive, Rate
from tests.conftest import REPO


@pytest.fixture(autouse=True)
def no_word_stays() -> Iterator[None]:
    before = dict(_TABLE)
    yield
    _TABLE.clear()
    _TABLE.update(before)


@dataclass(frozen=True, slots=True)
class Base:
    kind: ClassVar[str] = "a fact, and no argument"
    last: bool = field(default=False, kw_only=True)


def leap() -> type:
    @train_word("leap(0.1)", slot="optimizer")
    @dataclass(frozen=True, slots=True)
    class Leap(Base):
        """Leaps."""

        lr: Positive
        beta: Rate = 0.9
        derived: float = field(default=0.0, init=False)

        def __post_init__(self) -> None:
            if self.lr > 5:
                raise ArchError("too far", help="leap less")

    return Leap


def test_the_fields_of_a_class_are_the_arguments() -> None:
    made = leap()
    entry = find("train", "leap")
    assert entry is not None
    assert (entry.make, entry.help) == (made, "Leaps.")
    assert [(p.name, p.base, p.required) for p in params(entry)] == [
        ("lr", "float", True),
        ("beta", "share", False),
        ("last", "bool", False),
    ]
    assert str(params(entry)[1].range) == "from 0 to below 1"
    (setting,) = load("net gap linear(10)\ntrain leap(2, last)").graph.train
    assert setting.value == made(2.0, last=True)


@pytest.mark.parametrize(("word", "message"), [("leap(0)", "lr"), ("leap", "lr"), ("leap(9)", "too far")])
def test_bounds_and_checks_of_a_class_point_into_the_text(word: str, message: str) -> None:
    leap()
    with pytest.raises(SpecError, match=message) as caught:
        load(f"net gap linear(10)\ntrain {word}")
    assert all(d.span is not None for d in caught.value.diagnostics)


def test_a_class_that_is_no_setting_is_refused() -> None:
    class Loose:
        """Not a dataclass."""

    @dataclass
    class Mutable:
        """Not frozen."""

    @dataclass(frozen=True)
    class Silent:
        lr: float

    for made, message in ((Loose, "not a frozen dataclass"), (Mutable, "not a frozen dataclass"), (Silent, "no help")):
        with pytest.raises(ArchError, match=message):
            train_word("loose")(made)


@setting
class Leaf(Setting):
    """A setting with every kind of field."""

    a: float
    b: list[int] = field(default_factory=list)
    c: str = field(default="", kw_only=True)
    d: int = field(default=7, init=False)


def test_a_setting_is_a_frozen_dataclass() -> None:
    leaf = Leaf(1.0, [2], c="x")
    assert (leaf.a, leaf.b, leaf.c, leaf.d) == (1.0, [2], "x", 7)
    assert leaf == Leaf(a=1.0, b=[2], c="x") != Leaf(1.0)
    assert Leaf(1.0).b is not Leaf(1.0).b
    assert repr(leaf) == "Leaf(a=1.0, b=[2], c='x', d=7)"
    assert replace(leaf, a=3.0).a == 3.0
    assert pickle.loads(pickle.dumps(leaf)) == copy.copy(leaf) == copy.deepcopy(leaf) == leaf  # noqa: S301
    with pytest.raises(FrozenInstanceError, match="'a'"):
        leaf.a = 2.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="'a'"):
        del leaf.a
    with pytest.raises(AttributeError):
        leaf.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {}, "needs `a`"),
        ((1.0,), {"a": 2.0}, "several values of `a`"),
        ((1.0,), {"d": 2}, "has no d"),
        ((1.0, [], "x"), {}, "no field for the last value"),
    ],
)
def test_fields_that_do_not_fit_are_refused(args: tuple[object, ...], named: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Leaf(*args, **named)  # type: ignore[arg-type]


# Files that read or write what other libraries call our words, and sets of published data by their names.
BY_NAME = ("importer/", "registry/synonyms.py", "transfer/peers.py", "data/", "words/", "evaluate/shifts.py")
# The vocabulary of study factors; the places at the end of a net where most of them are written.
KNOWN = {"study/plan/place.py": {"gap", "gmp", "flatten", "linear", "softmax"}}


def test_nothing_outside_of_the_registry_lists_layers() -> None:
    """A layer is told by its traits: two or more names of layers in one literal are a list that a new word is not in."""
    layers = {e.name for e in entries("net")}
    traits = {trait for e in entries("net") for trait in e.traits}
    found: dict[str, set[str]] = {}
    for path in sorted((REPO / "archdsl").rglob("*.py")):
        place = path.relative_to(REPO / "archdsl").as_posix()
        for node in () if place.startswith(BY_NAME) else ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                names = {i.value for i in node.elts if isinstance(i, ast.Constant) and isinstance(i.value, str)}
                if len(names & layers) > 1 and not names <= traits and 2 * len(names & layers) >= len(names):
                    found.setdefault(place, set()).update(names & layers)
    assert found == KNOWN
