"""Torchvision's networks: the texts, held by golden files, and that each has passed the gate.

The fast ones are traced and written here at a small size; all of them, at their own size, under the slow mark.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.api import load
from archdsl.errors import Source
from archdsl.importer.findings import Refused
from archdsl.importer.gate import Report
from archdsl.importer.importing import head, imported
from archdsl.importer.lift import lift
from archdsl.importer.models import model, torchvision_names
from archdsl.importer.sources import Named
from archdsl.importer.trace import traced
from archdsl.importer.write import written
from archdsl.syntax.format import format
from tests.conftest import REPO

GOLDEN = Path(__file__).parent / "golden"
SMALL = (3, 64, 64)
FAST = ("resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5")
GOLDENS = (
    *FAST,
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnext50_32x4d",
    "vgg11_bn",
    "vit_b_16",
    "wide_resnet50_2",
)
WHOLE = json.loads((REPO / "docs" / "import.json").read_text("utf-8"))
LIST = {n: r for n, r in WHOLE.items() if ":" not in n}
TIMM = {n: r for n, r in WHOLE.items() if ":" in n}


def compare(name: str, text: str, regen: bool) -> None:
    path = GOLDEN / f"{name}.arch"
    if regen:
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def text_of(name: str) -> str:
    """What `import` writes, without the gate, which `test_all` holds all to."""
    module, shape = model(Named("torchvision", name))
    graph = traced(module, shape, name)
    body, _, rates = written(*lift(graph, shape, name, module), shape)
    report = Report(sum(p.numel() for p in module.parameters()), 0.0, "float32")
    return format(head(f"torchvision:{name}", report, rates) + "\n" + body)


@pytest.mark.parametrize("name", FAST)
def test_small(name: str) -> None:
    """The text is the golden one but for the size of the input."""
    done = imported(Named("torchvision", name), SMALL)
    assert done.text == (GOLDEN / f"{name}.arch").read_text("utf-8").replace("input 3x224x224", "input 3x64x64")
    assert done.report.difference <= 1e-5
    assert done.report.params == LIST[name]["params"]


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    compare(name, text_of(name), request.config.getoption("--regen"))


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_counts(name: str) -> None:
    """A golden text has the parameters of the list, counted without torch."""
    text = (GOLDEN / f"{name}.arch").read_text("utf-8")
    spec = load(Source(name, text))
    assert spec.cost.params == LIST[name]["params"]
    assert f"# {spec.cost.params:,} parameters" in text
    assert spec.hash == LIST[name]["hash"]


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d", "inception_v3", "mobilenet_v3_small", "vit_b_16"])
def test_as_compact_as_by_hand(name: str) -> None:
    """Statements of an imported text, against the published spec that people wrote."""
    by_hand = (REPO / "specs" / "imagenet" / f"{name}.arch").read_text("utf-8")
    assert length((GOLDEN / f"{name}.arch").read_text("utf-8")) <= 1.25 * length(by_hand)


def length(text: str) -> int:
    """Characters, without comments and spaces."""
    return sum(len("".join(line.partition("#")[0].split())) for line in text.splitlines())


def test_the_list_is_whole() -> None:
    assert list(LIST) == sorted(torchvision_names())
    assert all(r["difference"] <= 1e-5 for r in LIST.values() if "params" in r)
    assert len(LIST) == 80
    assert not [name for name, record in LIST.items() if "params" not in record]


def test_the_list_of_timm_is_whole() -> None:
    """The measure of docs/import.md: nine of ten modules, each other one with its reason, and no module twice."""
    modules = [name.split(":")[1] for name in TIMM]
    assert len(modules) == len(set(modules)) == 98
    imported = {name: record for name, record in TIMM.items() if "params" in record}
    assert len(imported) >= 0.9 * len(TIMM)
    assert all(record["difference"] <= 1e-5 for record in imported.values())
    assert all(record["reason"] for name, record in TIMM.items() if name not in imported)
    page = (REPO / "docs" / "import.md").read_text("utf-8")
    assert f"{len(imported)} of {len(TIMM)} import" in page
    assert f"{len(LIST)} of {len(LIST)} import" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, r in LIST.items() if r.get("params", 10**9) < 100_000_000])
def test_all(name: str) -> None:
    done = imported(Named("torchvision", name), unused="left_out" in LIST[name])
    assert done.report.left_out == LIST[name].get("left_out", 0)
    assert done.report.params == LIST[name]["params"]
    assert load(Source(name, done.text)).hash == LIST[name]["hash"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, r in LIST.items() if "left_out" in r and r["params"] < 50_000_000])
def test_what_needs_an_option_is_refused_without_it(name: str) -> None:
    with pytest.raises(Refused, match="--unused"):
        imported(Named("torchvision", name))
