"""What the code of a word does wrong is an error that names the word, its module and line, and what it should give."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError
from archdsl.ir.layer import Layer
from archdsl.ir.make import o, seq
from archdsl.ir.nodes import Node, arg, with_args
from archdsl.registry import (
    Phase,
    WordFault,
    block,
    carry,
    family,
    find,
    late,
    modifier,
    op,
    params,
)
from archdsl.registry.types import Shape
from tests.registry import faults
from tests.train.laws import no_word_stays

refuse = partial(faults.refuse, __name__)


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    with no_word_stays():
        yield


def spec(text: str) -> Any:
    return load(text, input=(3, 8, 8), classes=10)


LAYERS = {
    "a tuple": (lambda x: x, r"it gives `\(3, 8, 8\)`"),
    "nothing": (lambda x: None, "it gives `None`"),
    "a list as shape": (
        lambda x: Layer(out=list(x), module=lambda nn: nn.Identity()),  # type: ignore[arg-type]
        r"it gives `\[3, 8, 8\]`",
    ),
    "a wrong value": (lambda x: int("x"), "ValueError: invalid literal"),
    "a wrong type": (lambda x: x + 1, "TypeError: can only concatenate"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_is_none(name: str) -> None:
    make, what = LAYERS[name]
    make.__doc__ = "A layer."
    op("odd1", name="odd1")(make)
    refuse("layer `odd1`", what, lambda: spec("odd1"), "`odd1` gives a `Layer` (archdsl.ir.layer)")


def test_a_module_or_call_that_fails() -> None:
    @op("odd2")
    def odd2(x: Shape) -> Layer:
        """A layer."""
        return Layer(out=x, module=lambda nn: nn.Missing1())

    @op("odd3")
    def odd3(x: Shape) -> Layer:
        """A layer."""
        return Layer(out=x, call=lambda torch, value: value + missing1)  # type: ignore[name-defined] # noqa: F821

    refuse("layer `odd2`", "no module class is called `Missing1`", lambda: build(spec("odd2").trace), "")
    refuse("layer `odd3`", "NameError: name 'missing1'", lambda: build(spec("odd3").trace), "")


def test_blocks_families_and_modifiers() -> None:
    made: dict[str, Any] = {}

    @block("odd4")
    def odd4() -> Node:
        """A block."""
        return made["node"]()  # type: ignore[no-any-return]

    @family("odd5[8]")
    def odd5(stages: Any) -> Node:
        """A family."""
        return made["node"]()  # type: ignore[no-any-return]

    @late("add(conv(8) | odd6)")
    def odd6(x: Shape, target: Shape, like: Any) -> Node | None:
        """A block that unfolds when shapes are known."""
        return made["node"]()  # type: ignore[no-any-return]

    @modifier("conv(8) +odd7", phase=Phase.NORM, undo=lambda term: made["node"]())
    def odd7(term: Node) -> Node | None:
        """A modifier."""
        return made["node"]()  # type: ignore[no-any-return]

    texts = {"block `odd4`": "odd4", "family `odd5`": "odd5[8]", "block `odd6`": "add(conv(8) | odd6)"}
    texts |= {"modifier `odd7`": "conv(8) +odd7"}
    for about, text in texts.items():
        for value, what in ((3, "it gives `3`"), ([1], r"it gives `\[1\]`")):
            made["node"] = lambda value=value: value
            refuse(about, what, lambda text=text: spec(text), "gives a node, such as `seq(")
        for node, what in (
            (lambda: o.convv(8), "AttributeError: there is no word `convv`"),
            (lambda: o.conv(8, width=3), "TypeError: `conv` has no argument width"),
            (lambda: seq(o.relu(), 8), "TypeError: seq takes nodes, not 8"),
        ):
            made["node"] = node
            refuse(about, what, lambda text=text: spec(text), "gives a node")
    made["node"] = lambda: 3
    refuse("modifier `odd7`", "it gives `3`", lambda: spec("conv(8) -odd7"), "its undo gives a node")
    made["node"] = lambda: None
    refuse("block `odd4`", "it gives `None`", lambda: spec("odd4"), "`odd4` gives a node")


class Here:
    """A name that annotations do not see."""


def test_annotations() -> None:
    def plain(x, b=1):  # type: ignore[no-untyped-def]
        """A layer."""

    def lists(x: Shape, b: list[float]) -> Layer:
        """A layer."""
        raise AssertionError

    def numbers(x: Shape, b: Literal[1, 2] = 1) -> Layer:
        """A layer."""
        raise AssertionError

    def unknown(x: Shape, b: Chanels = 1) -> Layer:  # type: ignore[name-defined] # noqa: F821
        """A layer."""
        raise AssertionError

    for make, what in (
        (plain, "its parameter `b` has no annotation"),
        (lists, r"its parameter `b` has the annotation list\[float\], which no text can give"),
        (numbers, r"its parameter `b` has the annotation typing.Literal\[1, 2\], which no text can give"),
        (unknown, "name 'Chanels' is not defined"),
    ):
        op("odd8", name=make.__name__ + "8")(make)
        entry = find("net", make.__name__ + "8")
        assert entry is not None
        refuse(f"layer `{entry.name}`", what, lambda entry=entry: params(entry), "archdsl.registry.types")


def test_our_own_words_are_to_be_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = find("net", "relu")
    assert relu is not None
    with pytest.raises(WordFault, match=r"^the layer `relu` of archdsl\.words\.ops\.act fails in line \d+: ") as caught:
        carry(relu, relu.make)
    assert caught.value.help.startswith("repair the word: `relu` gives a `Layer`")
    assert caught.value.exit_code == 1


def test_what_is_no_fault_of_the_word_stays_what_it_is() -> None:
    relu = find("net", "relu")
    assert relu is not None
    for error in (
        EnvError("no data"),
        ArchError("no"),
        MemoryError(),
        RuntimeError("CUDA out of memory"),
        KeyboardInterrupt(),
    ):

        def fails(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            carry(relu, fails)
        assert caught.value is error


def test_a_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from archdsl.cli.main import main

    op("odd20", name="odd20")(LAYERS["nothing"][0])
    assert main(["params", "odd20", "--input", "3x8x8"]) == 4
    said = capsys.readouterr().err
    assert said.startswith(f"error: the layer `odd20` of {__name__} fails in line ")
    assert "bug in archdsl" not in said


def test_an_argument_that_an_op_has_not() -> None:
    conv = o.conv(8)
    for act in (lambda: with_args(conv, group=2), lambda: arg(conv, "group")):
        with pytest.raises(TypeError, match="`conv` has no argument `group`; its arguments are out, k, s, "):
            act()
    assert arg(with_args(conv, groups=2), "groups") == 2
