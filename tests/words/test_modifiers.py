"""Modifiers: each equals the net written out, commutes with every other, and can be taken back."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.cost import cost
from archdsl.ir.trace import Trace
from archdsl.registry import Entry, entries, params
from archdsl.syntax.parse import parse

MODIFIERS = {e.name: e for e in entries("modifier")}


def traced(text: str) -> Trace:
    return complete(expand(parse(text)), (3, 32, 32), 10).trace


def lines(text: str) -> list[tuple[object, ...]]:
    """The network as rows without names: what it computes, whatever it is called."""
    rows = traced(text).rows
    return [(r.op.name, tuple(a for a in r.op.args if not hasattr(a, "items")), r.layer.out, r.inputs) for r in rows]


SAME = [
    ("vgg[8x2] +bn", "(conv(8) bn relu)*2 maxpool"),
    ("vgg[8x2] +gn(4)", "(conv(8) gn(4) relu)*2 maxpool"),
    ("vgg[8,8] +res", "res(conv(8)) relu maxpool add(conv(8) | id) relu maxpool"),
    ("vgg[8x2] +res +bn", "add(conv(8) bn relu conv(8) bn | conv(8, 1) bn) relu maxpool"),
    (
        "flatten (linear(8) bn relu linear(8) bn relu)*2 +res linear(10)",
        (
            "flatten add(linear(8) bn relu linear(8) bn | linear(8) bn) relu "
            "add(linear(8) bn relu linear(8) bn | id) relu linear(10)"
        ),
    ),
    ("plain[8x2] +res", "resnet[8x2]"),
    ("plain[8x1,16x1] +res", "resnet[8x1,16x1]"),
    ("resnet[8x2,16x2] -res", "plain[8x2,16x2]"),
    ("resnet[8x2] -bn +gn(4)", "resnet[8x2] +gn(4)"),
    ("plain[8x2,16x2] +bottleneck +res", "bottleneck[8x2,16x2]"),
    ("bottleneck[16x1] +groups(4)", "bottleneck[16x1](groups=4, base=16)"),
    ("resnet[8x2] +pre", "preresnet[8x2] bn relu"),
    ("(resnet[8x2] +pre) -pre", "resnet[8x2]"),
    ("vgg[8x2] +pre +bn", "(bn relu conv(8))*2 maxpool bn relu"),
    ("vgg[8] +act(gelu)", "conv(8) gelu maxpool"),
    ("vgg[8] +dw", "dwconv(bias=false) conv(8,1) relu maxpool"),
    ("vgg[8] +ws", "conv(8, ws=standard) relu maxpool"),
    ("vgg[8] +wn", "conv(8, ws=norm) relu maxpool"),
    ("vgg[8] +wn +bn", "conv(8, ws=norm) bn relu maxpool"),
    ("(conv(8, ws=norm) relu) -wn", "conv(8) relu"),
    ("(vgg[8] +ws) -ws", "vgg[8]"),
    ("plain[16x1] +res +wn", "res(conv(16, ws=norm) bn relu conv(16, ws=norm) bn, skip=shortcut(ws=norm)) relu"),
    ("vgg[8] +se(4)", "conv(8) relu se(4) maxpool"),
    ("vgg[8x2] +drop(0.2, late)", "conv(8) relu drop(0.2, late) conv(8) relu maxpool"),
    (
        "resnet[8x2] +droppath(0.2)",
        (
            "add(conv(8) bn relu conv(8) bn droppath(0.1) | conv(8,1) bn) relu"
            " add(conv(8) bn relu conv(8) bn droppath(0.2) | id) relu"
        ),
    ),
    ("resnet[8] +zeroinit", "add(conv(8) bn relu conv(8) bn(zero) | conv(8,1) bn) relu"),
    ("(conv(8) relu conv(8) relu)*2 +res", "(res(conv(8) relu conv(8)) relu)*2"),
    ("conv(8) relu +act(elu)", "conv(8) elu"),
    ("conv(4) (vgg[4,8] +res) -bias", "conv(4) (vgg[4,8](bias=false) +res(shortcut(bias=false)))"),
    ("conv(4) vgg[4,8] +res -bias", "conv(4) (vgg[4,8](bias=false) +res(shortcut(bias=false)))"),
    ("vgg[8x2] -bias +dw", "(dwconv(bias=false) conv(8, 1, bias=false) relu)*2 maxpool"),
    (
        "conv(8) resnet[8x1,16x1] +bias",
        (
            "conv(8) add(conv(8, bias=true) bn relu conv(8, bias=true) bn | id) relu "
            "add(conv(16, s=2, bias=true) bn relu conv(16, bias=true) bn | conv(16, 1, s=2, bias=true) bn) relu"
        ),
    ),
    ("conv(16) (resnet[16x2,32x2] +bottleneck)", "conv(16) bottleneck[16x2,32x2]"),
    (
        "conv(16) preresnet[8x1] +bottleneck bn relu",
        (
            "conv(16) add(bn relu conv(8, 1) bn relu conv(8) bn relu conv(32, 1, bias=false) | shortcut(bias=false))"
            " bn relu"
        ),
    ),
    ("(conv(8) relu conv(8)) +bottleneck", "conv(8, 1) relu conv(8) relu conv(32, 1)"),
    ("(conv(8) relu bn conv(8) relu bn) +bottleneck", "conv(8, 1) relu bn conv(8) relu bn conv(32, 1) relu bn"),
    ("(conv(8, 1) relu drop conv(8) relu conv(32, 1)) -bottleneck", "drop conv(8) relu conv(8)"),
    ("conv(4) (preresnet[4x1] -bn)", "conv(4) add(relu conv(4) relu conv(4) | id)"),
    ("conv(4) preresnet[8x1] +gn(4)", "conv(4) add(gn(4) relu conv(8) gn(4) relu conv(8) | shortcut)"),
    ("(conv(8) relu conv(8) relu)*2 +res +pre", "(add(relu conv(8) relu conv(8) | shortcut))*2 relu"),
    ("cat(conv(8, 1) | conv(8, 3)) +bn", "cat(conv(8, 1) bn | conv(8, 3) bn)"),
    ("cat(conv(8, 1) | conv(4) | conv(2, 5)) +gn(2)", "cat(conv(8, 1) gn(2) | conv(4) gn(2) | conv(2, 5) gn(2))"),
    ("(conv(3) relu add(conv(3) | id) relu) +ln", "conv(3) ln relu add(conv(3) ln | id) relu"),
    (
        "(dropconnect(conv(8), 0.3) relu dropconnect(conv(16), 0.3) relu) +bn",
        "dropconnect(conv(8) bn, 0.3) relu dropconnect(conv(16) bn, 0.3) relu",
    ),
]


@pytest.mark.parametrize(("short", "written"), SAME)
def test_a_modifier_is_the_net_written_out(short: str, written: str) -> None:
    assert lines(short) == lines(written)


# A term in which every modifier has a place.
TERM = "conv(16) (resnet[16x2,32x2])"


def parts(entry: Entry, example: str) -> tuple[str, str]:
    """The term of an example before the modifier, and the modifier with its arguments."""
    found = re.search(rf" (\+{entry.name}(?:\([^()]*\))?)(?![\w(])", example)
    assert found is not None, f"`+{entry.name}` of {entry.make.__module__} is not in its example {example!r}"
    return example[: found.start()], found[1]


def written(entry: Entry) -> str:
    """The modifier with the arguments of its first example."""
    return parts(entry, entry.examples[0])[1]


def outcome(text: str) -> object:
    """The network, or the codes of what is wrong with it."""
    try:
        return lines(text)
    except SpecError as error:
        return [d.code for d in error.diagnostics]


def clash(a: Entry, b: Entry) -> bool:
    return bool(a.slot) and a.slot == b.slot


@pytest.mark.parametrize(("a", "b"), list(combinations(sorted(MODIFIERS), 2)))
def test_modifiers_commute(a: str, b: str) -> None:
    first, second = written(MODIFIERS[a]), written(MODIFIERS[b])
    if clash(MODIFIERS[a], MODIFIERS[b]):
        for text in (f"{TERM} {first} {second}", f"{TERM} {second} {first}"):
            with pytest.raises(SpecError, match="A211"):
                traced(text)
    else:
        assert outcome(f"{TERM} {first} {second}") == outcome(f"{TERM} {second} {first}")


@pytest.mark.parametrize("name", sorted(MODIFIERS))
def test_a_modifier_says_whether_parameters_stay(name: str) -> None:
    entry = MODIFIERS[name]
    for example in entry.examples if entry.keeps_params else ():
        head, own = parts(entry, example)
        assert cost(traced(f"{head} {own}")).params == cost(traced(head)).params
    assert all(p.describe() for p in params(entry))


@pytest.mark.parametrize("net", ["wide[8x2,16](factor=2)", "resnet[8x2,16] +pre", "preresnet[8x2] +dropconnect(0.3)"])
def test_stochastic_depth_leaves_biases_alone(net: str) -> None:
    bare, more = (cost(traced(f"conv(4) ({net}{m})")).params for m in ("", " +droppath(0.2)"))
    assert bare == more


@pytest.mark.parametrize("name", sorted(MODIFIERS))
def test_the_example_of_a_modifier_is_not_the_term_without_it(name: str) -> None:
    entry = MODIFIERS[name]
    head, own = parts(entry, entry.examples[0])
    assert lines(f"{head} {own}") != lines(head), f"`{own}` changes nothing in its example {entry.examples[0]!r}"


@pytest.mark.parametrize("name", sorted(MODIFIERS))
def test_minus_takes_a_modifier_back(name: str) -> None:
    """It gives the term before, or the one without what the modifier has replaced; or it is refused, as in that term."""
    entry = MODIFIERS[name]
    mates = [name, *(m.name for m in MODIFIERS.values() if clash(m, entry))]
    head, own = parts(entry, entry.examples[0])
    bare = [outcome(f"conv(16) ({head}{without})") for without in ("", f" -{name}")]
    assert outcome(f"conv(16) ({head} {own}) -{name}") in bare
    term = "resnet[16x2,32x2]"  # more of it: skips with layers, blocks with normalisation
    found, bare = outcome(f"conv(16) ({term} {own}) -{name}"), [outcome(f"conv(16) ({term} -{mate})") for mate in mates]
    again = outcome(f"conv(16) (({term} {own}) -{name}) {own}")
    # What rebuilds blocks may have met another block: then it comes back by the modifier.
    assert found in (outcome(f"conv(16) ({term})"), *bare) or again == outcome(f"conv(16) ({term} {own})")


def test_bottlenecks_and_back() -> None:
    assert lines("bottleneck[8x2,16x2] -bottleneck") == lines("resnet[8x2,16x2]")


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("vgg[8] +rse", "A203", "+rse"),
        ("vgg[8] +bn +bn", "A211", "+bn"),
        ("vgg[8] +bn -bn", "A211", "-bn"),
        ("vgg[8] +bn +gn(2)", "A211", "+gn(2)"),
        ("vgg[8] -bn", "A210", "-bn"),
        ("gap +bn", "A210", "+bn"),
        ("conv(8) +zeroinit", "A210", "+zeroinit"),
        ("vgg[8] +gn(3)", "A303", "+gn(3)"),
        ("vgg[8] -bn(1)", "A207", "-bn(1)"),
        ("vgg[8] +drop(1.0)", "A209", "1.0"),
        ("vgg[8] +act(reLU)", "A208", "reLU"),
        ("(+bn)", "A210", "+bn"),
        ("vgg[8] +nf +ws", "A211", "+ws"),
        ("resnet[8] -nf", "A210", "-nf"),
        ("(conv(8) bn relu drop(0.2) conv(8) bn relu) +bottleneck", "A210", "drop(0.2)"),
        ("(conv(8) relu conv(8, 5) relu) +bottleneck", "A210", "conv(8, 5)"),
        ("(conv(8, s=2) relu conv(8, s=2) relu) +bottleneck", "A210", "conv(8, s=2)"),
        ("conv(8) bn silu efficientnet[8(t=1), 16x2(s=2)] +bottleneck", "A210", "+bottleneck"),
    ],
)
def test_a_wrong_modifier_is_shown_in_its_place(text: str, code: str, place: str) -> None:
    with pytest.raises(SpecError) as caught:
        traced(text)
    first = caught.value.diagnostics[0]
    assert first.code == code
    assert first.span is not None
    assert first.span.text == place


def test_gates_stay_closed() -> None:
    """A modifier changes the block, never the two small layers inside its gate."""
    rows = [r for r in traced("conv(8) vgg[16x1] +se +bn +act(gelu) +ws +groups(2)").rows if ".se." in r.path]
    assert [r.op.name for r in rows] == ["gap", "conv", "relu", "conv", "sigmoid", "mul"]
    assert all("none" in r.op.args for r in rows if r.op.name == "conv")
