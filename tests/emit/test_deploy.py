"""A network as it is deployed: what the module around it takes, gives and says of itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from archdsl.data.normalise import normalise
from archdsl.errors import ArchError
from archdsl.export.deploy import Form, deployed

SHAPE = (3, 8, 6)
MEAN, STD = (0.1, 0.5, 0.9), (0.2, 0.3, 0.0)  # the last channel is constant
TEXT = "conv(4) bn relu gap linear(10)"


def bytes_of(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, *SHAPE), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("softmax", [False, True])
def test_bytes_are_normalised_as_in_training(made: Any, layout: str, softmax: bool) -> None:
    _, model = made(TEXT, SHAPE)
    form = Form(SHAPE, 10, layout, MEAN, STD, softmax)  # type: ignore[arg-type]
    x = bytes_of(3)
    with torch.no_grad():
        wanted = model.eval()(normalise(MEAN, STD, torch.device("cpu"))(x))
        given = deployed(model, form)(x.permute(0, 2, 3, 1) if layout == "nhwc" else x)
    torch.testing.assert_close(given, wanted.softmax(1) if softmax else wanted)
    assert form.taken == ((8, 6, 3) if layout == "nhwc" else SHAPE)
    assert form.sample(2, torch.Generator()).shape == (2, *form.taken)


def test_the_values_of_a_table(made: Any) -> None:
    _, model = made("linear(8) relu linear(10)", (3,))
    x = torch.randn(4, 3)
    with torch.no_grad():
        wanted = model.eval()(normalise(MEAN, STD, torch.device("cpu"), 1)(x))
        torch.testing.assert_close(deployed(model, Form((3,), 10, "values", MEAN, STD))(x), wanted)


def test_the_model_stays_as_it_is(made: Any) -> None:
    _, model = made(TEXT, SHAPE)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    net = deployed(model, Form(SHAPE, 10, half=True))
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert {v.dtype for v in net.state_dict().values()} == {torch.float16}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"preprocess": "nhwc"}, "nothing says how"),
        ({"preprocess": "nchw", "mean": (0.5,), "std": (0.5,)}, "nothing says how"),
        ({"preprocess": "values", "mean": MEAN, "std": STD}, "does not fit an input of 3x8x6"),
    ],
)
def test_forms_that_contradict_themselves(form: dict[str, object], message: str) -> None:
    with pytest.raises(ArchError, match=message):
        Form(SHAPE, 10, **form)  # type: ignore[arg-type]


def test_half_precision_refuses_what_it_cannot_hold(made: Any) -> None:
    _, model = made(TEXT, SHAPE)
    with torch.no_grad():
        model.get_parameter("linear.weight")[0] = 7e4
    with pytest.raises(ArchError, match=r"float16 ends at 65504, and linear\.weight holds 7e\+04"):
        deployed(model, Form(SHAPE, 10, half=True))


def test_live_dropout_needs_dropout(made: Any) -> None:
    _, model = made(TEXT, SHAPE)
    with pytest.raises(ArchError, match="no layer of this net draws"):
        deployed(model, Form(SHAPE, 10, mc=True))


def test_what_a_file_says_of_itself() -> None:
    about = Form(SHAPE, 10, "nhwc", MEAN, STD, softmax=True, mc=True).about()
    assert about["archdsl.takes"] == "uint8, normalised inside"
    assert (about["archdsl.layout"], about["archdsl.gives"]) == ("NHWC", "probabilities")
    assert (about["archdsl.mode"], about["archdsl.input"]) == ("mc-dropout", "3x8x6")
    assert Form(SHAPE, 10, half=True, half_ends=True).about()["archdsl.takes"] == "float16, normalised by the caller"
