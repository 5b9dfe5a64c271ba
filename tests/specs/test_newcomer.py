"""Published networks that the repository does not ship, written by somebody who had read the README, the language's page
and `archdsl words` alone. Each has exactly the weights of its reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.api import load
from archdsl.emit.vision import import_torchvision

SPECS = sorted((Path(__file__).parent / "newcomer").glob("*.arch"))


@pytest.mark.parametrize("path", SPECS, ids=[p.stem for p in SPECS])
def test_a_newcomers_network_is_the_published_one(path: Path) -> None:
    text = path.read_text("utf-8")
    said = re.search(r"# params: ([\d,]+) \((torchvision|timm) (\w+)\)", text)
    assert said is not None
    spec = load(path)
    assert spec.cost.params == int(said[1].replace(",", ""))
    assert [n for n in spec.notes if n.severity != "note"] == []
    import_torchvision()
    import timm
    from torchvision.models import get_model

    peer = get_model(said[3]) if said[2] == "torchvision" else timm.create_model(said[3])
    ours = [bare(s) for row in spec.trace.flat() for s in row.layer.weights.values()]
    assert sorted(ours) == sorted(bare(tuple(p.shape)) for p in peer.parameters())


def bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without a 1x1 window: some references write their last linear layer as a convolution."""
    return shape[:2] if shape[2:] == (1, 1) else shape
