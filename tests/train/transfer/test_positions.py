"""Position embeddings of another size: a grid is interpolated, of a text the first places stay."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.transfer.copy import Line, copy_weights
from tests.train.transfer.conftest import made, weights

VIT = "patch(4, 8) tokens {} linear(8) gap linear(10)"


def carried(
    net: str, new: str, old: str, key: str = "pos.embedding", known: bool = True, before: str = ""
) -> tuple[Tensor, Tensor, Tensor, Line]:
    """The embedding that the new net gets, its fresh one, the old one, and the line of the report."""
    theirs, (model, trace) = made(before or net, 0, old), made(net, 1, new)
    fresh = model.state_dict()
    found = copy_weights(fresh, trace, weights(theirs, known=known), reshape=True)
    (line,) = [line for line in found.lines if line.key == key]
    return found.state[key], fresh[key], theirs[0].state_dict().get(line.source, torch.empty(0)), line


def resized(tokens: Tensor, was: tuple[int, int], now: tuple[int, int]) -> Tensor:
    grid = tokens.transpose(1, 2).unflatten(2, was)
    return F.interpolate(grid, size=now, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("net", ["embed(8) pos {}", "embed(8) drop(0.1) ln pos {}", "embed(8) cls cls pos {}"])
@pytest.mark.parametrize(("new", "old"), [(64, 16), (16, 64), (20, 12), (65, 17)])
def test_the_first_places_of_a_text_stay(new: int, old: int, net: str, known: bool) -> None:
    """Also where their numbers are squares: a text is no image."""
    text = net.format("linear(8) gap linear(10)")
    mine, fresh, theirs, line = carried(text, f"{new} ids(20)", f"{old} ids(20)", known=known)
    both = min(mine.shape[1], theirs.shape[1])
    assert torch.equal(mine[:, :both], theirs[:, :both])
    assert torch.equal(mine[:, both:], fresh[:, both:])
    assert (line.status, line.params, line.fresh) == ("reshaped", both * 8, (mine.shape[1] - both) * 8)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("words", "extra"), [("pos", 0), ("cls pos", 1), ("cls cls ln pos", 2)])
def test_a_grid_is_interpolated_and_class_tokens_keep_theirs(words: str, extra: int, known: bool) -> None:
    mine, _, theirs, line = carried(VIT.format(words), "3x32x32", "3x16x16", known=known)
    assert torch.equal(mine[:, :extra], theirs[:, :extra])
    assert torch.equal(mine[:, extra:], resized(theirs[:, extra:], (4, 4), (8, 8)))
    assert (line.status, line.params, line.fresh) == ("reshaped", mine.numel(), 0)


def test_a_grid_that_is_no_square() -> None:
    """Its rows and columns are those of the image, also where their product is a square number."""
    net = VIT.format("pos")
    mine, _, theirs, _ = carried(net, "3x32x128", "3x16x64")
    assert torch.equal(mine, resized(theirs, (4, 16), (8, 32)))
    mine, _, theirs, _ = carried(net, "3x48x48", "3x16x64")
    assert torch.equal(mine, resized(theirs, (4, 16), (12, 12)))
    mine, fresh, _, line = carried(net, "3x32x128", "3x16x64", known=False)
    assert torch.equal(mine, fresh)
    assert "laid out in another way, or in one that is not known" in line.why


def test_the_pixels_of_an_image() -> None:
    mine, _, theirs, _ = carried("patch(4, 8) pos conv(8) gap linear(10)", "3x32x32", "3x16x16")
    assert torch.equal(mine, F.interpolate(theirs, size=(8, 8), mode="bicubic", align_corners=False))


@pytest.mark.parametrize(
    ("net", "before", "new", "old", "why"),
    [
        (VIT.format("cls pos"), VIT.format("pos"), "3x32x32", "3x16x16", "laid out in another way"),
        (
            VIT.format("pos"),
            "embed(8) pos linear(8) gap linear(10)",
            "3x32x32",
            "16 ids(20)",
            "laid out in another way",
        ),
        (VIT.format("cat(take(0, 4) | id) pos"), "", "3x32x32", "3x16x16", "laid out in another way"),
        (VIT.format("transpose pos transpose"), "", "3x32x32", "3x16x16", "another kind of table"),
        (VIT.format("pos"), VIT.format("pos").replace("4, 8", "4, 16"), "3x32x32", "3x16x16", "another kind of table"),
    ],
)
def test_places_that_are_others_begin_anew(net: str, before: str, new: str, old: str, why: str) -> None:
    mine, fresh, _, line = carried(net, new, old, before=before)
    assert torch.equal(mine, fresh)
    assert line.status == "new"
    assert why in line.why


def test_one_token_is_no_grid() -> None:
    """A class token is not made the places of all tokens."""
    mine, fresh, _, line = carried(VIT.format("pos"), "3x32x32", "3x16x16", before=VIT.format("cls"), known=False)
    assert torch.equal(mine, fresh)
    assert line.status == "new"
