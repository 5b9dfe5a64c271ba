"""Which weights a rule reshapes: what is widened keeps its function, and what has no rule gets new weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archdsl.transfer.copy import Line, Transfer, copy_weights
from tests.train.transfer.conftest import Made, made, weights

TEXT = "12 ids(20)"


def carried(
    new: str,
    old: str,
    known: bool = True,
    input: str = "3x16x16",
    before: str = "",
    classes: tuple[int, int] = (10, 10),
) -> tuple[Made, Made, Transfer]:
    """Both nets, the new one with what it takes of the old one, and the transfer; `before` is the old one's input."""
    (model, trace), theirs = made(new, 1, input, classes[0]), made(old, 0, before or input, classes[1])
    found = copy_weights(model.state_dict(), trace, weights(theirs, known=known), reshape=True)
    model.load_state_dict(found.state)
    return (model, trace), theirs, found


def answers(made: Made) -> Tensor:
    """The logits of two random images or texts."""
    model, trace = made
    generator = torch.Generator().manual_seed(5)
    if hasattr(trace.input, "vocabulary"):
        value = torch.randint(0, trace.input.vocabulary, (2, *trace.input), generator=generator)
    else:
        value = torch.randn(2, *trace.input, generator=generator)
    with torch.no_grad():
        return model(value)


def lines(found: Transfer, part: str) -> list[Line]:
    kept = [line for line in found.lines if line.key.startswith(part)]
    assert kept, part
    return kept


def anew(found: Transfer, part: str, why: str) -> None:
    """Every tensor of a part is new, for this reason."""
    for line in lines(found, part):
        assert (line.status, line.source) == ("new", ""), line
        assert why in line.why, line


WIDER = (
    ("embed(8) conv1({}, 3) relu conv1(8, 3) relu gmp linear(10)", TEXT),
    ("embed(8) conv1({}, 3, ws=norm) relu conv1(8, 3, causal) relu gmp linear(10)", TEXT),
    ("embed({}) conv1(8, 3) gmp linear(10)", TEXT),
    ("embed({}) linear(8) gmp linear(10)", TEXT),
    ("conv(8) relu upconv({}) relu conv(8) gap linear(10)", "3x16x16"),
    ("conv({}) relu upconv(4) relu conv(8) gap linear(10)", "3x16x16"),
    ("conv({}) relu upconv(4, 4, s=2, p=1) bn relu conv(8) gap linear(10)", "3x16x16"),
    ("conv({}) relu shared(conv(cin) relu, 2) conv(8) gap linear(10)", "3x16x16"),
    ("conv({}) relu ode(conv(cin) tanh, solver=euler, steps=2) conv(8) gap linear(10)", "3x16x16"),
    ("conv(8) relu gap dropconnect(linear({}) relu, 0.5) linear(10)", "3x16x16"),
    ("conv({}) prelu affine offset scale(0.5) dwconv(3) relu conv(8) gap linear(10)", "3x16x16"),
    ("conv({}) tokens scale(0.5) affine offset linear(8) gap linear(10)", "3x16x16"),
    ("conv({}) relu conv(8, 1) add(id | conv({}, 1) relu conv(8, 1)) gap linear(10)", "3x16x16"),
)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("net", "input"), WIDER)
def test_the_wider_net_computes_what_the_narrow_one_did(net: str, input: str, known: bool) -> None:
    ours, theirs, found = carried(net.replace("{}", "16"), net.replace("{}", "8"), known, input)
    assert torch.allclose(answers(ours), answers(theirs), atol=1e-5)
    assert found.totals["reshaped"] > 0
    old = sum(p.numel() for p in theirs[0].parameters())
    assert (found.totals["exact"] + found.totals["reshaped"], found.totals["dropped"]) == (old, 0), (
        "all old numbers stay"
    )


def test_a_larger_window_along_tokens_is_the_same_function() -> None:
    net = "embed(8) conv1(8, {}) relu gmp linear(10)"
    ours, theirs, _ = carried(net.format(5), net.format(3), input=TEXT)
    assert torch.allclose(answers(ours), answers(theirs), atol=1e-5)


def test_new_numbers_of_a_wider_table_are_drawn() -> None:
    """Zeros in the table and in the layer behind it would stay zeros."""
    (model, _), _, _ = carried("embed(12) gap linear(10)", "embed(8) gap linear(10)", input=TEXT)
    state = model.state_dict()
    assert (state["embed.weight"][:, 8:] != 0).all()
    assert (state["linear.weight"][:, 8:] == 0).all()


