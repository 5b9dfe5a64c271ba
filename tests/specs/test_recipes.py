"""The recipes of docs/recipes.md are read, agree with themselves, and train a small net."""

from __future__ import annotations

import math
import re

import pytest

from archdsl.api import experiment_of, load
from archdsl.settings.checks import augment_findings, refuse
from tests.conftest import REPO
from tests.words.test_conformance import losses, one_thread  # noqa: F401 - a fixture

PAGE = (REPO / "docs" / "recipes.md").read_text("utf-8")
RECIPES = dict(re.findall(r"\*\*(.+?)\*\*.*?```arch\n(.+?)```", PAGE, re.DOTALL))
SMALL = {"epochs": r"epochs\(\d+\)", "dataset": r"(?m)^data +\S+"}


def test_there_are_a_dozen() -> None:
    assert len(RECIPES) >= 12
    assert len(RECIPES) == PAGE.count("```arch")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe(name: str) -> None:
    spec = load(RECIPES[name])
    experiment = experiment_of(spec, checked=False)
    refuse(augment_findings(experiment.data.augment, experiment.data.dataset.input))
    assert spec.cost.params > 1000
    assert not [n for n in spec.notes if "no effect" in n.message]
    settings = [line for line in RECIPES[name].splitlines() if line.startswith(("data", "train"))]
    text = re.sub(SMALL["dataset"], "data fashion-mini", "\n".join(settings))
    assert all(math.isfinite(loss) for loss in losses(text))
