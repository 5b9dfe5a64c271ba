"""The spaces that are shipped, and that of the bank for searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.api import experiment_of, read, whole
from archdsl.expand.space import Space, some
from archdsl.files import spaces, specs
from archdsl.search.plan import Asked, middle, planned
from tests.conftest import REPO

SPACES = [*spaces(), REPO / "bench/search_bank.arch"]


@pytest.mark.parametrize("path", SPACES, ids=lambda p: p.stem)
def test_a_hundred_arms_can_be_trained(path: Path) -> None:
    source, file = read(path)
    for arm in some(file, 100):
        experiment = experiment_of(whole(source, arm))
        assert experiment.data.valid is not None
        assert experiment.train.epochs == 9


@pytest.mark.parametrize("path", SPACES, ids=lambda p: p.stem)
def test_its_base_is_valid(path: Path) -> None:
    source, file = read(path)
    space = Space.of(file)
    assert whole(source, space.file(middle(space))).cost.params > 0


def test_a_shipped_space_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options, _ = planned(Asked("vgg-small", rungs="1,3,9"), "vgg-small", tmp_path / "runs")
    assert options.text.startswith("net vgg[{width: 8")


def test_spaces_are_not_among_the_specs() -> None:
    assert not set(spaces()) & set(specs())


def test_the_bank_has_as_many_arms_as_it_says() -> None:
    assert Space.of(read(REPO / "bench/search_bank.arch")[1]).size == 432
