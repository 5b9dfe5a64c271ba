"""A trace as the tree of its modules, and equal neighbours told once."""

from __future__ import annotations

import pytest

from archdsl import load
from archdsl.ir.cost import cost
from archdsl.ir.fold import Fold, fold
from archdsl.ir.outline import Leaf, Outline, Part, leaves, outline


def outlined(text: str) -> Outline:
    return outline(load(text, input=(3, 16, 16), classes=10).trace)


def shown(part: Part) -> list[object]:
    """A part as nested lists: names of modules with their repetitions, and numbers of values."""
    head = f"{part.name}×{part.times}" if part.times > 1 else part.name
    return [head, *(i.value if isinstance(i, Leaf) else shown(i) for i in part.items)]


def test_modules_that_say_nothing_are_left_out() -> None:
    one = outlined("conv(8) vgg[8x1,16x1] res(conv(16) relu) gap linear(10)")
    assert shown(one.root) == ["", 0, ["stage1", 1, 2, 3], ["stage2", 4, 5, 6], 7, 8, 9, 10, 11], "fans stand open"
    assert [v.inputs for v in one.values][9] == (8, 6), "the join reads what was computed and what skips it"
    assert one.readers[6] == (7, 9)
    assert one.readers[one.output] == (len(one.values),)


def test_a_labelled_fan_keeps_its_module() -> None:
    assert shown(outlined("conv(8) both: cat(conv(8) | conv(8, 1)) gap linear(10)").root) == [
        "",
        0,
        ["both", 1, 2, 3],
        4,
        5,
    ]


def test_a_network_in_an_argument_is_a_module() -> None:
    one = outlined("conv(8) ode(conv(8) relu conv(8)) gap linear(10)")
    part = one.root.items[1]
    assert isinstance(part, Part)
    assert part.wrapper is not None
    assert part.wrapper.op.name == "ode"
    assert one.values[4].inputs == (3,), "what follows reads what leaves the inside"
    assert len(list(leaves(one.root))) == len(one.values) == 6


@pytest.mark.parametrize(
    ("net", "folds"),
    [
        ("conv(8) (conv(8) relu)*3 gap linear(10)", [Fold(1, 2, 3)]),
        ("conv(8) relu conv(8) relu conv(8) gap linear(10)", [Fold(0, 2, 2)]),
        ("conv(8) relu conv(16) relu gap linear(10)", []),  # another width
        ("conv(8) cat(conv(8) | conv(8)) gap linear(10)", []),  # side by side, not in a row
        ("conv(8) (cat(id | conv(4)))*3 gap linear(10)", [Fold(1, 2, 3)]),  # growing
        (
            "conv(8) conv(8) as a conv(8) as b conv(8) cat(@a | @b | id) gap linear(10)",
            [Fold(0, 1, 2)],
        ),  # others are read
        ("conv(8) a: conv(8) conv(8) gap linear(10)", []),  # a label is not a repetition
        ("conv(8) (conv(8) drop(0.1)) (conv(8) drop(0.2)) gap linear(10)", [Fold(1, 2, 2)]),  # rates may differ
        ("conv(8) relu (conv(8) drop(0.1, late)) (conv(8) drop(0.2)) gap linear(10)", []),  # phases may not
        ("conv(8) relu (conv(8) dropblock(0.1, 3)) (conv(8) dropblock(0.1, 5)) gap linear(10)", []),
        ("conv(8) shared(conv(8), 2) shared(conv(8), 2) gap linear(10)", [Fold(1, 1, 2)]),
        ("conv(8) relu shared(conv(8) tanh, 2) shared(conv(8) tanh, 2) gap linear(10)", [Fold(2, 2, 2)]),
        ("conv(8) relu shared(conv(8) tanh, 2) shared(conv(8) tanh, 5) gap linear(10)", []),  # other passes
        ("conv(8) relu ode(conv(8) tanh) ode(conv(8) tanh, solver=rk4, steps=2) gap linear(10)", []),
    ],
)
def test_what_is_folded(net: str, folds: list[Fold]) -> None:
    assert list(fold(outlined(net)).folds) == folds


@pytest.mark.parametrize(
    "net",
    [
        "conv(8) shared(conv(8) relu, 3) gap linear(10)",
        "conv(8) (conv(8) relu shared(conv(8) relu shared(conv(8, 1), 2), 3))*2 gap linear(10)",
        "conv(8) ode(conv(8) tanh conv(8)) gap linear(10)",
        "conv(8) relu dropconnect(conv(8), 0.3) gap linear(10)",
    ],
)
def test_the_figures_of_a_part_are_those_of_all_its_passes(net: str) -> None:
    trace = load(net, input=(3, 16, 16), classes=10).trace
    one, total = outline(trace), cost(trace)
    assert one.macs(0, len(one.values)) == total.macs
    assert one.params(0, len(one.values)) == total.params


def test_cells_that_read_the_two_before_them() -> None:
    net = (
        "conv(8) as old conv(8) (as now add(conv(8) | @old conv(8, 1)) as new @now as old @new)*4 "
        "cat(id | @old) gap linear(10)"
    )
    folded = fold(outlined(net))
    (only,) = folded.folds
    assert only == Fold(2, 3, 4)
    part = next(i for i in folded.root.items if isinstance(i, Part))
    assert (part.times, part.reach) == (4, 2)
    assert folded.shown[13] == 4, "what leaves the last copy is shown by the first"
    assert folded.apart(10, 14) == only, "one reader takes the value of the third of four"
    assert folded.apart(13, 14) is None


def test_repetitions_inside_repetitions() -> None:
    folded = fold(outlined("conv(8) ((conv(8) relu)*2 maxpool(1))*2 gap linear(10)"))
    assert [f.times for f in folded.folds] == [2, 2]
    assert folded.shown[1:11] == (1, 2, 1, 2, 5, 1, 2, 1, 2, 5)
