"""How many decimals a study shows: small values beside large ones, and losses below a hundredth, keep their digits."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from archdsl.cli.views.runs import _delta
from archdsl.expand.metrics import metric_of
from archdsl.report.text import plain_text, records
from archdsl.study.report import planning, tables, tuning_text
from archdsl.study.report.figures import heat
from archdsl.study.report.html import html
from archdsl.study.results.results import Results
from archdsl.study.results.tuning import Tuning
from archdsl.study.results.unit import unit
from tests.study.test_metrics import BASE, made
from tests.study.test_tuning import selected
from tests.study.tuned import TUNED, plan_of

LOSS = "metrics: [test_loss]\n"


def losses(*arms: Sequence[float], text: str = BASE + LOSS) -> Results:
    """A study whose runs have these test losses, by arm and seed."""
    return made(text, [[{"test_loss": v, "seconds": 2.0} for v in seeds] for seeds in arms])


def test_an_arm_that_explodes_takes_no_digits_of_the_others() -> None:
    pytest.importorskip("matplotlib")
    shown = losses((0.4121, 0.4187, 0.4160), (25154.0, 39000.0, 11000.0))
    assert unit(shown).value(0.4156) == "0.4156"
    assert "0.4156 ± 0.0033" in html(shown, "c")
    grid = BASE.replace("conv(4, s=4)", "conv({w: 4 | 8}, s=4)") + LOSS
    four = losses((0.41,) * 3, (0.5,) * 3, (25154.0,) * 3, (31.0,) * 3, text=grid)
    assert heat(four) is not None


def test_like_values_have_the_decimals_of_the_largest() -> None:
    assert unit(losses((0.95, 0.97, 0.91), (1.05, 1.02, 1.08))).value(0.95) == "0.950"
    assert unit(losses((0.95, 0.97, 0.91), (10.5, 10.2, 10.8))).value(0.95) == "0.9500"


def test_large_values_show_a_small_spread() -> None:
    shown = losses((1834.2, 1834.5, 1833.9), (1834.0, 1834.3, 1833.8))
    assert unit(shown).value(1834.2) == "1834.20"
    assert unit(shown).change(-0.2) == "−0.20"


def test_small_losses_are_no_zeros_in_a_table() -> None:
    shown = losses((0.000012, 0.000013, 0.000015), (0.000032, 0.000033, 0.000039))
    table = tables.table(shown)
    assert "0.00001333" in plain_text(table)
    assert records(table)[0]["mean"] == pytest.approx(0.00001333, rel=1e-3)
    assert "0.00001200" in plain_text(tables.each(shown))
    tiny = losses((1.2e-11, 1.3e-11, 1.5e-11), (3e-11, 4e-11, 5e-11))
    assert re.search(r"\+2\.66667e.11", plain_text(tables.table(tiny)))


def test_an_amount_is_shown_as_it_was_stated() -> None:
    shown = losses((150.2, 150.9, 151.4), (149.0, 149.5, 150.6))
    assert unit(shown).amount(0.05) == "0.05"
    assert "to detect 0.0004 (" in planning.detect(losses((1.2, 1.3, 1.1), (1.4, 1.2, 1.6)), 0.0004)


def test_a_setting_that_explodes_takes_no_digits_of_the_selected_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    tuning = selected(plan_of(TUNED), lambda arm, n: 0.3124 if n else 40213.0)
    monkeypatch.setattr(Tuning, "measure", metric_of("valid_loss"))
    assert tuning_text.unit(tuning).value(0.3124) == "0.3124"


@pytest.mark.parametrize(("name", "first", "other", "text"), [
    ("test_loss", 1.2e-5, 3.4e-5, "+2.2e-05"), ("test_loss", 0.5, 0.5, "+0.0000"), ("test_loss", 0.5, 0.25, "-0.2500"),
    ("params", 11_689_512, 11_689_513, "+1"), ("params", 1000, 1100, "+10.0 %"), ("params", 1000, 1000, "+0.0 %"),
])  # fmt: skip
def test_a_small_difference_is_no_zero(name: str, first: float, other: float, text: str) -> None:
    assert _delta(name, first, other) == text
