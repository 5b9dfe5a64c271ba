"""The recipes of docs/recipes.md are read, agree with themselves, and train a small net."""

from __future__ import annotations

import math
import re

import pytest

from archdsl.api import experiment_of, load
from archdsl.settings.checks import augment_findings, refuse
from archdsl.words.data.policies import RandAugment
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


def test_the_wide_net_is_the_papers() -> None:
    """WRN-28-10, whose parameters its authors' code has, and not a net of ten times the widths of another one."""
    assert load(RECIPES["SGDR for wide residual nets"]).cost.params == 36_479_194


def test_a_magnitude_of_timm_is_one_of_thirty_here() -> None:
    """timm's `rand-m7` is 7 of 10."""
    chosen = experiment_of(load(RECIPES['timm: "ResNet strikes back", A2']), checked=False).data.augment
    (policy,) = (word for word in chosen if isinstance(word, RandAugment))
    assert policy.m / 30 == pytest.approx(7 / 10)
