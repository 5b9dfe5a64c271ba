"""What is wrong with a word is said where the word is defined, with its name; and the laws that take longer to see."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import reload
from pathlib import Path
from typing import Any, ClassVar

import pytest

from archdsl.api import load
from archdsl.errors import ArchError
from archdsl.ir.layer import Layer
from archdsl.ir.nodes import Node
from archdsl.registry import (
    Entry,
    Phase,
    data_word,
    entries,
    evaluation_word,
    find,
    metric_word,
    modifier,
    op,
    params,
    proxy_word,
    setting,
    train_word,
)
from archdsl.registry.traits import TRAIN_SLOTS, TRAITS
from archdsl.registry.types import Positive, Shape
from archdsl.report import FORMATS
from archdsl.report.formats import table_format
from archdsl.settings.experiment import TrainSettings
from archdsl.words.data.base import Augmentation, Corruption
from archdsl.words.evaluation.base import Change
from archdsl.words.metrics.base import OfWeights
from archdsl.words.proxies.base import Proxy
from archdsl.words.train.kinds import Optimizer, Penalty
from tests.conftest import REPO
from tests.train.laws import no_word_stays


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    with no_word_stays():
        yield


def layer(x: Shape) -> Layer:
    """A layer."""
    return Layer(out=x, module=lambda nn: nn.Identity())


def other(x: Shape) -> Layer:
    """Another layer."""
    return layer(x)


def test_a_name_is_taken_in_the_same_module_too() -> None:
    op("conv(8) plain", name="plain1")(layer)
    with pytest.raises(
        ArchError, match=r"`plain1` of tests\S* \(`other`, line \d+\) is already taken by tests\S* \(`layer`"
    ):
        op("conv(8) plain", name="plain1")(other)
    with pytest.raises(ArchError, match="already taken"):
        op("conv(8) plain", name="plain1")(layer)  # another place of one load
    assert find("net", "plain1").make is layer  # type: ignore[union-attr]


@setting
class Sum(Proxy):
    """A score."""


def test_it_is_taken_in_every_space() -> None:
    proxy_word("sum")(Sum)
    with pytest.raises(ArchError, match=r"`sum` of .* is already taken by"):
        proxy_word("sum")(Sum)
    for name in ("csv", "table"):
        with pytest.raises(ValueError, match=f"the table format `{name}` .* is already taken by"):
            table_format("new", name)(lambda table: "")
    assert "new" not in FORMATS
    with pytest.raises(ValueError, match="without parentheses"):
        table_format(lambda table: "")  # type: ignore[arg-type]


def test_a_module_may_be_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from archdsl.registry import op\n\n\n@op('conv(8) again1')\ndef again1(x):\n    'A layer.'\n"
    file = tmp_path / "again_words.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file.write_text(text)
    import again_words

    file.write_text(f"import archdsl\n{text.replace('A layer', 'Another one')}")
    reload(again_words)
    assert find("net", "again1").help == "Another one."  # type: ignore[union-attr]
    file.write_text(f"{text}\n\n{text}")
    with pytest.raises(ArchError, match=r"\(`again1`, line 12\) is already taken by again_words \(`again1`, line 4\)"):
        reload(again_words)


def _class(of: type, **more: Any) -> type:
    """A frozen dataclass with these attributes."""
    return dataclass(frozen=True, slots=True)(
        type("Odd", (of,), {"__doc__": "Odd.", "__module__": __name__, "__annotations__": {}, **more})
    )


@dataclass
class Mutable(Optimizer):
    """An optimiser that is not frozen."""

    lr: Positive = 0.1


class Bare(TrainSettings):
    """A class whose parent is a dataclass."""


def undo(node: Node) -> Node | None:
    return None


WRONG: list[tuple[Callable[[], object], str, str]] = [
    (lambda: op(layer), "`layer` of tests.* is written without parentheses", "an example"),  # type: ignore[arg-type]
    (lambda: op("conv(8) wrong1")(lambda x: x), "`<lambda>` of tests.*, line [0-9]+, has no help", "docstring"),
    (lambda: op(name="wrong1")(layer), "`wrong1` of tests.* has no example", "give its decorator one"),
    (
        lambda: op("wrong1", name="wrong1", traits="weihgted")(layer),
        "the unknown trait `weihgted`",
        "did you mean `weighted`",
    ),
    (
        lambda: op("wrong1", name="wrong1", traits="zzz")(layer),
        "the unknown trait `zzz`",
        "the traits are: act, adaptive",
    ),
    (lambda: train_word("odd")(_class(Penalty)), "`odd` of tests.* has no slot", "the slots are: optimizer, wd,"),
    (lambda: train_word("odd", slot="lose")(_class(Optimizer)), "the unknown slot `lose`", "did you mean `loss`"),
    (lambda: data_word("odd")(_class(Augmentation)), "`odd` of tests.* has no slot", "the slots are: dataset"),
    (
        lambda: data_word("odd", slot="set")(other),
        "the unknown slot `set`",
        "an Augmentation, a Mixing or a Corruption",
    ),
    (
        lambda: data_word("odd", slot="odd")(_class(Corruption, amounts=("pp",))),
        "`pp` among its `amounts`",
        "a field's name",
    ),
    (lambda: modifier("+odd", name="odd", undo=undo)(undo_of), "`odd` of tests.* has no phase", "BLOCK, GROUPS"),
    (lambda: modifier("+odd", name="odd", phase=Phase.NORM)(undo_of), "`odd` of tests.* has no undo", "undo="),
    (
        lambda: proxy_word("odd")(_class(Proxy, called="odd")),
        "`odd` of tests.* has `called`, which is of records",
        'write `name="…"`',
    ),
    (lambda: train_word("mutable", slot="optimizer")(Mutable), "Mutable, which is not a frozen dataclass", "@setting"),
    (lambda: train_word("bare", slot="optimizer")(Bare), "Bare, which is not a frozen dataclass", "@setting"),
]


def undo_of(node: Node) -> Node | None:
    """A modifier."""
    return node


@pytest.mark.parametrize(("make", "message", "help"), WRONG)
def test_what_is_wrong_is_refused_where_it_is_defined(make: Callable[[], object], message: str, help: str) -> None:
    with pytest.raises(ArchError, match=message) as caught:
        make()
    assert help in caught.value.help


def test_either_decorator_makes_a_data_word() -> None:
    @data_word("cifar10 plainly(0.2)", slot="plainly")
    @setting
    class Plainly(Augmentation):
        """Does nothing."""

        amounts: ClassVar[tuple[str, ...]] = ("by",)
        by: Positive = 0.3

        def apply(self, images: Any, draw: Any, ops: Any) -> Any:
            return images

    (_, word) = load("net gap linear(10)\ndata cifar10 plainly(0.2)").graph.data
    assert word.value == Plainly(by=0.2)
    assert repr(word.value).endswith("Plainly(where='pipeline', by=0.2)")


def test_every_decorator_takes_a_name() -> None:
    for kind, of, decorate in (
        ("metric", OfWeights, lambda: metric_word("long_name", name="long_name")),
        ("proxy", Proxy, lambda: proxy_word("long_name", name="long_name")),
        ("evaluate", Change, lambda: evaluation_word("long_name", name="long_name")),
        ("train", Penalty, lambda: train_word("long_name", name="long_name", slot="long_name")),
        ("data", Corruption, lambda: data_word("long_name", name="long_name", slot="long_name")),
    ):
        made = _class(of)
        decorate()(made)
        assert find(kind, "long_name").make is made  # type: ignore[union-attr]
        value: Any = made.__new__(made)
        assert getattr(value, "word", getattr(value, "name", "")) == "long_name"


def test_the_slots_of_training_are_its_settings() -> None:
    assert set(TRAIN_SLOTS) == {f.name for f in fields(TrainSettings)} - {"penalties"}


def test_every_trait_is_asked_for() -> None:
    """A trait that nothing reads is a name without effect."""
    files = [*(REPO / "archdsl").rglob("*.py"), *(REPO / "tests" / "words").rglob("*.py")]
    texts = [p.read_text("utf-8") for p in files if p.name != "traits.py" and p.parts[-3:-1] != ("words", "ops")]
    assert [t for t in TRAITS if not any(re.search(rf'["\']{t}["\']', text) for text in texts)] == []


@pytest.mark.parametrize("entry", entries(), ids=lambda e: f"{e.kind}-{e.name}")
def test_defaults_are_within_bounds_and_examples_contain_the_word(entry: Entry) -> None:
    bad = defaults_outside(entry)
    assert not bad, f"`{entry.name}` of {entry.make.__module__}: {bad}"
    without = [e for e in entry.examples if not has_word(entry, e)]
    assert not without, f"`{entry.name}` of {entry.make.__module__} is not in its example {without[0]!r}"


def defaults_outside(entry: Entry) -> str:
    for p in params(entry):
        values = p.default if isinstance(p.default, tuple) else (p.default,)
        outside = [v for v in values if p.range and isinstance(v, int | float) and not p.range.holds(v)]
        if outside:
            return f"the default {outside[0]} of `{p.name}` is not {p.range}"
    return ""


def has_word(entry: Entry, example: str) -> bool:
    return re.search(rf"(?<![a-zA-Z0-9]){re.escape(entry.name)}(?![a-zA-Z0-9])", example) is not None


def test_the_laws_name_what_breaks_them() -> None:
    @op("conv(8) relu")
    def odd1(x: Shape, a: Positive = -1.0) -> Layer:
        """A layer."""
        return layer(x)

    entry = find("net", "odd1")
    assert entry is not None
    with pytest.raises(AssertionError, match=r"`odd1` of .*the default -1.0 of `a` is not"):
        test_defaults_are_within_bounds_and_examples_contain_the_word(entry)
    assert not has_word(entry, "conv(8) relu odd12")
