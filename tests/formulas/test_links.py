"""docs/formulas.md links each formula to the file of the test that computes it."""

from __future__ import annotations

import re

from tests.conftest import REPO

PAGE = (REPO / "docs/formulas.md").read_text("utf-8")
LINK = re.compile(r"\[`(test_formula_(\d\d)_\w+)`\]\(\.\./(tests/formulas/\w+\.py)\)")


def test_every_formula_links_to_its_tests() -> None:
    linked = LINK.findall(PAGE)
    assert {number for _, number, _ in linked} == {f"{n:02}" for n in range(1, 19)}
    for name, _, file in linked:
        assert f"def {name}(" in (REPO / file).read_text("utf-8")
    assert {name for name, _, _ in linked} == set(re.findall(r"test_formula_\d\d_\w+", PAGE))
