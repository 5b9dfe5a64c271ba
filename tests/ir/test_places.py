"""Ranges of layers between labels, and depths."""

from __future__ import annotations

import pytest

from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.places import depths, layers_of
from archdsl.ir.trace import Trace
from archdsl.registry.layer_range import LayerRange
from archdsl.syntax.parse import parse


def traced(net: str) -> Trace:
    return complete(expand(parse(f"net {net}")), (3, 32, 32), 10).trace


RES = "stem: (conv(8) bn relu) resnet[8x2, 16x2] gap head: linear(classes)"


def paths(first: str, last: str = "", net: str = RES) -> tuple[str, ...]:
    return layers_of(traced(net), LayerRange(first, last or first))


def test_a_stretch_goes_from_label_to_label() -> None:
    found = paths("stem", "stage1")
    assert found[:3] == ("stem.conv", "stem.bn", "stem.relu")
    assert all(p.startswith(("stem.", "resnet.stage1.")) for p in found)
    assert len(found) == 3 + 2 * 7
    assert paths("stem") == ("stem.conv", "stem.bn", "stem.relu")
    assert paths("stage2", "head")[-2:] == ("gap", "head")
    assert paths("stem", "head") == tuple(r.path for r in traced(RES).flat())


def test_the_outermost_of_a_name_is_meant() -> None:
    assert paths("conv", net="conv(8) resnet[8x1]") == ("conv",)
    assert paths("resnet.stage2.block1")[0] == "resnet.stage2.block1.res.conv"


@pytest.mark.parametrize(
    ("first", "last", "message", "help"),
    [
        ("stm", "stm", "no part `stm`", "stem"),
        ("stem", "stage3", "no part `stage3`", "stage"),
        ("zebra", "zebra", "no part `zebra`", "its parts are stem, resnet, gap, head"),
        ("block1", "block1", "may be 2 modules", "resnet.stage1.block1"),
        ("stage2", "stem", "`stem` comes before `stage2`", "stem..stage2"),
    ],
)
def test_names_that_mean_nothing(first: str, last: str, message: str, help: str) -> None:
    with pytest.raises(SpecError, match="A223") as caught:
        paths(first, last)
    (found,) = caught.value.diagnostics
    assert message in found.message
    assert help in found.help


def test_depths_are_counted_by_blocks() -> None:
    """Bao et al. 2022, as in BEiT: the stem has depth 0, block i depth i, the head L + 1."""
    found, head = depths(traced(RES))
    assert head == 5
    assert {found[p] for p in ("stem.conv", "stem.bn")} == {0}
    assert [found[f"resnet.stage{s}.block{b}.res.conv"] for s in (1, 2) for b in (1, 2)] == [1, 2, 3, 4]
    assert found["head"] == head
    assert found["resnet.stage2.block1.res.shortcut.conv"] == 3


def test_what_stands_between_two_blocks_belongs_to_the_second() -> None:
    found, head = depths(traced("patch(4, 8) ln convnext[8x2, 16x1] gap ln linear(10)"))
    assert head == 4
    between = [p for p in found if "stage2" in p and "block" not in p]
    assert between
    assert {found[p] for p in between} == {3}
    assert (found["patch"], found["ln"], found["linear"]) == (0, 0, 4)


def test_without_blocks_every_layer_with_weights_is_one() -> None:
    found, head = depths(traced("conv(8) bn relu conv(8) bn relu conv(8) bn relu gap linear(10)"))
    assert head == 3
    assert [found[p] for p in ("conv", "bn", "conv2", "bn2", "conv3", "relu3", "linear")] == [0, 0, 1, 1, 2, 2, 3]
    assert depths(traced("gap linear(10)"))[1] == 1


def test_layers_inside_of_a_layer_have_its_depth() -> None:
    found, _ = depths(traced("conv(8) relu ode(conv(8) relu conv(8)) conv(8) gap linear(10)"))
    inner = [p for p in found if p.startswith("ode.")]
    assert inner
    assert {found[p] for p in inner} == {found["ode"]}
