"""What ``runs`` says of runs, as tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archdsl.expand.metrics import unit_of
from archdsl.report.table import Cell, Column, Table
from archdsl.runs.events import WARNING, warnings_in
from archdsl.runs.index import KEYS, OTHERS, differences, epochs, flat, row
from archdsl.runs.store.log import read_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.runs.index import Row
    from archdsl.runs.run import Run

LAST = 5  # epochs that `show` shows
MORE = (
    "why",
    "message",
    "step",
    "limit",
    "kept_epoch",
    "best_epoch",
    "test_loss",
    "test_mse",
    "evaluations",
    "images_per_second",
    "weights_sha256",
)
COMPARED = ("test_accuracy", "best_valid_accuracy", "train_loss", "params", "seconds", "epochs")
_KINDS: dict[str, dict[str, Any]] = {
    "test_accuracy": {"kind": "percent", "digits": 2},
    "best_valid_accuracy": {"kind": "percent", "digits": 2},
    "train_loss": {"kind": "float", "digits": 4},
    "epochs": {"kind": "int"},
    "params": {"kind": "int"},
    "seconds": {"kind": "float", "digits": 1},
}


_KINDS |= {name: {"kind": "float", "digits": 4} for name in OTHERS}
_KINDS["test_miou"] = {"kind": "percent", "digits": 2}


HEADS = {"test_accuracy": "test acc.", "best_valid_accuracy": "best valid", "train_loss": "train loss"}


def run_table(rows: Sequence[Row]) -> Table:
    """A row a run; what is damaged is shown below."""
    found = dict.fromkeys(name for r in rows for name in r.figures if name not in KEYS)
    others = [*(name for name in OTHERS if name in found), *(name for name in found if name not in OTHERS)]
    keys = [k for key in KEYS for k in ((*others, key) if key == "best_valid_accuracy" else (key,))]
    columns = tuple(Column(HEADS.get(k, k), key=k, **_kind(k)) for k in keys)
    notes = tuple(r.why for r in rows if r.why)
    return Table(columns, tuple(tuple(r.figures.get(k) for k in keys) for r in rows), notes=notes)


def _kind(key: str) -> dict[str, Any]:
    """How the values of a column are shown; those that only some tasks have by the unit of their metric."""
    if key in KEYS or key in _KINDS:
        return _KINDS.get(key, {})
    return {"kind": "percent", "digits": 2} if unit_of(key) == "percent" else {"kind": "float", "digits": 4}


def shown_record(run: Run) -> dict[str, Any]:
    """Everything that is known of a run, as plain values."""
    return {
        "run": str(run.folder),
        "status": row(run.folder).figures["status"],
        "spec": run.spec,
        "settings": run.settings,
        "versions": run.versions,
        "result": run.result,
        "epochs": epochs(read_events(run.folder)),
    }


def shown(run: Run) -> list[Table]:
    """The result, the settings and versions, the last epochs."""
    about = row(run.folder)
    figures = [(k, _text(k, v)) for k, v in about.figures.items() if v is not None]
    result = [(k, _text(k, v)) for k in MORE if (v := (run.result or {}).get(k)) not in (None, "")]
    spec = [(f"text {n}", line) for n, line in enumerate(run.spec.splitlines(), 1)]
    settings = [(k, _text(k, v)) for k, v in about.settings.items() if v is not None and v is not False and v != []]
    versions = [(k, _text(k, v)) for k, v in flat(dict(run.versions)).items()]
    warned = [f"{WARNING}{text}" for text in warnings_in(run.result or {})]
    pair = (Column("what"), Column("value"))
    tables = [
        Table(pair, (*figures, *result), title=f"{run.folder}", notes=(*((about.why,) if about.why else ()), *warned)),
        Table(pair, (*spec, *settings), title="settings"),
        Table(pair, tuple(versions), title="versions"),
    ]
    done = epochs(read_events(run.folder))
    return [*tables, _epochs(done)] if done else tables


def _epochs(done: Sequence[Any]) -> Table:
    columns = (
        Column("epoch", "int"),
        Column("loss", "float", digits=4),
        Column("train", "percent", digits=2, key="accuracy"),
        Column("valid loss", "float", digits=4, key="valid_loss"),
        Column("valid", "percent", digits=2, key="valid_accuracy"),
        Column("lr"),
        Column("seconds", "float", digits=1),
        Column("images/s", "float", digits=0, key="images_per_second"),
    )
    rows = tuple(
        tuple(f"{e['lr']:.3g}" if c.id == "lr" and e.get("lr") is not None else e.get(c.id) for c in columns)
        for e in done[-LAST:]
    )
    some = f"the last {LAST} of {len(done)} epochs" if len(done) > LAST else "epochs"
    return Table(columns, rows, title=some)


def compared(runs: Sequence[Run], people: bool = True) -> Table:
    """What differs between runs, then their results; a Δ is against the first one. For people the values are words."""
    rows, text = [row(run.folder) for run in runs], _text if people else _cell
    lines: list[tuple[Cell, ...]] = []
    none = [None] * (len(runs) - 1)
    for name, found in differences(runs):
        lines.append((name, *(text(name, v) for v in found), *none))
    lines.append(("status", *(str(r.figures["status"]) for r in rows), *none))
    for name in COMPARED:
        first, *others = (r.figures[name] for r in rows)
        if any(v is not None for v in (first, *others)):
            deltas = [None if None in (first, v) else _delta(name, first, v) if people else v - first for v in others]
            lines.append((name, *(text(name, v) for v in (first, *others)), *deltas))
    marks = [str(n) for n in range(1, len(runs) + 1)]
    columns = (
        Column("what"),
        *(Column(n, key=f"run {n}", align="right") for n in marks),
        *(Column(f"Δ {n}" if len(runs) > 2 else "Δ", key=f"delta {n}", align="right") for n in marks[1:]),
    )
    return Table(columns, tuple(lines), notes=tuple(f"{n}: {r.folder}" for n, r in zip(marks, runs, strict=True)))


LEAST_SHARE, LEAST = 0.0005, 0.001  # below them a difference in percent, or with four decimals, would be shown as 0


def _delta(name: str, first: Any, other: Any) -> str:
    by = other - first
    if unit_of(name) == "percent":
        return f"{100 * by:+.2f} points"
    if name in ("params", "seconds") and first and (not by or abs(by / first) >= LEAST_SHARE):
        return f"{100 * by / first:+.1f} %"
    if isinstance(by, float) and (not by or abs(by) >= LEAST):
        return f"{by:+.4f}"
    return f"{by:+.3g}" if isinstance(by, float) else f"{by:+,}"


def _cell(name: str, value: Any) -> Cell:
    """A value for machines."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _text(name: str, value: object) -> str:
    """A value as people read it."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float() if unit_of(name) == "percent":
            return f"{100 * value:.2f} %"
        case float():
            return f"{value:.6g}"
        case int():
            return f"{value:,}"
        case list():
            return ", ".join(_text("", v) for v in value) or "none"
        case dict():
            fields = ", ".join(f"{k}={_text('', v)}" for k, v in value.items() if k != "kind")
            return f"{value.get('kind', '')}({fields})" if value else "none"
        case _:
            return str(value).strip()
