"""Two networks aligned, and what makes one the other."""

from __future__ import annotations

import pytest

from archdsl import load
from archdsl.compare import Change, changes, grouped
from archdsl.compare.align import Aligner


def between(a: str, b: str) -> list[Change]:
    one, two = (load(x, input="3x16x16", classes=10).trace for x in (a, b))
    return changes(one, two)


def short(a: str, b: str) -> list[tuple[str, str]]:
    return [(c.status, c.path) for c in between(a, b)]


HEAD = " gap linear(10)"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("conv(8) relu", "conv(8) relu", []),
        ("conv(8) relu", "conv(8) bn relu", [("changed", "conv"), ("added", "bn")]),  # the bias goes with bn
        ("conv(8) relu", "conv(8) gelu", [("changed", "gelu")]),
        ("a: conv(8) relu", "b: conv(8) relu", [("renamed", "b")]),
        ("conv(8) a: relu", "conv(8) a: gelu", [("changed", "a")]),  # one label, another word
        ("conv(8) conv(8, 5) relu", "conv(8) relu", [("removed", "conv2")]),
        ("conv(8) (conv(8) relu)*2", "conv(8) (conv(8) relu)*3", [("added", "block3")]),
        ("conv(8) res(conv(8))", "conv(8) conv(8)", [("removed", "res.add")]),
        (
            "conv(8) as a conv(8,5) as b add(id | @a)",
            "conv(8) as a conv(8,5) as b conv(8,1) add(id | @b)",
            [("added", "conv3"), ("rewired", "add.add")],
        ),
        ("conv(8) relu", "conv(16) relu", [("changed", "conv"), ("reshaped", "linear")]),
        ("vgg[8x1,16x1]", "body: vgg[8x1,16x1]", []),  # a module round all of it
        ("conv(8) ode(conv(8) relu)", "conv(8) ode(conv(8) tanh relu)", [("added", "ode.f.tanh")]),
        ("dropconnect(conv(8) relu, 0.2)", "dropconnect(conv(8) relu, 0.5)", [("changed", "dropconnect")]),
        ("conv(8) ode(conv(8) relu)", "conv(8) ode(conv(8) relu, t=2)", [("changed", "ode")]),
        (
            "conv(8) ode(conv(8) relu)",
            "conv(8) ode(conv(8) gelu, rtol=0.1)",
            [("changed", "ode"), ("changed", "ode.f.gelu")],
        ),
        (
            "conv(8) shared(conv(8) relu, 2)",
            "conv(8) shared(conv(8) relu, 3)",
            [("changed", "shared"), ("reshaped", "shared.f.conv")],
        ),
        ("d: (conv(8) relu)", "d: (dropconnect(conv(8) relu, 0.2))", [("added", "d")]),
        ("d: (dropconnect(conv(8) relu, 0.2))", "d: (conv(8) relu)", [("removed", "d")]),
    ],
)
def test_changes(a: str, b: str, expected: list[tuple[str, str]]) -> None:
    assert short(a + HEAD, b + HEAD) == expected


def test_the_number_of_a_word_that_is_a_keyword_of_python_is_no_label() -> None:
    found = between("conv(8) in relu conv(8, 5) in" + HEAD, "conv(8, 5) in" + HEAD)
    assert "renamed" not in {c.status for c in found}


def test_a_change_of_order_is_a_few_layers() -> None:
    found = grouped(
        between(
            "conv(8) (res(conv(8) bn relu conv(8) bn) relu)*3" + HEAD,
            "conv(8) (res(bn relu conv(8) bn relu conv(8)))*3 bn relu" + HEAD,
        )
    )
    assert {g.status for g in found} <= {"added", "removed", "changed"}
    assert all("conv" not in (g.before, g.after) for g in found), "each convolution found its partner"


def test_layers_that_came_together_are_one_line() -> None:
    (only,) = grouped(
        between("conv(8) relu conv(8, 5) relu" + HEAD, "conv(8) relu conv(8, 5) relu conv(8, 1) gelu" + HEAD)
    )
    assert (only.status, only.after, only.paths) == ("added", "conv(8, k=1, bias=true) gelu", ("conv3",))
    assert only.params == 72


@pytest.mark.parametrize(
    "pair",
    [("resnet20", "wrn16-2"), ("resnet18", "densenet"), ("vgg", "vit"), ("ode", "lenet5"), ("inception", "squeezenet")],
)
def test_changes_account_for_every_parameter(pair: tuple[str, str]) -> None:
    a, b = (load(f"specs/{name}.arch") for name in pair)
    for x, y in ((a, b), (b, a)):
        found = changes(x.trace, y.trace)
        assert sum(c.params for c in found) == y.cost.params - x.cost.params
        assert sum(g.params for g in grouped(found)) == y.cost.params - x.cost.params


def test_there_and_back_are_mirrors() -> None:
    a, b = (load(f"specs/{name}.arch").trace for name in ("resnet20", "resnet56"))
    there, back = changes(a, b), changes(b, a)
    assert [(c.status, c.path) for c in there if c.status == "added"] == [
        (c.status.replace("removed", "added"), c.path) for c in back
    ]


def test_long_chains_take_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.compare.align.CELLS", 20)
    a = " ".join(f"conv({n})" for n in range(8, 40))
    assert short(a + HEAD, a.replace("conv(20) ", "conv(20) relu ") + HEAD) == [("added", "relu")]
    other = " ".join(f"conv({n}, 1)" for n in range(100, 140))
    assert between(a + HEAD, other + HEAD), "nothing in common"


def test_equal_modules_are_compared_once() -> None:
    from archdsl.ir.outline import outline

    a, b = (outline(load(f"specs/{name}.arch").trace) for name in ("resnet56", "resnet110"))
    aligner = Aligner(a, b)
    list(aligner.pairs(a.root, b.root))
    assert len(aligner.costs) < 200
