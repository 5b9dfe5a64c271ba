"""What a Python program may give beside a text, and what is refused with a message of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl import stages
from archdsl.errors import ArchError


@pytest.mark.parametrize(
    "shape",
    [
        (3, 8, 8),
        [3, 8, 8],
        "3x8x8",
        np.array([3, 8, 8]),
        (np.int64(3), 8, np.uint8(8)),
        torch.Size([3, 8, 8]),
        torch.tensor([3, 8, 8]),
    ],
)
def test_shapes_of_an_image(shape: Any) -> None:
    assert archdsl.load("conv(8)", input=shape, classes=np.int32(7)).input == (3, 8, 8)


@pytest.mark.parametrize("size", [64, [64], "64", np.int64(64), torch.tensor(64)])
def test_one_number_is_a_vector(size: Any) -> None:
    module = archdsl.model("linear(10)", input=size)
    assert module(torch.zeros(2, 64)).shape == (2, 10)
    assert stages.trace(stages.expand(stages.parse("linear(10)")), size if size != "64" else 64).input == (64,)


@pytest.mark.parametrize(
    "setting",
    [
        {"input": v}
        for v in (
            3.0,
            (3.0, 8, 8),
            0,
            -3,
            (3, 0, 8),
            (),
            (1, 2, 3, 4),
            True,
            b"3x8x8",
            {3: 8},
            "abc",
            "",
            "0x8x8",
            "3.5",
            object(),
            float("nan"),
            np.float32(3),
            np.zeros((3, 8)),
            10**30,
            "\ud800",
            "3x8x8\0",
        )
    ]
    + [{"classes": v} for v in (0, -1, 1.5, True, [10], "ten", "", b"10", 10**30, np.float64(10), None.__class__)]
    + [{"data": v} for v in (3, b"cifar10", "", ["cifar10"], "nosuchset", "\ud800", "folder:")]
    + [
        {"set": v}
        for v in (3, None, [3], ["nothing"], [""], {"train.epochs": 1}, b"train.epochs=1", ["train.epochs=\ud800"])
    ],
)
def test_wrong_arguments_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ArchError) as error:
        archdsl.load("conv(8)", **setting)
    assert str(error.value)


@pytest.mark.parametrize("spec", [3, None, b"conv(8)", ["conv(8)"], object(), "", "\ud800", "\0", "conv(8)\0"])
def test_what_is_not_a_spec_is_refused(spec: Any) -> None:
    with pytest.raises(ArchError):
        archdsl.load(spec)


def test_one_setting_may_be_a_text() -> None:
    one, several = (archdsl.load("conv(8)\ntrain adam", set=s) for s in ("train.epochs=3", ["train.epochs=3"]))
    assert one.canonical == several.canonical
    assert "epochs(3)" in one.canonical


def test_a_spec_may_be_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.arch").write_text("conv(8)")
    assert archdsl.load(tmp_path / "a.arch").hash == archdsl.load("conv(8)").hash
    with pytest.raises(ArchError):
        archdsl.load(tmp_path)
    with pytest.raises(ArchError):
        archdsl.load_run(3)  # type: ignore[arg-type]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner, inner) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["input", "classes", "data", "set"]), VALUES)
@settings(max_examples=60)
def test_any_value_works_or_is_refused(name: str, value: Any) -> None:
    try:
        archdsl.load("conv(8)", **{name: value})
    except ArchError:
        return
