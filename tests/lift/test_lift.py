"""What people write in PyTorch, as the language says it; each text has passed the gate."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest
import torch
from torch import nn

from archdsl.errors import ArchError
from archdsl.importer.findings import Refused, Unequal
from archdsl.importer.gate import pass_gate
from archdsl.importer.importing import spec_of
from archdsl.importer.lift import lift
from archdsl.importer.match import Mismatch, paired, read
from archdsl.importer.trace import traced
from archdsl.importer.write import written

SHAPE = (3, 16, 16)
TEXTS = {
    "Tied": "conv(8, p=0) same: conv(8) relu again(same) gap linear(classes)",
    "Functional": "conv(8) relu maxpool conv(16, s=2) relu avgpool flatten drop(0.25) linear(20) hardswish linear(classes)",
    "Mean": "conv(8) bn relu res(conv(16, s=2) bn relu conv(16) bn) relu gap linear(classes)",
    "Split": "conv(12) cat(part(1, 2) | part(2, 2) conv(6)) shuffle(3) cat(slice(0, 8) | slice(8) conv(4, 1)) "
    "cat(slice(0, 8) | slice(9) conv(5, 1)) gap linear(classes)",
    "Gate": "conv(16) relu mul(id | gap linear(4) relu linear(16) sigmoid) se(4) gap linear(classes)",
    "Dense": "conv(8) cat(id | conv(4) relu)*4 gap linear(classes)",
    "Last": "conv(8, 4, s=4, p=0) res(dwconv ln linear(32, each) gelu linear(8, each) scale) gap linear(classes)",
    "Alike": "let block(c) = res(conv(c, 1) elu conv(2*c) elu conv(c, 1), skip=conv(c, 1)) elu "
    "net conv(8) block(8) block(16) block(32) gap linear(classes)",
}


def body(text: str) -> str:
    """The statements behind `classes`, on one line, without `net` where no let stands before it."""
    line = " ".join(text.split("classes 10\n", 1)[1].split())
    for wide, narrow in (("( ", "("), (" )", ")")):
        line = line.replace(wide, narrow)
    return line.removeprefix("net ")


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str, kinds: ModuleType) -> None:
    done = spec_of(getattr(kinds, name)(), SHAPE, name)
    assert body(done.text) == TEXTS[name]
    assert done.report.difference <= 1e-5


def test_wiring_that_does_not_nest(kinds: ModuleType) -> None:
    text = spec_of(kinds.Wired(), SHAPE, "Wired").text
    assert " as x1" in text
    assert "@x1" in text


def test_export_where_fx_cannot(kinds: ModuleType) -> None:
    """A loop over as many rounds as the batch's tensor has channels has no symbolic trace; torch.export unrolls it."""

    class Rounds(kinds.Mean):  # type: ignore[misc,name-defined]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(x.shape[1] - 3):
                x = x * 2
            return super().forward(x)  # type: ignore[no-any-return]

    assert body(spec_of(Rounds(), SHAPE, "Rounds").text) == TEXTS["Mean"]


def refused(name: str, kinds: ModuleType, unused: bool = False) -> Refused:
    with pytest.raises(Refused) as caught:
        spec_of(getattr(kinds, name)(), SHAPE, name, unused)
    assert caught.value.exit_code == 2
    return caught.value


def test_every_place_is_named_at_once(kinds: ModuleType) -> None:
    """Both places, and not the sum that follows from them."""
    error = refused("Unknown", kinds)
    assert [f.op for f in error.findings] == ["cumsum", "flip"]
    assert "because of 2 places" in str(error)


def test_an_image_is_no_result(kinds: ModuleType) -> None:
    (finding,) = refused("Picture", kinds).findings
    assert "8x14x14" in finding.reason


def test_a_reason_is_cut_between_words() -> None:
    from archdsl.importer.gate import told

    said = told(ValueError("expected version 0 instead of " + "1 or 2 or " * 40))
    assert len(said) <= 200
    assert said.endswith((" 1 …", " 2 …", " or …"))


