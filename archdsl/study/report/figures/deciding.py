"""The evidence about each arm of a study, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.study.report.figures.canvas import labels
from archdsl.study.report.figures.evidence import LETTERS, Course, evidence, unnamed
from archdsl.study.results.results import ArmResult, Results


def deciding(results: Results, slim: bool = False) -> str | None:
    """The evidence over the seeds as SVG; None for a fixed design, which is looked at once, and below two seeds."""
    if not results.options.sequential:
        return None
    return evidence(_courses(results), alpha=results.options.alpha, family=max(1, len(results.compared)), slim=slim)


def left_out(results: Results) -> Iterator[str]:
    """What the figure has no room for."""
    yield from unnamed(_courses(results))


def _courses(results: Results) -> list[Course]:
    names = dict(zip((a.name for a in results.arms), labels([a.label for a in results.arms], LETTERS), strict=True))
    return [course for a in results.compared if (course := course_of(results, a, names[a.name])) is not None]


def course_of(results: Results, arm: ArmResult, name: str) -> Course | None:
    """The evidence on an arm after each seed that counts; None below two."""
    course, _ = results.course(arm)
    if arm.verdict is None or len(course) < 2:
        return None
    logs = tuple(e.counts / math.log(10) for e in course)
    return Course(name, logs, arm.verdict.decision, arm.verdict.decided)
