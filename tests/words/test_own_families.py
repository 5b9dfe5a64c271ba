"""A let with a stage list is a family: its blocks, strides and arguments, and what is refused."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.errors import SpecError
from archdsl.expand.sweep import sweep
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse

BASIC = "let mine(c, s=1, k=3) = res(conv(c, k, s=s) bn relu conv(c, k) bn) relu\nnet "
PLAIN = "let mine(c, k=3, s=1) = conv(c, k, s=s) bn relu conv(c, k) bn relu\nnet "
NEXT = (
    "let mine(c, down=(ln conv(c, 2, s=2, p=0, bias=true))) = "
    "res(dwconv(7, bias=true) ln linear(4*c, true, true) gelu linear(c, true, true) scale(1e-6))\n"
    "net patch(4, 8) ln "
)
NARROW = "let mine(w, s=1, t=4) = res(conv(w, 1) bn relu conv(w, s=s) bn relu conv(t*w, 1) bn) relu\nnet "


def digest(text: str, input: tuple[int, ...] = (3, 32, 32)) -> str:
    return load(text, input=input, classes=10).hash


@pytest.mark.parametrize(
    ("own", "shipped"),
    [
        (BASIC + "conv(16) mine[16x2, 32x2, 64]", "conv(16) resnet[16x2, 32x2, 64]"),
        (BASIC + "conv(16) mine[16x2(s=2, k=5), 32x3(s=1)](k=1)", "conv(16) resnet[16x2(s=2, k=5), 32x3(s=1)](k=1)"),
        (BASIC + "conv(16) mine[16x2^3]", "conv(16) resnet[16x2^3]"),
        (BASIC + "conv(16) mine[16*2](1, 5)", "conv(16) resnet[16*2](5, 1)"),
        (BASIC + "conv(16) mine[16x2, 32x2] +act(gelu)", "conv(16) resnet[16x2, 32x2] +act(gelu)"),
        (BASIC + "conv(16) mine[16x2, 32x2] +gn(4)", "conv(16) resnet[16x2, 32x2] +gn(4)"),
        (BASIC + "conv(16) mine[16x2, 32x2] +drop(0.2)", "conv(16) resnet[16x2, 32x2] +drop(0.2)"),
        (
            BASIC + "conv(16) mine[16x2, 32x2] +droppath(0.2) +se(4)",
            "conv(16) resnet[16x2, 32x2] +droppath(0.2) +se(4)",
        ),
        (BASIC + "conv(16) mine[16x2, 32x2] -res", "conv(16) resnet[16x2, 32x2] -res"),
        (BASIC + "conv(16) mine[16x2, 32x2] +zeroinit +ws", "conv(16) resnet[16x2, 32x2] +zeroinit +ws"),
        (BASIC + "conv(16) stem: mine[16, 32]", "conv(16) stem: resnet[16, 32]"),
        (PLAIN + "conv(16) mine[16x2, 32x2]", "conv(16) plain[16x2, 32x2]"),
        (PLAIN + "conv(16) mine[16x2, 32x2] +res +bn", "conv(16) plain[16x2, 32x2] +res +bn"),
        (PLAIN + "conv(16) mine[16x2, 32x2] +res +pre", "conv(16) plain[16x2, 32x2] +res +pre"),
        (PLAIN + "conv(16) mine[16x2, 32x2] +bottleneck +dw", "conv(16) plain[16x2, 32x2] +bottleneck +dw"),
        (
            "let mine(c, down=maxpool(2)) = conv(c) relu\nnet mine[16x2, 32x3] maxpool(2)",
            "vgg[16x2, 32x3]",
        ),
        (
            NEXT + "mine[8x2, 16x3] +droppath(0.1) gap ln linear(10)",
            "patch(4, 8) ln convnext[8x2, 16x3] +droppath(0.1) gap ln linear(10)",
        ),
        (NARROW + "conv(16) mine[16x2, 32x2]", "conv(16) bottleneck[16x2, 32x2]"),
    ],
)
def test_a_shipped_family_written_by_hand(own: str, shipped: str) -> None:
    assert digest(own) == digest(shipped)


def test_what_arrives_at_a_block_and_at_down() -> None:
    text = "let mine(c, down=conv(cin+1, 1)) = conv(c) dwconv(3) conv(cin + c, 1)\nnet conv(4) mine[4x2, 8]"
    outs = [r.layer.out[0] for r in load(text, input=(3, 8, 8), classes=10).trace.rows if r.op.name == "conv"]
    assert outs == [4, 4, 8, 4, 12, 13, 8, 21]  # stem, two blocks, `down`, a block


def test_down_of_one_stage_and_of_the_call() -> None:
    text = "let mine(c, s=1, down=maxpool(s)) = conv(c)\nnet mine[8, 16, 32(s=1), 64(down=id)](down=avgpool(s))"
    with pytest.raises(SpecError) as error:
        load(text, input=(3, 32, 32), classes=10)
    assert error.value.diagnostics[0].code in ("A201", "A208")  # `s` is a name of the let alone
    text = "let mine(c, s=1, down=maxpool(s)) = conv(c)\nnet mine[8, 16, 32(s=3), 64(down=id)]"
    rows = load(text, input=(3, 32, 32), classes=10).trace.rows
    names = [f"{r.op.name}{r.layer.out[1]}" for r in rows if len(r.layer.out) == 3]
    assert names == ["conv32", "maxpool16", "conv16", "maxpool5", "conv5", "conv5"]


def test_names_of_modules_and_of_values() -> None:
    text = "let mine(c, s=1) = conv(c, s=s) as x relu add(id | @x)\nnet mine[8x2, 16]"
    rows = load(text, input=(3, 8, 8), classes=10).trace.rows
    assert rows[0].path == "mine.stage1.block1.conv"
    assert [r.inputs for r in rows if r.op.name == "add"] == [(1, 0), (4, 3), (7, 6)]


def test_a_let_may_use_a_family_of_its_own_and_networks_as_arguments() -> None:
    text = (
        "let unit(c, act=relu, s=1) = conv(c, s=s) act\nlet two(c, n=2) = unit[c*n](act=gelu)\nnet two(8) two(16, n=1)"
    )
    names = [r.op.name for r in load(text, input=(3, 8, 8), classes=10).trace.rows]
    assert names[:6] == ["conv", "gelu", "conv", "gelu", "conv", "gelu"]


def test_spaces_are_counted_as_written_out() -> None:
    file = parse(BASIC + "conv(8) mine[8x{1..3}, {8, 16}x2(k={1, 3})] {+bn | +gn(4)}\ninput 3x16x16\nclasses 10\n")
    fast, plain = (list(sweep(file, plain=way)) for way in (False, True))
    assert len(fast) == 24
    assert [(c.choice, c.cost) for c in fast] == [(c.choice, c.cost) for c in plain]


def test_the_layout_is_kept() -> None:
    text = BASIC + "conv(16) mine[16x2, 32x2(k=5)](k=3) +bn\n"
    assert format(text.replace(", ", ",  ")) == text


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("let mine = conv(8)\nnet mine[8]", "A215", "mine[8]"),
        (BASIC + "mine[8x2(z=3)]", "A204", "z=3"),
        (BASIC + "mine[8](z=3)", "A204", "z=3"),
        (BASIC + "mine[8](c=3)", "A205", "c=3"),
        (BASIC + "mine[8x2(c=3)]", "A205", "c=3"),
        (BASIC + "mine[8](1, 3, 5)", "A207", "5"),
        (BASIC + "mine[8x2 16x2]", "A217", "16x2"),
        (BASIC + "mine[8.5x2]", "A208", "8.5"),
        (BASIC + "mine[8x9000]", "A403", "9000"),
        (BASIC + "mine[8x1000*11]", "A404", "mine[8x1000*11]"),
        (BASIC + "mine[8x2(k=relu)]", "A208", "k"),
        ("let mine(c, d) = conv(c)\nnet mine[8]", "A206", "mine[8]"),
        ("let mine(c) = conv(c) reluu\nnet mine[8, 16]", "A201", "reluu"),
        ("let mine(c) = mine[c]\nnet mine[8]", "A213", "mine[c]"),
        ("let mine(c) = c[8]\nnet mine(id)", "A207", "c[8]"),
    ],
)
def test_refusals_have_their_place(text: str, code: str, place: str) -> None:
    with pytest.raises(SpecError) as error:
        load(text, input=(3, 32, 32), classes=10)
    found = error.value.diagnostics[0]
    assert (found.code, found.span and found.span.text) == (code, place)