@pytest.mark.parametrize("word", ["gru({})", "lstm({})", "rnn({})", "gru({}, both)", "lstm({}, layers=2)"])
@pytest.mark.parametrize(("new", "old"), [(16, 8), (8, 16)])
def test_gates_of_another_width_begin_anew(word: str, new: int, old: int) -> None:
    net = f"embed(8) {word} gap linear(10)"
    kind = word.partition("(")[0]
    _, _, found = carried(net.format(new), net.format(old), input=TEXT)
    anew(found, f"{kind}.", f"no rule reshapes the weights of `{kind}`")
    _, _, same = carried(net.format(old), net.format(old), input=TEXT)
    assert {line.status for line in same.lines} == {"exact"}


PARTS = (
    ("patch(4, 16) attention(2, window={}, relpos) gap linear(10)", 4, 2, "attention.f.relpos"),
    ("patch(4, 16) attention({}, relpos) gap linear(10)", 4, 2, "attention.f.relpos"),
    ("patch(4, {}) attention(2, reduce=2) gap linear(10)", 32, 16, "attention."),
    ("patch(4, {}) tokens attention(2) gap linear(10)", 32, 16, "attention.out_proj"),
    ("patch(4, 16) attention(2, reduce={}) gap linear(10)", 4, 2, "attention.reduce"),
    ("patch(4, {}) pos(axes) gap linear(10)", 32, 16, "pos."),
    ("patch({}, 16) pos(axes) gap linear(10)", 2, 4, "pos."),
    ("patch(2, 16) pos(tile={}) gap linear(10)", 4, 2, "pos."),
    ("patch(4, {}) tokens cls take linear(10)", 32, 16, "cls."),
    ("conv({}) dwconv(3, heads=2) gap linear(10)", 16, 8, "dwconv."),
    ("conv({}) ln(axis=[1, 2, 3]) gap linear(10)", 16, 8, "ln."),
)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("net", "new", "old", "part"), PARTS)
def test_what_has_no_rule_begins_anew(net: str, new: int, old: int, part: str, known: bool) -> None:
    _, _, found = carried(net.format(new), net.format(old), known)
    changed = [line for line in lines(found, part) if line.status != "exact"]
    assert changed
    assert {line.status for line in changed} == {"new"}
    assert all("no rule reshapes the weights of" in line.why for line in changed)


MOVED = (
    ("conv(8) cat(conv({}) | conv(4)) bn relu gap linear(10)", "bn.", "come through `cat`"),
    ("conv(8) cat(conv({}) | conv(4)) dwconv(3) gap linear(10)", "dwconv.", "come through `cat`"),
    ("conv(8) cat(conv({}) | conv(4)) relu gap scale(0.5) linear(10)", "scale.", "come through `cat`"),
    ("conv({}) slice(cin//2) conv(4) gap linear(10)", "conv2.weight", "come through `slice`"),
    ("conv({}) spacetodepth(2) conv(4) gap linear(10)", "conv2.weight", "come through `spacetodepth`"),
    (
        "conv({}) shared(cat(conv(cin//2) | conv(cin//2)), 2) conv(8) gap linear(10)",
        "conv2.weight",
        "come through `cat`",
    ),
    ("conv({}) shared(cat(conv(cin//2) | conv(cin//2)), 2) gap linear(10)", "shared.f.cat.", "come through `cat`"),
    ("conv({}) ode(conv(cin - 1) tanh, time, solver=euler) gap linear(10)", "ode.f.conv", "come through `ode`"),
    (
        "conv({}) relu maxpool(4) dropconnect(flatten linear(8), 0.5) linear(10)",
        "dropconnect.f.linear.weight",
        "pixels",
    ),
    ("patch(4, 8) tokens gru({}, both) linear(8) gap linear(10)", "linear.weight", "come through `gru`"),
    ("conv({}) conv(8, groups=2) gap linear(10)", "conv2.weight", "other groups"),
    ("embed({}) conv1(8, groups=2) gap linear(10)", "conv1.weight", "other groups"),
    ("conv({}) dwconv(3, multiplier=2) gap linear(10)", "dwconv.weight", "other groups"),
)


