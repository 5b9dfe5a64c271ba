"""docs/formulas.md has every formula, and each names its tests."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formulas.md").read_text("utf-8")


def test_the_page_has_every_formula_and_names_tests_that_exist() -> None:
    texts = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    own = {name for text in texts for name in re.findall(r"(?m)^def (test_formula_\w+)", text)}
    assert [int(n) for n in re.findall(r"(?m)^## \((\d+)\) ", PAGE)] == list(range(1, 19))
    for section in re.split(r"(?m)^## ", PAGE)[1:]:
        number = re.match(r"\((\d+)\)", section)
        named = set(re.findall(r"test_formula_\w+", section))
        if number:
            assert named, section[:40]
            assert all(name.startswith(f"test_formula_{int(number[1]):02}_") for name in named)
            assert "$$" in section
            assert re.search(r"arXiv:\d{4}\.\d{4,5}|\(before arXiv\)", section), section[:40]
    assert set(re.findall(r"test_formula_\w+", PAGE)) == own
