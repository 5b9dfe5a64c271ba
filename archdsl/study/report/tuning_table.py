"""The tuning of a study as tables: what was selected for each arm, and every setting with the tuning curve."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.report import Cell, Column, Table
from archdsl.study.plan.levels import number
from archdsl.study.report.tuning_text import CURVES, sentences
from archdsl.study.results.results import Results
from archdsl.study.results.tuning import UNSETTLED, ArmTuning, Trial, Tuning


def columns(tuning: Tuning | None) -> list[Column]:
    """What was selected for an arm, as columns; none of a study that does not tune."""
    if tuning is None:
        return []
    return [
        *(Column(r.name.rpartition(".")[2], key=f"tuned {r.name}", align="right") for r in tuning.tune.ranges),
        _score(tuning, tuning.measure.label, "tuned_score"),
        _score(tuning, "own setting", "own_score"),
        Column("settings", "int", key="tuning_settings"),
        Column("lost", key="tuning_lost"),
    ]


def cells(tuning: Tuning | None, name: str, people: bool = True) -> dict[str, Cell]:
    """The cells of an arm in these columns; ``people``: values are texts, else those that are numbers are numbers."""
    arm = next((a for a in tuning.arms if a.name == name), None) if tuning is not None else None
    if tuning is None or arm is None:
        return {}
    one = arm.selected
    return {
        **{f"tuned {r.name}": _value(one, r.name, people) for r in tuning.tune.ranges},
        "tuned_score": one.score if one is not None else None,
        "own_score": arm.trials[0].score,
        "tuning_settings": sum(t.status not in UNSETTLED for t in arm.trials),
        "tuning_lost": ", ".join(f"{n} {state}" for state, n in arm.lost.items()),
    }


def table(results: Results) -> Table:
    """One row an arm: the values that were selected, their score and that of the arm's own setting, and how many were tried."""
    tuning = _of(results)
    heads = [Column("arm"), *columns(tuning)]
    rows = tuple((a.name, *cells(tuning, a.name).values()) for a in tuning.arms)
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], tuple(row[:-1] for row in rows)
    return Table(tuple(heads), rows, "tuning")


def every(results: Results, people: bool = True) -> Table:
    """One row for each setting of each arm, in the order in which they count, with the tuning curve after it; ``people`` as for
    ``cells``.
    """
    tuning = _of(results)
    first = (Column("arm"), Column("run", "int"))
    last = (
        Column("status"),
        _score(tuning, tuning.measure.label, "score"),
        Column("selected"),
        *(_score(tuning, name, name) for name in ("expected", "low", "high")),
    )
    taken = {column.id for column in (*first, *last)}
    values = (
        Column(r.name, key=f"tuned {r.name}" if r.name in taken else "", align="right") for r in tuning.tune.ranges
    )
    heads = (*first, *values, *last)
    return Table(
        heads,
        tuple(row for arm in tuning.arms for row in _rows(tuning, arm, people)),
        results.title,
        notes=(*sentences(results), CURVES),
    )


def _rows(tuning: Tuning, arm: ArmTuning, people: bool) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for n, trial in enumerate(arm.trials):
        point = arm.curve[n] if arm.curve else None
        ends = (None, None, None) if point is None else (point.expected, point.low, point.high)
        values = (_value(trial, r.name, people) for r in tuning.tune.ranges)
        rows.append((arm.name, n + 1, *values, trial.status, trial.score, n == arm.pick, *ends))
    return rows


def _value(trial: Trial | None, name: str, people: bool) -> Cell:
    if trial is None:
        return None
    text = trial.setting[name] or "none"
    value = None if people else number(text)
    return text if value is None else value


def _score(tuning: Tuning, name: str, key: str) -> Column:
    percent = tuning.measure.unit == "percent"
    return Column(name, "percent" if percent else "float", key=key, digits=2 if percent else 4)


def _of(results: Results) -> Tuning:
    if results.tuning is None:
        raise ArchError("the study tunes nothing", help="add `tune:` to the study file, as docs/studies.md shows")
    return results.tuning
