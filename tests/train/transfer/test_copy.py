"""What each tensor gets: exact, reshaped by a sound rule, or new with a reason."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archdsl.errors import ArchError
from archdsl.transfer.begin import transferred
from archdsl.transfer.copy import Transfer, copy_weights
from archdsl.transfer.report import record, table
from tests.train.transfer.conftest import logits, made, weights

SMALL = "stem: (conv(8) bn relu) body: (conv(8) bn relu maxpool(2) conv(16) bn relu) gap linear(classes)"


def carried(new: str, old: str, reshape: bool = False, **more) -> tuple[Transfer, Tensor, Tensor]:
    """The transfer, and the logits of both nets after it."""
    before = made(old, 0, **{k: v for k, v in more.items() if k != "classes"})
    model, trace = made(new, 1, **more)
    found = transferred(model, trace, weights(before), reshape)
    return found, logits(model), logits(before[0])


def why(found: Transfer, key: str) -> str:
    return next(line.why for line in found.lines if line.key == key)


def status(found: Transfer, key: str) -> str:
    return next(line.status for line in found.lines if line.key == key)


def test_the_same_net_is_the_same_function() -> None:
    found, ours, theirs = carried(SMALL, SMALL)
    assert {line.status for line in found.lines} == {"exact"}
    assert torch.equal(ours, theirs)


def test_the_totals_are_all_parameters_of_both() -> None:
    for new, reshape in (
        (SMALL.replace("conv(16)", "conv(24)"), True),
        (SMALL.replace("conv(16)", "conv(4, 5)"), False),
    ):
        found, *_ = carried(new, SMALL, reshape)
        model, old = made(new)[0], made(SMALL)[0]
        totals = found.totals
        assert totals["exact"] + totals["reshaped"] + totals["new"] == sum(p.numel() for p in model.parameters())
        assert totals["dropped"] <= sum(p.numel() for p in old.parameters())
        assert set(found.state) == set(model.state_dict())


def test_a_wider_net_computes_what_the_narrow_one_did() -> None:
    wide = SMALL.replace("conv(8) bn relu)", "conv(12) bn relu)").replace("conv(16)", "conv(20)")
    found, ours, theirs = carried(wide, SMALL, reshape=True)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert found.totals["dropped"] == 0
    assert found.totals["new"] > 0
    plain, *_ = carried(wide, SMALL)
    assert status(plain, "stem.conv.weight") == "new"
    assert why(plain, "stem.conv.weight") == "8×3×3×3 → 12×3×3×3: another shape"


def test_a_narrower_net_keeps_the_first_channels() -> None:
    old, (model, trace) = made(SMALL), made(SMALL.replace("conv(16)", "conv(6)"), 1)
    transferred(model, trace, weights(old), True)
    assert torch.equal(model.state_dict()["body.conv2.weight"], old[0].state_dict()["body.conv2.weight"][:6])
    assert torch.equal(model.state_dict()["linear.weight"], old[0].state_dict()["linear.weight"][:, :6])


def test_a_larger_window_with_the_same_padding_is_the_same_function() -> None:
    _, ours, theirs = carried(SMALL.replace("stem: (conv(8)", "stem: (conv(8, 7)"), SMALL, True)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_smaller_window_is_the_middle() -> None:
    old, (model, trace) = made(SMALL.replace("stem: (conv(8)", "stem: (conv(8, 5)")), made(SMALL, 1)
    transferred(model, trace, weights(old), True)
    wanted = old[0].state_dict()["stem.conv.weight"][:, :, 1:4, 1:4]
    assert torch.equal(model.state_dict()["stem.conv.weight"], wanted)


def test_windows_without_a_common_middle() -> None:
    found, *_ = carried(SMALL.replace("stem: (conv(8)", "stem: (conv(8, 4)"), SMALL, True, input="3x16x16")
    assert why(found, "stem.conv.weight").endswith("windows without a common middle")


def test_colour_to_grey_and_back() -> None:
    old, (grey, trace) = made(SMALL), made(SMALL, 1, input="1x16x16")
    transferred(grey, trace, weights(old), True)
    image = torch.rand(2, 1, 16, 16)
    assert torch.allclose(grey(image), old[0](image.expand(-1, 3, -1, -1)), atol=1e-5)
    again, trace = made(SMALL, 2)
    transferred(again, trace, weights((grey, made(SMALL, input="1x16x16")[1])), True)
    assert torch.allclose(again(image.expand(-1, 3, -1, -1)), grey(image), atol=1e-5)


@pytest.mark.parametrize("reshape", [False, True])
def test_other_classes_begin_anew(reshape: bool) -> None:
    old, (model, trace) = made(SMALL), made(SMALL, 1, classes=7)
    before = model.state_dict()["linear.weight"].clone()
    found = transferred(model, trace, weights(old), reshape)
    assert torch.equal(model.state_dict()["linear.weight"], before)
    assert why(found, "linear.weight") == "10×16 → 7×16: other classes"
    assert found.totals["new"] == 7 * 17


def test_inputs_that_come_through_cat_are_not_told_apart() -> None:
    net = "conv(8) relu cat(conv(4) | conv(4)) conv(8, 1) relu gap linear(10)"
    found, *_ = carried(net.replace("cat(conv(4) |", "cat(conv(6) |"), net, True)
    assert "come through `cat`" in why(found, "conv2.weight")


def test_pixels_of_an_image_are_not_channels() -> None:
    found, *_ = carried(
        "conv(8) relu maxpool(4) flatten linear(10)", "conv(6) relu maxpool(4) flatten linear(10)", True
    )
    assert "pixels of an image" in why(found, "linear.weight")


def test_groups_that_differ() -> None:
    old = "conv(8) relu conv(8, groups=2) relu gap linear(10)"
    found, *_ = carried(old.replace("conv(8, g", "conv(16, g"), old, True)
    assert why(found, "conv2.weight").endswith("other groups")
    wide, *_ = carried("conv(12) dwconv(3) gap linear(10)", "conv(8) dwconv(3) gap linear(10)", True)
    assert status(wide, "dwconv.weight") == "reshaped"


def test_a_bias_that_only_one_has() -> None:
    found, *_ = carried("conv(8) bn relu gap linear(10)", "conv(8) relu gap linear(10)")
    assert status(found, "conv.weight") == "exact"
    assert [line.source for line in found.lines if line.status == "dropped"] == ["conv.bias"]
    back, *_ = carried("conv(8) relu gap linear(10)", "conv(8) bn relu gap linear(10)")
    assert why(back, "conv.bias") == "the other has no bias"


VIT = "patch(4, 16) tokens cls pos vit[16x1](heads=2) ln take linear(10)"


def test_position_embeddings_are_interpolated() -> None:
    old, (model, trace) = made(VIT, input="3x16x16"), made(VIT, 1, input="3x32x32")
    found = transferred(model, trace, weights(old), True)
    mine, theirs = model.state_dict()["pos.embedding"], old[0].state_dict()["pos.embedding"]
    assert mine.shape == (1, 65, 16)
    assert torch.equal(mine[:, 0], theirs[:, 0])  # the class token's
    grid = theirs[:, 1:].transpose(1, 2).unflatten(2, (4, 4))
    wanted = torch.nn.functional.interpolate(grid, size=(8, 8), mode="bicubic", align_corners=False)
    assert torch.equal(mine[:, 1:], wanted.flatten(2).transpose(1, 2))
    assert found.totals["new"] == found.totals["dropped"] == 0
    plain, *_ = carried(VIT, VIT)
    assert plain.totals["new"] == 0


def test_a_wider_attention_begins_anew() -> None:
    old, (model, trace) = made(VIT), made(VIT.replace("16x1", "32x1").replace("4, 16", "4, 32"), 1)
    found = transferred(model, trace, weights(old), True)
    key = "vit.stage1.block1.res.attention.in_proj_weight"
    assert why(found, key).endswith("queries, keys and values of another width")


def test_nothing_fits() -> None:
    model, trace = made("gap linear(7) relu linear(10)")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ArchError, match="no weight of old fits") as caught:
        transferred(model, trace, weights(made("conv(8, 5) bn relu gap linear(10)")))
    assert "reshape" in caught.value.help
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_half_precision_is_taken_as_it_is() -> None:
    old, (model, trace) = made(SMALL), made(SMALL, 1)
    half = weights(old)
    short = type(half)("half", {k: v.half() if v.is_floating_point() else v for k, v in half.state.items()}, half.sha)
    found = copy_weights(model.state_dict(), trace, short)
    assert all(v.dtype == model.state_dict()[k].dtype for k, v in found.state.items())
    assert torch.equal(found.state["stem.conv.weight"], old[0].state_dict()["stem.conv.weight"].half().float())


def test_the_report_folds_and_adds_up() -> None:
    found, *_ = carried("resnet[8x3, 16x2] gap linear(10)", "resnet[8x2, 16x2] gap linear(10)")
    shown = table(found)
    parts = [row[0] for row in shown.rows]
    assert parts == [f"resnet.stage{s}.block{b}" for s, b in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2))] + ["linear"]
    for column, status in enumerate(("exact", "reshaped", "new", "dropped"), 3):
        assert sum(int(row[column] or 0) for row in shown.rows) == found.totals[status] == shown.footer[column]
    plain = record(found)
    assert plain["parameters"] == found.totals
    assert len(plain["tensors"]) == len(found.lines)
    assert {part["part"]: part["new"] for part in plain["parts"]}["resnet.stage1.block3"] > 0
