"""A drawing as lines of text."""

from __future__ import annotations

import pytest

from archdsl import load
from archdsl.draw import diagram
from archdsl.draw.flow import flow, text
from archdsl.report.text import width


def drawn(net: str, columns: int | None = None, ascii: bool = False) -> str:
    return text(flow(diagram(load(net, input="3x16x16", classes=10).trace), columns, ascii))


def test_a_skip_is_a_rail() -> None:
    assert drawn("conv(8) res(conv(8) relu) gap linear(10)") == (
        "○   input             3x16x16\n"
        "●   conv 3×3, 8       8x16x16  224  55.30 k\n"
        "├─╮\n"
        "● │ conv 3×3, 8 relu  8x16x16  584  147.5 k\n"
        "●─╯ add               8x16x16\n"
        "●   gap               8\n"
        "●   linear 10         10        90       80\n"
    )


def test_three_branches() -> None:
    lines = drawn("cat(conv(8) | conv(8,1) | id) gap linear(10)").splitlines()
    assert [line[:6].rstrip() for line in lines] == [
        "○",
        "├─╮",
        "● │   c"[:6].rstrip(),
        "│ ├─╮",
        "│ ● │",
        "●─┴─╯",
        "●",
        "●",
    ]


def test_the_figures_of_a_frame_are_of_all_copies_and_passes() -> None:
    """Two copies of a network that runs three times: 584 parameters each, and 147,456 MACs a pass."""
    assert "1.17 k  884.7 k" in drawn("conv(8) (shared(conv(8) relu, 3))*2 gap linear(10)")
    assert "1.17 k  884.7 k" in drawn("conv(8) (shared(conv(8), 3) relu)*2 gap linear(10)")


def test_a_layer_within_shared_has_the_figures_of_all_its_passes() -> None:
    lines = drawn("conv(8) shared(conv(8, 5) relu (conv(8) relu)*2, 3) gap linear(10)").splitlines()
    (five,) = (line for line in lines if "conv 5×5" in line)
    assert "1.61 k   1.23 M" in five, five  # 8·8·25 + 8 parameters, 3 · 8·8·25·256 MACs


def test_a_line_that_passes_is_not_one_that_ends() -> None:
    net = "conv(8) as a conv(8,5) as b conv(8,1) as c add(id | @a) add(id | @b) add(id | @c) gap linear(10)"
    rails = [line[:8].rstrip() for line in drawn(net).splitlines()]
    assert "●─│─╯" in " ".join(rails) or "●─╯" in " ".join(rails)
    assert rails[-1].startswith("●")
    assert len([r for r in rails if "╮" in r]) == 3, "each value that is wanted later moves aside once"


def test_plain_letters() -> None:
    out = drawn("conv(8) res(conv(8) relu)*2 gap linear(10)", ascii=True)
    assert out.isascii()
    assert "|   block x2                     1.17 k  294.9 k\n|-.\n* |   conv 3x3, 8 relu" in out
    assert "*-'   add" in out


@pytest.mark.parametrize("columns", [1, 5, 12, 20, 30, 45, 60, 80, 200])
def test_no_line_is_wider_than_it_may_be(columns: int) -> None:
    net = "stem: conv(8) cat(conv(8,1) | conv(8) relu conv(8) | res(conv(3))) (conv(8) relu)*3 gap linear(10)"
    assert all(width(line) <= columns for line in drawn(net, columns).splitlines())


def test_figures_go_before_words() -> None:
    wide, narrow = drawn("conv(8) gap linear(10)", 80), drawn("conv(8) gap linear(10)", 34)
    assert "55.30 k" in wide
    assert "55.30 k" not in narrow
    assert "conv 3×3, 8" in narrow


def test_panels_follow() -> None:
    made = diagram(load("specs/imagenet/resnet50.arch").trace, "resnet50")
    lines = text(flow(made)).splitlines()
    assert "●   block2 ×3 [B]           512x28x28   840.2 k  655.1 M" in lines
    assert "[C] block  bottleneck.stage2.block1, the first of 3; their widths differ" in lines