@pytest.mark.parametrize(("net", "part", "why"), MOVED)
def test_numbers_that_moved_are_not_sliced(net: str, part: str, why: str) -> None:
    """Also of what has a number for each channel, inside of networks that are arguments, and behind layers with weights."""
    _, _, found = carried(net.replace("{}", "16"), net.replace("{}", "8"), input=TEXT if "embed" in net else "3x16x16")
    assert any(why in line.why for line in lines(found, part) if line.status == "new")
    assert not any(line.status == "reshaped" for line in lines(found, part))


@pytest.mark.parametrize("known", [True, False])
def test_a_depthwise_window_is_none_of_all_channels(known: bool) -> None:
    _, _, found = carried("conv(8) conv(8, 3) gap linear(10)", "conv(8) dwconv(3) gap linear(10)", known)
    anew(found, "conv2.weight", "other groups")


HEADS = "queries, keys and values of another width"


def test_what_is_split_into_heads_is_not_sliced() -> None:
    """Of a join of queries, keys and values, too: another width moves the borders of its heads."""
    net = "patch(4, 8) tokens attend(linear({}) | linear({}) | id, 2) linear(8) gap linear(10)"
    _, _, found = carried(net.replace("{}", "16"), net.replace("{}", "8"))
    anew(found, "attend.linear", HEADS)
    assert {line.status for line in lines(found, "patch")} == {"exact"}
    net = "patch(4, {}) ln tokens attend(linear(8) | linear(8) | id, 2) linear(8) gap linear(10)"
    _, _, found = carried(net.replace("{}", "16"), net.replace("{}", "8"))
    anew(found, "patch.", HEADS)
    anew(found, "ln.", HEADS)
    assert {line.status for line in lines(found, "attend.linear.weight")} == {"reshaped"}
    anew(found, "linear.", "come through `attend`")


def test_every_head_of_other_classes_begins_anew() -> None:
    net = "conv(8) relu gap heads(kind: linear({}) | price: linear(1) | colour: (linear(8) relu linear({})))"
    _, _, found = carried(net.replace("{}", "7"), net.replace("{}", "5"))
    anew(found, "heads.kind", "5×8 → 7×8: other classes")
    anew(found, "heads.colour.linear2", "5×8 → 7×8: other classes")
    assert {line.status for line in lines(found, "heads.price")} == {"exact"}
    assert {line.status for line in lines(found, "heads.colour.linear.")} == {"exact"}


def test_what_follows_the_last_matrix_is_of_the_classes_as_well() -> None:
    net = "conv(8) relu conv(classes, 1) bn gap"
    _, _, found = carried(net, net, classes=(7, 5))
    anew(found, "conv2.", "other classes")
    anew(found, "bn.", "other classes")


GPT = "e: embed({}) pos linear({}) relu linear({}) take(-1) again(e)"


def test_a_table_of_other_ids_begins_anew() -> None:
    """With an output layer of the same weights, the matrix before it is not the head."""
    old = GPT.format(8, 16, 8)
    _, _, found = carried(GPT.format(8, 24, 8), old, input="12 ids(20)", before="12 ids(30)", classes=(20, 30))
    anew(found, "e.", "30×8 → 20×8: other ids")
    assert {line.status for line in lines(found, "linear")} == {"reshaped", "exact"}
    _, _, wide = carried(GPT.format(16, 16, 16), old, input="12 ids(20)", classes=(20, 20))
    anew(wide, "e.", "output layer")


COUNTS = (
    ("conv(16) scale(0.5) gap linear(10)", "conv(8) scale(0.5) gap linear(10)", "scale.weight", 8),
    ("conv(16, 3) gap linear(10)", "conv(8, 5) gap linear(10)", "conv.weight", 8 * 3 * 9),
    ("conv(8, 5) gap linear(10)", "conv(8, 3) gap linear(10)", "conv.weight", 8 * 3 * 9),
    ("conv(16) bn gap linear(10)", "conv(8) bn gap linear(10)", "bn.weight", 8),
)


@pytest.mark.parametrize(("new", "old", "key", "kept"), COUNTS)
def test_numbers_that_are_not_the_old_ones_count_as_new(new: str, old: str, key: str, kept: int) -> None:
    _, _, found = carried(new, old)
    (line,) = lines(found, key)
    assert (line.status, line.params, line.fresh) == ("reshaped", kept, found.state[key].numel() - kept)
