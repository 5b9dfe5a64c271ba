"""Whether a difference is written in the unit of the metric that it is a difference of."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.study.amounts import amount, in_percent


def check_unit(option: str, text: str, metric: str) -> None:
    """Refuse a difference in per cent or points of a metric that is not a fraction.

    Raises:
        ArchError: it says how the difference is written.
    """
    if in_percent(text) and metric_of(metric).unit != "percent":
        raise ArchError(
            f"`{option} {text}` is a difference of fractions, and {metric} is not a fraction",
            help=f"give it in the unit of {metric}, such as {option} {amount(text, option):g}",
        )
