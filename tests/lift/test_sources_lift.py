"""Modules as people have them: compiled, of other precision, with other arguments, or none that could be traced."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.importer.importing import spec_of
from archdsl.importer.models import model
from archdsl.importer.sources import named
from tests.lift.blocks import SHAPE, Head


class Plain(Head):
    """A linear layer on the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(24, 24)

    def block(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Optional(Plain):
    """With arguments that nobody gives, of which the code decides."""

    def forward(self, x: Tensor, mask: Tensor | None = None, *, double: bool = False) -> Tensor:
        x = x if mask is None else x * mask
        return super().forward(x * 2 if double else x)


class Sized(Plain):
    """A module of no length."""

    def __len__(self) -> int:
        return 0


class Two(Plain):
    """With two inputs."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return super().forward(x + y)


class Named(Plain):
    """With an input that has a name alone."""

    def forward(self, x: Tensor, *, by: Tensor) -> Tensor:
        return super().forward(x * by)


def body(module: nn.Module) -> str:
    return spec_of(module, SHAPE, "Net").text.split("\nnet ")[1]


def test_arguments_that_have_defaults_are_those() -> None:
    assert body(Optional()) == body(Plain())


def test_a_compiled_module_is_the_module() -> None:
    assert body(torch.compile(Plain())) == body(Plain())  # type: ignore[arg-type]


def test_parameters_of_a_module_of_no_length_are_counted() -> None:
    net = Sized()
    net.idle = nn.Linear(3, 3)
    with pytest.raises(ArchError, match="does not depend on its 12 parameters"):
        body(net)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_weights_of_another_precision(dtype: torch.dtype) -> None:
    done = spec_of(Plain().to(dtype), SHAPE, "Net")
    assert f"has weights in {str(dtype)[6:]}" in done.text
    assert done.text.split("\nnet ")[1] == body(Plain())


def test_a_network_without_parameters_is_compared_in_train_mode() -> None:
    net = nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert spec_of(net, SHAPE, "Net").report.notes == ()


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Two(), "takes x, y, and a network here has one input"),
        (Named(), "takes x, by, and a network here has one input"),
        (nn.ModuleList([Plain()]), "has no `forward`"),
        (Plain().to("meta"), "has no weights"),
        (torch.jit.trace(nn.Flatten(), torch.zeros(2, *SHAPE)), "is made by torch.jit"),
    ],
    ids=["two", "named", "list", "meta", "jit"],
)
def test_what_no_other_input_would_mend_does_not_advise_one(module: nn.Module, reason: str) -> None:
    with pytest.raises(ArchError, match=reason) as caught:
        spec_of(module, SHAPE, "Net")
    assert "--input" not in str(caught.value.help)


def test_a_function_that_ends_the_program_is_said(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("def make():\n    raise SystemExit(3)\n")
    with pytest.raises(ArchError, match=r"`make\(\)` of .* fails: SystemExit: 3"):
        model(named(f"{tmp_path / 'net.py'}:make()"))


def test_a_source_is_not_replaced_by_its_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text("from torch import nn\nNet = nn.Flatten\n")
    (tmp_path / "link").symlink_to(path)
    for target in (path, tmp_path / "link"):
        assert main(["import", f"{path}:Net", "-o", str(target)]) == 2
        assert "is what this command reads" in capsys.readouterr().err
    assert path.read_text().startswith("from torch")
