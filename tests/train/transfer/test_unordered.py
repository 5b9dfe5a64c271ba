"""Files that do not say in which order their weights act, and units of one size that are not the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archdsl.errors import EnvError
from archdsl.transfer.copy import copy_weights
from archdsl.transfer.read import read_weights
from tests.train.transfer.conftest import made, weights

Save = Callable[..., Path]
NET = "conv(8) bn relu conv(8) bn relu res(conv(8) bn, skip=conv(8, 1)) gap linear(classes)"
OTHER = "conv(8) bn relu conv(8) bn relu res(conv(8) bn, skip=conv(8, 1)) gap linear(classes) relu linear(classes)"


@pytest.mark.parametrize("kind", ["safetensors", "reversed"])
def test_names_that_both_have_are_followed(kind: str, tmp_path: Path, saved: Save) -> None:
    held = made(NET)[0].state_dict()
    path = tmp_path / "w.safetensors"
    if kind == "safetensors":
        save_file(held, path)
    else:
        path = saved(dict(reversed(held.items())))
    model, trace = made(NET, 1)
    found = copy_weights(model.state_dict(), trace, read_weights(str(path)))
    assert {line.how for line in found.lines} == {"name"}
    assert all(torch.equal(v, held[k]) for k, v in found.state.items())
    assert found.notes == ()


def test_names_are_followed_where_the_head_has_other_classes(tmp_path: Path, saved: Save) -> None:
    held = made(NET)[0].state_dict()
    model, trace = made(NET, 1, classes=5)
    found = copy_weights(model.state_dict(), trace, read_weights(str(saved(dict(reversed(held.items()))))))
    same = [key for key, value in model.state_dict().items() if value.shape == held[key].shape]
    assert len(same) == len(held) - 2
    assert all(torch.equal(found.state[key], held[key]) for key in same)


def test_names_are_followed_where_the_nets_differ(tmp_path: Path) -> None:
    held = made(NET)[0].state_dict()
    save_file(held, tmp_path / "w.safetensors")
    model, trace = made(OTHER, 1)
    found = copy_weights(model.state_dict(), trace, read_weights(str(tmp_path / "w.safetensors")))
    assert all(torch.equal(found.state[k], v) for k, v in held.items())


def test_an_order_that_was_guessed_is_said(saved: Save) -> None:
    state = {f"layers.{i}.{k}": v for i, (k, v) in enumerate(made(NET)[0].state_dict().items())}
    model, trace = made(NET, 1)
    path = saved({k.replace(".bn", ".norm").replace(".conv", ".cv"): v for k, v in state.items()})
    source = read_weights(str(path))
    found = copy_weights(model.state_dict(), trace, source)
    assert any("other names are matched in the order in which they are stored" in note for note in found.notes)


def test_a_transposed_convolution_is_no_convolution() -> None:
    model, trace = made("conv(8) relu conv(8) gap linear(classes)", 1, input="8x16x16")
    old = made("upconv(8, 3) relu conv(8) gap linear(classes)", input="8x16x16")
    found = copy_weights(model.state_dict(), trace, weights(old))
    assert {line.source: line.status for line in found.lines if "upconv" in line.source} == {
        "upconv.weight": "dropped",
        "upconv.bias": "dropped",
    }


def test_a_table_of_vectors_is_no_matrix() -> None:
    model, trace = made("linear(8) gelu linear(8) gelu linear(classes)", 1, input="8", classes=8)
    old = made("embed(8) gap linear(classes)", input="16 ids(8)", classes=8)
    found = copy_weights(model.state_dict(), trace, weights(old))
    assert not [line for line in found.lines if line.key and "embed" in line.source]


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's own: that it will do without quantised tensors
def test_sparse_weights_are_read_and_quantised_ones_refused(saved: Save) -> None:
    model, trace = made(NET, 1)
    held = made(NET)[0].state_dict()
    path = saved({k: v.to_sparse() if v.ndim > 1 else v for k, v in held.items()})
    found = copy_weights(model.state_dict(), trace, read_weights(str(path)))
    assert all(torch.equal(v, held[k]) for k, v in found.state.items())
    bad = {**held, "conv2.weight": torch.quantize_per_tensor(held["conv2.weight"], 0.1, 0, torch.qint8)}
    with pytest.raises(EnvError, match=r"`conv2\.weight` holds qint8 values"):
        copy_weights(model.state_dict(), trace, read_weights(str(saved(bad))))


def test_settings_beside_the_weights_are_not_taken_for_them(saved: Save) -> None:
    held = made(NET)[0].state_dict()
    found = read_weights(str(saved({"model": {"width": 8}, "net": held})))
    assert list(found.state) == list(held)
    assert found.notes == ()
