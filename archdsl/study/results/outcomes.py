"""What is said of runs that finished without a figure, without having learned anything, or on other images than the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.runs.events import WARNING, warnings_in
from archdsl.study.names import NAMED, quoted
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.run_figures import RunFigures, figure_of, is_no_number
from archdsl.words.data.folders import Folder
from archdsl.words.tasks import Several


def warned(results: Results) -> Iterable[str]:
    """What finished runs were warned of before their first step, each text once, with its arms."""
    found: dict[str, list[str]] = {}
    for arm in results.arms:
        texts = [text for seed in sorted(arm.figures) for text in warnings_in(arm.figures[seed])]
        for text in dict.fromkeys(texts):
            found.setdefault(text, []).append(arm.name)
    for text, names in list(found.items())[:NAMED]:
        every = len(names) == len(results.arms) > 1
        yield f"{WARNING}{text} ({'every arm' if every else quoted(names)})"
    if len(found) > NAMED:
        yield f"and {len(found) - NAMED} more warnings, which `archdsl runs show RUN` says of a run"


def unmeasured(results: Results) -> Iterable[str]:
    """Finished runs that have no figure of a metric: they were trained before it was recorded, or it is not defined for them,
    such as a threshold that was not reached.
    """
    for name in (results.metric, *results.more):
        yield from _no_numbers(results, name)
        lacks = [(a.name, n) for a in results.arms if (n := _without(a, name, results.metric))]
        if lacks:
            few = ", ".join(f"{n} of `{arm}`" for arm, n in lacks[:3]) + (" and others" if len(lacks) > 3 else "")
            yield (
                f"{metric_of(name).label}: {sum(n for _, n in lacks)} finished runs have no figure, because they have not "
                f"recorded it, never reached it, or it is not defined for them, and are left out ({few})"
            )


def _without(result: ArmResult, name: str, decides: str) -> int:
    """How many finished runs of an arm have no figure of a metric. Runs that are not counted, such as those of an incomplete
    block, may have one; those whose figure is not a number are reported by ``_no_numbers``.
    """
    counted = result.values if name == decides else result.more[name]
    rest = {seed: figures for seed, figures in result.figures.items() if seed not in counted}
    word = metric_of(name)
    runs = [RunFigures(figures, result.arm.totals, result.folders.get(seed)) for seed, figures in rest.items()]
    return sum(figure_of(word, run) is None and not is_no_number(word, run) for run in runs)


def _no_numbers(results: Results, name: str) -> Iterable[str]:
    """Finished runs whose figure of a metric is NaN or infinite."""
    word, found = metric_of(name), list[str]()
    for arm in results.arms:
        runs = {s: RunFigures(own, arm.arm.totals, arm.folders.get(s)) for s, own in sorted(arm.figures.items())}
        seeds = [str(seed) for seed, run in runs.items() if is_no_number(word, run)]
        if seeds:
            found.append(f"`{arm.name}`, seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}")
    if found:
        few = "; ".join(found[:3]) + ("; and others" if len(found) > 3 else "")
        yield f"{word.label}: the figure is not a number (NaN or infinite) in these runs, which are left out: {few}"


def untrained(results: Results) -> Iterable[str]:
    """Which rule says that runs did not train."""
    count = sum(len(a.untrained) for a in results.arms)
    if count and any(isinstance(a.arm.spec.task, Several) for a in results.arms):
        yield (
            f"{many(count, 'run')} did not train: of no head is test accuracy above the 99 % binomial interval "
            "of chance, or test R² above 0; the figures count like any other"
        )
    elif count and not all(a.arm.spec.task.counted for a in results.arms):
        yield f"{many(count, 'run')} did not train: test R² is not above 0; the figures count like any other"
    elif count:
        yield (
            f"{many(count, 'run')} did not train: neither test accuracy nor training accuracy is above the "
            "99 % binomial interval of chance, the fraction of the commonest class, on the images of the test part; the "
            "figures count like any other"
        )


def measured_elsewhere(results: Results) -> Iterable[str]:
    """A sentence where arms are measured on other test or validation images than the reference, so that Δ is of images, too."""
    on = results.measure.on
    # Validation images are drawn from those that the arm trains on.
    slots = {"test": ("dataset",), "valid": ("dataset", "subset", "valid")}.get(on, ())
    words = {
        a.name: sorted(told(w.value, on) for w in a.arm.spec.graph.data if w.entry.slot in slots) for a in results.arms
    }
    usual = words[results.reference.name]
    if results.compares and (others := [name for name, own in words.items() if own != usual]):
        what = "another test set" if on == "test" else "other validation images"
        yield (
            f"{quoted(others)} {'is' if len(others) == 1 else 'are'} measured on {what} than `{results.reference.name}`: Δ is "
            "of the data as well as of the arms, and equal seeds do not make pairs there"
        )


def told(value: Any, on: str) -> str:
    """A data word as text, without the name of a training part that a stated test part is independent of."""
    apart = on == "test" and isinstance(value, Folder) and value.test is not None
    return repr(replace(value, train=None) if apart else value)
