"""Layers that a source uses several times: the text has them once, under a label, and `again` where they are used again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from archdsl.importer.match import Mismatch, paired, read
from archdsl.importer.modes import lifted
from archdsl.importer.write import written

SHAPE = (3, 16, 16)


def conv(ins: int, outs: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(ins, outs, 3, padding=1, bias=bias)


class Rounds(nn.Module):
    """A block that is applied three times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8)
        self.block = nn.Sequential(conv(8, 8), nn.ReLU(), conv(8, 8), nn.ReLU())
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = self.block(x)
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


class Residuals(Rounds):
    """The same block as a branch."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = x + self.block(x)
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


class Towers(nn.Module):
    """A tower with batch norm over two views of the image, whose running averages it updates twice a step."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8))
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        views = self.tower(x), self.tower(functional.max_pool2d(x, 3, 1, 1))
        return self.fc((views[0] - views[1]).mean((2, 3)))  # type: ignore[no-any-return]


class Pyramid(nn.Module):
    """One head over images of two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = conv(3, 8), nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.head = nn.Sequential(conv(8, 8), nn.ReLU(), nn.Conv2d(8, 10, 1))

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine(x)
        return self.head(fine).mean((2, 3)) + self.head(self.coarse(fine)).mean((2, 3))  # type: ignore[no-any-return]


class Tensors(nn.Module):
    """Two layers with one tensor, of which one may have a bias of its own."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        self.one, self.other = conv(3, 3, bias), conv(3, 3, bias)
        self.other.weight = self.one.weight
        self.fc = nn.Linear(3, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.other(self.one(x).relu()).mean((2, 3)))  # type: ignore[no-any-return]


class Interleaved(nn.Module):
    """A norm that two layers share, which do not."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.other = conv(3, 8), nn.BatchNorm2d(8), conv(8, 8)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.one(x)).relu()
        return self.fc(self.norm(self.other(x)).mean((2, 3)))  # type: ignore[no-any-return]


BLOCK = "block: (conv(8, bias=true) relu conv(8, bias=true) relu)"
TEXTS = {
    Rounds: f"net conv(8) {BLOCK} again(block)*2 gap linear(classes)",
    Residuals: f"net conv(8) add({BLOCK} | id) add(again(block) | id)*2 gap linear(classes)",
    Towers: "net sub(tower: (conv(8, bias=true) bn relu conv(8, bias=true)) | maxpool(3, s=1, p=1) again(tower)) "
    "gap linear(classes)",
    Pyramid: "net conv(8) add(conv(8, s=2) head: (conv(8, bias=true) relu conv(10, 1, bias=true) gap) | again(head))",
    Tensors: "net one: conv(3, bias=false) relu again(one) gap linear(classes)",
    Interleaved: "net conv(8, bias=true) norm: bn relu conv(8) again(norm) gap linear(classes)",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text(kind: type[nn.Module]) -> None:
    """The gate has compared parameters, logits and gradients."""
    torch.manual_seed(0)
    source = kind()
    done = spec_of(source, SHAPE, kind.__name__)
    assert " ".join(done.text.split("classes 10\n", 1)[1].split()) == TEXTS[kind]
    assert done.report.params == sum(p.numel() for p in source.parameters())
    assert done.report.difference <= 1e-5


def test_a_text_with_other_sharing_is_another_network() -> None:
    found = lifted(Rounds(), SHAPE, "Rounds")
    text, steps, _ = written(found.steps, found.output, SHAPE)
    paired(read(text), steps, found.output)
    block = "(conv(8, bias=true) relu conv(8, bias=true) relu)"
    for net in (f"block: {block} again(block) {block}", f"a: {block} b: {block} again(a)", f"{block}*3"):
        other = f"input 3x16x16\nclasses 10\nnet conv(8) {net} gap linear(classes)\n"
        with pytest.raises(Mismatch, match="has other weights for"):
            paired(read(other), steps, found.output)


def test_a_layer_that_shares_one_of_its_tensors_is_refused() -> None:
    with pytest.raises(Refused, match=r"other: `conv`: shares its weight with one; `again\(f\)` shares all weights"):
        spec_of(Tensors(bias=True), SHAPE, "Tensors")


def test_places_with_one_reason_are_told_once() -> None:
    class Many(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(30):
                x = x.flip(1) + 1
            return x.cumsum(1)

    with pytest.raises(Refused) as caught:
        spec_of(Many(), SHAPE, "Many")
    assert len(caught.value.findings) >= 1
    assert len(str(caught.value).splitlines()) <= 4