def test_parameters_without_effect(kinds: ModuleType) -> None:
    (finding,) = refused("Aux", kinds).findings
    assert (finding.path, "90 parameters" in finding.reason) == ("aux", True)
    done = spec_of(kinds.Aux(), SHAPE, "Aux", unused=True)
    assert body(done.text) == TEXTS["Mean"]
    assert done.report.left_out == 90
    assert "# Without 90 parameters" in done.text


def test_control_flow_over_values(kinds: ModuleType) -> None:
    with pytest.raises(Exception, match="no graph can be taken of Branching"):
        spec_of(kinds.Branching(), SHAPE, "Branching")


REASONS: dict[str, tuple[nn.Module, str]] = {
    "padding": (nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), "padding mode reflect"),
    "cut": (nn.Hardtanh(-2, 2), "relu6"),
    "momentum": (nn.BatchNorm2d(3, momentum=None), "momentum=None"),
    "pool": (nn.MaxPool2d(2, dilation=2), "dilation"),
    "type": (nn.Threshold(0.1, 0), "no word for this module"),
    "dilation": (nn.Conv2d(3, 3, 3, dilation=(1, 2)), "differs between height and width"),
}


@pytest.mark.parametrize("name", REASONS)
def test_reasons(name: str) -> None:
    module, reason = REASONS[name]
    with pytest.raises(Refused, match=reason):
        spec_of(nn.Sequential(module, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10)), SHAPE, name)


class Turned(nn.Module):
    """Rows and columns exchanged."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(2, 3)


def test_a_reshape_that_no_word_is() -> None:
    with pytest.raises(Refused, match="no word stands for"):
        spec_of(nn.Sequential(Turned(), nn.Conv2d(3, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), SHAPE, "reshape")


def test_an_input_that_does_not_fit(kinds: ModuleType) -> None:
    with pytest.raises(ArchError, match="does not take an input 4x16x16"):
        spec_of(kinds.Mean(), (4, 16, 16), "Mean")


def test_the_gate_sees_a_wrong_text(kinds: ModuleType) -> None:
    """A text with an activation too few, weights left out or another wiring does not get through."""
    graph = traced(kinds.Mean(), SHAPE, "Mean")
    steps, output = lift(graph, SHAPE, "Mean")
    text, steps, _ = written(steps, output, SHAPE)
    for wrong in (
        text.replace(") relu gap", ") gap"),
        text.replace("conv(16) bn)", "conv(16) bn, skip=conv(16, 1, s=2))"),
    ):
        assert wrong != text
        with pytest.raises(Mismatch):
            paired(read(wrong), steps, output)
    short = [dataclasses.replace(s, sources={}) if s.path == "fc" else s for s in steps]
    with pytest.raises((Unequal, KeyError)):
        pass_gate(graph, read(text), short, output, "Mean")


def test_the_gate_sees_other_logits(kinds: ModuleType) -> None:
    """Weights that went to a wrong place: two of one shape exchanged."""
    graph = traced(kinds.Wired(), SHAPE, "Wired")
    steps, output = lift(graph, SHAPE, "Wired")
    text, steps, _ = written(steps, output, SHAPE)
    a, b = (n for n, s in enumerate(steps) if s.path in ("b", "c"))
    steps[a], steps[b] = (
        dataclasses.replace(steps[a], sources=steps[b].sources),
        dataclasses.replace(steps[b], sources=steps[a].sources),
    )
    with pytest.raises(Unequal, match="logits of Wired differ by") as caught:
        pass_gate(graph, read(text), steps, output, "Wired")
    assert caught.value.exit_code == 3


def test_a_dead_network_is_no_evidence() -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x.mean([2, 3]) * 0.0)  # type: ignore[no-any-return]

    with pytest.raises(Unequal, match="hardly depend"):
        spec_of(Dead(), SHAPE, "Dead")
