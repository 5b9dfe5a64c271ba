"""What a graph of one example has as a constant: sizes of the batch, numbers, tensors that are not trained."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from archdsl.errors import ArchError
from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.blocks import SHAPE, Head


class Amplifies(nn.Module):
    """Polynomials of which each triples the rounding of what comes before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 8, 3), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = 0.9 * torch.tanh(self.conv(x).sum((2, 3)) / 49)
        for _ in range(12):
            y = 4 * (y * y * y) - 3 * y
        return self.linear(y)  # type: ignore[no-any-return]


class Middle(Head):
    """What ``way`` says is done to the image."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.layer, self.way = nn.Linear(24, 24), way
        self.plain = torch.tensor(2.0)
        self.register_buffer("buffer", torch.full((24,), 2.0))
        if way == "places":
            self.factors = nn.Parameter(torch.ones(24))
            self.places = nn.Parameter(torch.arange(24).flip(0), requires_grad=False)

    def block(self, x: Tensor) -> Tensor:
        return WAYS[self.way](self, self.layer(x))


def fewer(net: Middle, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return net.layer(x)


def written(x: Tensor, *index: object) -> Tensor:
    x[index if len(index) > 1 else index[0]] = 0
    return x


WAYS: dict[str, Callable[[Middle, Tensor], Tensor]] = {
    "share": lambda net, x: x / x.size(0),
    "choice": lambda net, x: x if x.shape[0] < 3 else x.relu(),
    "fixed": lambda net, x: x.reshape(2, 64, 24).reshape(2, 8, 8, 24),
    "plain": lambda net, x: x * net.plain,
    "buffer": lambda net, x: x * net.buffer,
    "places": lambda net, x: x * net.factors[net.places],
    "zeros": lambda net, x: written(x, ..., slice(4)),
    "guard": lambda net, x: written(x, x > 1e9),
    "item": lambda net, x: x / x.max().item(),
    "chosen": lambda net, x: x * x[x > 0].sum(),
    "autocast": lambda net, x: fewer(net, x).float(),
    "typed": lambda net, x: fewer(net, x).type(torch.float32),
}


@pytest.mark.parametrize("way", ["share", "choice", "fixed"])
def test_what_depends_on_the_size_of_the_batch_is_refused(way: str) -> None:
    with pytest.raises(Refused, match="depends on how many images are in a batch"):
        spec_of(Middle(way).eval(), SHAPE, way, unused=True)


@pytest.mark.parametrize("way", ["plain", "buffer"])
def test_a_factor_that_the_source_does_not_train_is_named(way: str) -> None:
    with pytest.raises(Refused, match=f"`{way}`, which the source does not train"):
        spec_of(Middle(way).eval(), SHAPE, way, unused=True)


@pytest.mark.parametrize("way", ["zeros", "guard"])
def test_a_part_that_is_written_to_is_refused_also_where_random_images_do_not_show_it(way: str) -> None:
    with pytest.raises(Refused, match="`setitem`: a part of a value is written to"):
        spec_of(Middle(way).eval(), SHAPE, way)


@pytest.mark.parametrize("way", ["item", "chosen"])
def test_a_value_that_is_read_on_the_way_is_no_wrong_input(way: str) -> None:
    with pytest.raises(ArchError, match="no graph can be taken") as caught:
        spec_of(Middle(way).eval(), SHAPE, way)
    assert "--input" not in str(caught.value.help)


def test_whole_numbers_among_the_parameters_are_constants() -> None:
    done = spec_of(Middle("places").eval(), SHAPE, "places")
    assert "are constants: places." in " ".join(done.report.notes)
    assert done.report.params == sum(p.numel() for p in Middle("share").parameters()) + 24


def test_fewer_digits_on_the_way_are_said() -> None:
    done = spec_of(Middle("autocast").eval(), SHAPE, "autocast")
    assert any("computes with fewer digits on the way" in note for note in done.report.notes)


def test_rounding_that_grows_in_the_text_as_well_is_no_matter_of_fewer_digits() -> None:
    report = spec_of(Amplifies().eval(), (3, 9, 9), "net").report
    assert report.precision == "float64"
    assert report.notes == ()


def test_code_that_does_not_run_in_double_precision_is_no_bug_of_the_importer() -> None:
    with pytest.raises(ArchError, match="in double precision") as caught:
        spec_of(Middle("typed").eval(), SHAPE, "typed")
    assert "bug" not in str(caught.value.help)
