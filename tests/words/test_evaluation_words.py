"""Words of `evaluate` that do not fit their network are refused without torch."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.errors import ArchError, SpecError
from archdsl.ir.blocks import deletable, without
from archdsl.settings.evaluation import evaluation_findings

NET = "conv(8) bn relu resnet[8x2, 16x2] drop(0.3) gap linear(classes)"
PLAIN = "conv(8) bn relu plain[8x2] gap linear(classes)"
REFUSED = [
    (NET, "lesion(7)", "unknown block 7"),
    (NET, "lesion(stage9)", "no part `stage9`"),
    (NET, "lesion(random=5)", "4 blocks of the network can be deleted"),
    (NET, "lesion()", "takes blocks, or how many"),
    (NET, "lesion(1, random=2)", "takes blocks, or how many"),
    (NET, "swap(1, 3)", "different layers or shapes"),
    (NET, "swap(1)", "needs `j`"),
    (NET, "mc(0)", "must be from 1"),
    (NET, "mc(3) mc(4)", "`mc` is given twice"),
    (PLAIN, "mc(3)", "needs a layer that draws at random"),
    ("conv(8) bn relu vgg[16x2] gap linear(classes)", "lesion(1)", "cannot be deleted"),
    ("linear(16) relu linear(classes)", "rotate(3)", "changes images"),
    (NET, "rotat(30)", "unknown evaluate word"),
    (NET, "adam", "belongs in a `train` statement"),
]


@pytest.mark.parametrize(("net", "words", "message"), REFUSED)
def test_what_does_not_fit_is_refused_before_any_training(net: str, words: str, message: str) -> None:
    data = "fashion-mini" if "linear(16)" not in net else "digits"
    head = "" if data == "fashion-mini" else "input 64\nclasses 10\n"
    text = f"{head}net {net}\n" + (f"data {data}\ntrain adam\n" if not head else "") + f"evaluate {words}\n"
    try:
        found = [d.message for d in evaluation_findings(load(text).graph.evaluate, load(text).trace)]
    except SpecError as error:
        found = [d.message for d in error.diagnostics]
    assert any(message in text for text in found), found


def test_an_error_names_the_blocks_that_can_be_deleted() -> None:
    trace = load("net conv(8) bn relu plain[8x2, 16x2] gap linear(10)\ninput 3x32x32").trace
    assert deletable(trace) == (1, 2, 4)
    with pytest.raises(ArchError, match="cannot be deleted") as caught:
        without(trace, [3])
    assert caught.value.help == "those that can: 1, 2, 4"
