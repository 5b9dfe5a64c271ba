"""What a diagram shows: boxes, what is told once, panels."""

from __future__ import annotations

from typing import Any

import pytest

from archdsl import load
from archdsl.draw import Box, Diagram, Frame, boxes, diagram
from archdsl.errors import ArchError


def drawn(spec: str, **how: Any) -> Diagram:
    given = {} if spec.startswith("specs/") else {"input": (3, 16, 16), "classes": 10}
    return diagram(load(spec, **given).trace, **how)


def texts(made: Diagram) -> list[str]:
    return [b.text for b in boxes(made.main.frame)]


def test_layers_share_a_box_with_what_follows_point_by_point() -> None:
    assert texts(drawn("conv(8, 5, s=2) bn relu maxpool conv(8) drop(0.4) gap linear(10)")) == [
        "conv 5×5, 8, /2 bn relu",
        "maxpool 2×2, /2",
        "conv 3×3, 8 drop p=0.4",
        "gap",
        "linear 10",
    ]


def test_before_activation_they_share_it_with_what_comes_behind() -> None:
    net = "conv(8) res(bn relu conv(8) bn relu conv(16) bn relu) gap linear(10)"
    assert texts(drawn(net))[1:4] == ["bn relu conv 3×3, 8", "bn relu conv 3×3, 16 bn relu", "conv 1×1, 16"]


def test_a_value_with_two_readers_ends_its_box() -> None:
    assert texts(drawn("conv(8) bn as a relu add(id | @a) gap linear(10)"))[:2] == ["conv 3×3, 8 bn", "relu"]


def test_figures_are_those_of_the_spec() -> None:
    for spec in ("specs/resnet20.arch", "specs/densenet.arch", "specs/ode.arch", "specs/shufflenet.arch"):
        loaded = load(spec)
        frame = diagram(loaded.trace, depth=0).main.frame
        assert sum(i.params for i in frame.items) == loaded.cost.params == frame.params
        assert sum(i.macs for i in frame.items) == loaded.cost.macs


def test_repetitions_are_told_once_with_the_figures_of_all() -> None:
    net = load("conv(8) (conv(8) relu)*3 gap linear(10)", input=(3, 16, 16), classes=10)
    box = next(b for b in boxes(diagram(net.trace).main.frame) if b.times > 1)
    assert (box.times, box.params, box.text) == (3, 3 * 584, "conv 3×3, 8 relu")


def test_a_large_network_is_an_overview_with_panels() -> None:
    made = drawn("specs/imagenet/resnet50.arch")
    stages = [i for i in made.main.frame.items if isinstance(i, Frame)]
    assert [s.title for s in stages] == ["stage1", "stage2", "stage3", "stage4"]
    assert [[(b.letter, b.times) for b in boxes(s)] for s in stages] == [
        [("A", 1), ("B", 2)],
        [("C", 1), ("B", 3)],
        [("C", 1), ("B", 5)],
        [("C", 1), ("B", 2)],
    ]
    assert [p.letter for p in made.panels] == ["A", "B", "C"]
    assert [b.title for b in boxes(made.panels[0].frame)] == [
        "conv 1×1, 64",
        "conv 3×3, 64",
        "conv 1×1, 256",
        "conv 1×1, 256",
        "add",
    ]


def test_nasnet_says_which_copies_are_read() -> None:
    made = drawn("specs/imagenet/nasnetalarge.arch")
    notes = {b.title: b.note for b in boxes(made.main.frame) if b.note}
    assert notes["cell"] == "each takes the 2 before it"
    assert notes["shrink"] == "takes number 4 and 5 of 5"
    assert notes["first2"] == "takes number 4 of 5"
    assert len(made.panels) == 5


@pytest.mark.parametrize(("depth", "count"), [(0, 8), (1, 12), (2, 40)])
def test_depth_opens_levels(depth: int, count: int) -> None:
    made = drawn("specs/imagenet/resnet50.arch", depth=depth)
    assert sum(1 for _ in boxes(made.main.frame)) == count
    assert not made.panels


def test_expand_opens_short_words_too() -> None:
    net = "conv(8) sepconv(16) se(4) gap linear(10)"
    assert texts(drawn(net))[1] == "sepconv 3×3, 16 se"
    assert "dwconv 3×3" in texts(drawn(net, expand=True))


def test_a_part_is_drawn_alone() -> None:
    made = drawn("specs/imagenet/resnet50.arch", part="stage2.block1")
    assert texts(made)[-1] == "add relu"
    assert made.subtitle == "379.4 k params · 372.5 M MACs"
    with pytest.raises(ArchError, match="unknown module `stage9`"):
        drawn("specs/imagenet/resnet50.arch", part="stage9")


@pytest.mark.parametrize(
    ("count", "words"), [(8, ""), (9, "1 more kind of module has"), (11, "3 more kinds of modules have")]
)
def test_kinds_without_a_panel_are_counted(count: int, words: str) -> None:
    blocks = [f"let b{n} = res(" + "conv(8) bn relu " * (n + 1) + ")" for n in range(1, count + 1)]
    net = "net conv(8) " + " ".join(f"b{n}" for n in range(1, count + 1)) + " gap linear(10)"
    made = drawn("\n".join([*blocks, net]), subtitle="figures", room=12)
    assert len(made.panels) == 8
    assert made.subtitle == "figures" + (f" · {words} no panel: --part draws one" if words else "")


def test_every_shipped_net_is_wired_as_it_is() -> None:
    """Each box reads what its values read: no wire is lost, none leads back."""
    for spec in ("resnet18", "inception", "densenet", "shufflenet", "squeezenet", "mobilenet", "vit"):
        for panel in drawn(f"specs/{spec}.arch").all:
            ids = [b.id for b in boxes(panel.frame)]
            assert ids == sorted(ids) == list(range(len(ids)))
            assert all(w.source < w.target for w in panel.wires)
            assert {w.target for w in panel.wires} == set(ids), "each box reads something"
            read = {w.source for w in panel.wires}
            assert all(i in read or i in panel.outputs for i in ids), "each box is read"


def test_no_layers_at_all() -> None:
    made = diagram(load("input 10\nclasses 10\nnet id").trace)
    assert made.main.frame.items == ()


def test_boxes_are_hashable_plain_data() -> None:
    first, second = drawn("conv(8) gap linear(10)"), drawn("conv(8)   gap linear(10)")
    assert first == second
    assert isinstance(next(boxes(first.main.frame)), Box)
