"""What must not change, or every stored run would be another one: the hash of each spec, the text that a run records, and the
settings in it. `pytest tests/test_pins.py --regen` adds what is new; it changes nothing that is pinned.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import pytest

from archdsl.api import experiment_of, load
from archdsl.errors import ArchError
from archdsl.registry import Entry, entries
from archdsl.settings.experiment import to_json
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.file import read_study
from tests.conftest import REPO

PINS = REPO / "tests" / "golden" / "pins.json"
NET = "net conv(8) bn relu gap linear(10)"
ROOT = REPO.joinpath("specs")


def texts() -> Iterator[str]:
    """Every shipped spec and every example of every word, each as the text of a whole spec."""
    for path in sorted(p for p in ROOT.rglob("*.arch") if p.parent.name != "spaces"):
        yield path.read_text("utf-8")
    for entry in entries():
        if entry.make.__module__.startswith("archdsl.") and entry.kind != "metric":
            for example in entry.examples:
                yield whole(entry, example)


def whole(entry: Entry, example: str) -> str:
    if entry.kind == "data":
        named = entry.slot == "dataset" or re.match(r"[a-z0-9-]+ ", example)
        return f"input 3x32x32\nclasses 10\n{NET}\ndata {example if named else f'cifar10 {example}'}\n"
    if entry.kind == "train":
        long = example if "epochs" in example else f"{example} epochs(200)"
        return f"{NET}\ndata cifar10 valid(10%)\ntrain {long}\n"
    return f"input 3x64x64\nclasses 10\nnet {example}\n"


def arms() -> dict[str, list[str]]:
    """The name and the hash of each arm of each shipped study."""
    earlier = REPO / "tests/golden/studies"  # shipped once under these names
    studies = sorted((*ROOT.joinpath("studies").glob("*.yaml"), *earlier.glob("*.yaml")))
    return {path.name: [f"{a.name} {a.spec.hash}" for a in arms_of(read_study(path)).arms] for path in studies}


def hashes(named: list[str]) -> list[str]:
    """The hashes of arms: what an arm is called, and its place in a table, name no run."""
    return sorted(arm.rpartition(" ")[2] for arm in named)


def short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pins(text: str) -> list[str]:
    """Hash of the spec, of its canonical text, and of the settings of its training, where it names data."""
    spec = load(text)
    found = [spec.hash, short(spec.canonical)]
    if spec.graph.data:
        settings = to_json(experiment_of(spec, checked=False))
        found.append(short(json.dumps(settings, sort_keys=True)))
    return found


def pinnable(text: str) -> bool:
    """Whether a text needs no file of one's own and no weights of a zoo."""
    try:
        return bool(pins(text))
    except ArchError:
        return False


def test_what_names_a_stored_run_is_what_it_was(request: pytest.FixtureRequest) -> None:
    pinned = json.loads(PINS.read_text("utf-8")) if PINS.exists() else {"texts": {}, "studies": {}}
    if request.config.getoption("--regen"):
        new = {t: pins(t) for t in texts() if t not in pinned["texts"] and pinnable(t)}
        pinned = {"texts": pinned["texts"] | new, "studies": arms() | pinned["studies"]}
        PINS.write_text(json.dumps(pinned, indent=0, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    assert len(pinned["texts"]) > 300
    assert not {text: now for text, was in pinned["texts"].items() if (now := pins(text)) != was}
    assert {name: hashes(now) for name, now in arms().items() if name in pinned["studies"]} == {
        name: hashes(was) for name, was in pinned["studies"].items()
    }
