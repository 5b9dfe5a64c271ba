"""A word of every kind of the net, made while the program runs: the laws hold for it, and nothing of ours has its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from archdsl.api import load
from archdsl.cli.commands.words import describe
from archdsl.draw.kinds import kind
from archdsl.emit.build import build
from archdsl.errors import ArchError, SpecError
from archdsl.ir.layer import Layer
from archdsl.ir.make import Stage, fan, o, seq
from archdsl.ir.nodes import Node, Op
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, Phase, block, entries, family, find, join, late, modifier, op
from archdsl.registry.types import Channels, Positive, Rate, Shape
from archdsl.syntax.format import format
from archdsl.train.fused.model import fuse
from archdsl.words.modifiers.walk import each_body, flat, without
from tests.expand.test_sweep import agree, parse
from tests.expand.test_sweep import test_local_words_change_each_stage_by_itself as stages_are_local
from tests.train.laws import laws_here, no_word_stays
from tests.words import test_modifiers


@pytest.fixture(autouse=True)
def new_words() -> Iterator[None]:
    with no_word_stays():
        _define()
        yield


def _define() -> None:
    @op("conv(8) celu", "conv(8) celu(0.5)", paper="Barron 2017, arXiv:1704.07483", traits="act")
    def celu(x: Shape, alpha: Positive = 1.0) -> Layer:
        """max(0, x) + min(0, alpha·(exp(x/alpha) − 1))."""
        return Layer(out=x, module=lambda nn: nn.CELU(alpha))

    @op("conv(8) mixer relu", traits="weighted")
    def mixer(x: Shape) -> Layer:
        """A convolution of 1x1 to as many channels."""
        c, h, w = x
        return Layer(
            out=x,
            weights={"weight": (c, c, 1, 1)},
            macs=c * c * h * w,
            module=lambda nn: nn.Conv2d(c, c, 1, bias=False),
        )

    @join("conv(8) mean(conv(8) | id)")
    def mean(xs: tuple[Shape, ...]) -> Layer:
        """The mean of branches of equal shape."""
        return Layer(out=xs[0], call=lambda torch, *values: torch.stack(values).mean(0))

    @block("conv(8) squeezed(4, 8) gap linear(10)")
    def squeezed(narrow: Channels, wide: Channels) -> Node:
        """Few channels, then many, beside what arrives."""
        return fan("mean", seq(o.conv(narrow, 1), o.celu(), o.conv(wide)), o.fitted())

    @late("conv(8) add(conv(16) | fitted)")
    def fitted(x: Shape, target: Shape, like: Op | None) -> Node | None:
        """Nothing where shapes agree, else a convolution of 1x1."""
        return seq() if x == target else seq(o.conv(target[0], 1), like)

    @family("conv(8) ladder[8x2, 16x1] gap linear(10)", local=True)
    def ladder(stages: tuple[Stage, ...]) -> Node:
        """Stages of convolutions, each with an activation."""

        def make(stage: Stage, stride: int) -> Node:
            rungs = [
                seq(o.conv(stage.width, s=stride if n == 0 else 1), o.celu(), role="body", name="block")
                for n in range(stage.depth)
            ]
            return seq(*rungs, role="stage", name="stage")

        return seq(*(make(stage, 1 + (n > 0)) for n, stage in enumerate(stages)))

    @modifier(
        "vgg[32x2] +spatial(0.2)",
        phase=Phase.DROPOUT,
        undo=lambda term: without(term, "spatial"),
        keeps_params=True,
        local=True,
    )
    def spatial(term: Node, p: Rate = 0.5) -> Node | None:
        """Dropout of whole channels at the end of each block."""
        return each_body(term, lambda body: seq(*flat(body), o.spatial(p), role=body.role, name=body.name))


NET = ("celu", "mixer", "mean", "squeezed", "fitted", "ladder")


def entry_of(name: str, space: str = "net") -> Entry:
    entry = find(space, name)
    assert entry is not None
    return entry


@pytest.mark.parametrize("name", NET)
def test_the_laws_of_our_own(name: str) -> None:
    entry = entry_of(name)
    assert len(laws_of(entry)) >= 5
    for example in entry.examples:
        assert (
            load(format(example), input=(3, 32, 32), classes=10).hash
            == load(example, input=(3, 32, 32), classes=10).hash
        )
        for law in laws_here(entry):
            law.check(example)


def test_a_new_modifier_obeys_the_laws_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_modifiers, "MODIFIERS", {e.name: e for e in entries("modifier")})
    test_modifiers.test_a_modifier_says_whether_parameters_stay("spatial")
    test_modifiers.test_minus_takes_a_modifier_back("spatial")
    for other in sorted({*test_modifiers.MODIFIERS} - {"spatial"}):
        test_modifiers.test_modifiers_commute("spatial", other)
    stages_are_local(entry_of("ladder"))  # the new modifier is among those that it tries
    stages_are_local(entry_of("vgg"))
    agree(parse("ladder[{8,16}x{1..2}, 16] {+spatial(0.1) | +act(celu) | }"))


def test_a_new_activation_is_one_everywhere() -> None:
    for text in ("vgg[8x1] +act(celu)", "mobilenetv2[16x1](act=celu) se(4, act=celu)", "conv(8) celu +act(relu)"):
        spec = load(text, input=(3, 32, 32), classes=10)
        assert spec.hash == load(format(text), input=(3, 32, 32), classes=10).hash
    rows = load("vgg[8x2] +act(celu)", input=(3, 32, 32), classes=10).trace.rows
    assert [kind(r.op) for r in rows if r.op.name == "celu"] == ["act", "act"]
    assert not [r for r in rows if r.op.name == "relu"]
    with pytest.raises(SpecError, match="did you mean"):
        load("conv(8) cellu")


def test_a_new_layer_without_traits_gets_no_fast_path() -> None:
    """An activation behind it does not overwrite its result, and seeds that are fused ask it once each."""
    spec = load("conv(8) mixer relu conv(8) relu gap linear(10)", input=(3, 8, 8), classes=10)
    acts = [m for m in build(spec.trace).modules() if isinstance(m, torch.nn.ReLU)]
    assert [m.inplace for m in acts] == [False, True]
    celu = load("conv(8) celu gap linear(10)", input=(3, 8, 8), classes=10)
    assert fuse(celu.trace, 2, torch.device("cpu")).own == 1


def test_a_layer_that_is_not_carried_out_is_refused() -> None:
    @op("conv(8) halved")
    def halved(x: Shape) -> Layer:
        """Half of the channels; its author forgot the module."""
        return Layer(out=(x[0] // 2, *x[1:]))

    @join("conv(8) first(id | relu)")
    def first(xs: tuple[Shape, ...]) -> Layer:
        """The first branch; its author forgot the call."""
        return Layer(out=xs[0])

    for text in ("conv(8) halved", "conv(8) first(id | relu)"):
        with pytest.raises(ArchError, match=r"nothing says how `(halved|first)` of tests"):
            load(text, input=(3, 8, 8))


@pytest.mark.parametrize("name", [*NET, "spatial"])
def test_pages_have_them(name: str) -> None:
    assert entry_of(name, "modifier" if name == "spatial" else "net").help.split("\n")[0] in describe(name)
