"""Families of published networks: their counts, and what their arguments mean."""

from __future__ import annotations

from archdsl.expand import complete, expand
from archdsl.ir.cost import cost
from archdsl.ir.trace import Trace
from archdsl.syntax.parse import parse


def trace_of(text: str, input: tuple[int, ...] = (3, 32, 32)) -> Trace:
    return complete(expand(parse(text)), input, 10).trace


def ops(trace: Trace) -> list[tuple[str, tuple[object, ...], tuple[int, ...]]]:
    return [(r.op.name, r.op.args, r.inputs) for r in trace.rows]


def names(text: str) -> list[str]:
    return [r.op.name for r in trace_of(text).rows]


def test_lenet_5_has_its_61_706_parameters() -> None:
    net = "lenet[6, 16] flatten linear(120) tanh linear(84) tanh linear(10)"
    assert cost(trace_of(net, (1, 32, 32))).params == 61_706


def test_compound_scaling_is_the_same_net_written_out() -> None:
    scaled = "conv(32) bn silu efficientnet[16(t=1), 24x2(s=2), 40x2(k=5, s=2)](width=1.1, depth=1.2)"
    written = "conv(32) bn silu efficientnet[16x2(t=1), 24x3(s=2), 48x3(k=5, s=2)]"
    assert ops(trace_of(scaled)) == ops(trace_of(written))  # 26.4 rounds to 24, 44 to 48; depths go up


def test_a_stage_may_scale_by_itself() -> None:
    text = "conv(16) efficientnet[16, 24x2(width=2, depth=1.5)]"
    assert ops(trace_of(text)) == ops(trace_of("conv(16) efficientnet[16, 48x3]"))


def test_an_inverted_residual_has_a_skip_where_the_shape_stays() -> None:
    assert names("conv(16) mobilenetv2[16(t=2)]").count("add") == 1
    assert names("conv(8) mobilenetv2[16(t=2)]").count("add") == 0
    assert names("conv(16) mobilenetv2[16(t=2, s=2)]").count("add") == 0
    assert names("conv(8) mobilenetv2[16x3(t=2, s=2)]").count("add") == 2


def test_the_first_block_knows_what_arrives() -> None:
    ours = trace_of("conv(24) mobilenetv2[16x2(t=3)]")
    assert [r.layer.out[0] for r in ours.rows if r.op.name == "dwconv"] == [72, 48]
    gated = trace_of("conv(24) efficientnet[16x2]")
    assert [r.layer.out[0] for r in gated.rows if r.path.endswith("se.mul.conv")] == [6, 4]  # a quarter of what arrives


def test_without_exp_there_is_no_convolution_before() -> None:
    assert names("conv(16) mobilenetv3[16]").count("conv") == 2
    assert names("conv(16) mobilenetv3[16(exp=32)]").count("conv") == 3


def test_a_skip_that_is_not_sure_takes_no_noise() -> None:
    assert names("conv(8) mobilenetv2[16x3(t=2)] +droppath(0.2)").count("droppath") == 2
    assert names("conv(16) mobilenetv2[16x3(t=2)] +droppath(0.2)").count("droppath") == 2


def test_a_branch_that_is_none_leaves_the_other() -> None:
    assert names("conv(8) add(conv(16) | shortcut(same)) gap linear(10)") == ["conv", "conv", "gap", "linear"]
    assert names("conv(8) add(conv(8) | shortcut(same)) gap linear(10)") == ["conv", "conv", "add", "gap", "linear"]
    assert names("conv(8) add(conv(16) | conv(16) | shortcut(same)) gap linear(10)").count("add") == 1


def test_an_inception_module_has_the_width_of_its_branches() -> None:
    trace = trace_of("conv(64) inception(64, 96, 128, 16, 32, 32)")
    assert [r.layer.out for r in trace.rows if r.op.name == "cat"] == [(256, 32, 32)]
