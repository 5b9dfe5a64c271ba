"""Two networks compared: plain values for programs, tables for people. For ``archdsl diff``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from archdsl.cli.views.params import optimizer_states
from archdsl.compare import Change, changes, grouped
from archdsl.compare.figures import Pair, figures, settings
from archdsl.emit.canonical import canonical
from archdsl.errors import ArchError
from archdsl.files import inside
from archdsl.registry.shapes import dims
from archdsl.report import Column, Table, compact, exact, size
from archdsl.report.numbers import many
from archdsl.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archdsl.api import Spec
    from archdsl.cli.support.resolve import Found
    from archdsl.compare import Group

SIGNS = {"added": "+", "removed": "-", "changed": "~", "rewired": "@", "renamed": "=", "reshaped": "."}
PLACES = 2  # that a table names of an equal change


@dataclass(frozen=True)
class Compared:
    """The comparison of two networks. ``runs`` are the test accuracies of finished runs of each, as fractions."""

    a: Found
    b: Found
    changes: list[Change]
    figures: list[Pair]
    settings: list[tuple[str, Any, Any]]
    runs: tuple[list[float], list[float]]

    @property
    def same(self) -> bool:
        """Whether both are the same experiment, however written."""
        return self.a.spec.hash == self.b.spec.hash


def compared(a: Found, b: Found, out: Path, batch: int) -> Compared:
    """Compare two networks; ``out`` is the folder in which runs of them may be."""
    first, second = a.spec, b.spec
    memory = tuple(s.cost.training_bytes(batch, 4, optimizer_states(s.graph.train)) for s in (first, second))
    pairs = [
        Pair("input", "text", dims(first.input), dims(second.input)),
        Pair("classes", "int", first.classes, second.classes),
        *figures(first.cost, second.cost, (memory[0], memory[1])),
    ]
    bare = _bare(first) or _bare(second)
    runs = a.run is not None and b.run is not None
    differing = [] if bare else settings(_settings(a, runs), _settings(b, runs))
    alike = canonical(first.trace, 0) == canonical(second.trace, 0)  # modules without a label may have any names
    found = [] if alike else changes(first.trace, second.trace)
    return Compared(a, b, found, pairs, differing, (_accuracies(a, out), _accuracies(b, out)))


def _bare(spec: Spec) -> bool:
    """Whether a text states a network alone, so that there are no settings to compare."""
    return not spec.graph.data and not spec.graph.train


def _settings(side: Found, runs: bool) -> dict[str, Any]:
    """Data and train settings as one level, defaults included; without a data set, those of training alone. Those of a run
    are as it has recorded them; ``runs`` are also compared by the fingerprints of their data.
    """
    from archdsl.api import experiment_of
    from archdsl.lines import setting_lines
    from archdsl.runs.index import flat
    from archdsl.settings.experiment import to_json

    spec, known = side.spec, side.run.settings if side.run is not None else {}
    try:
        found: Mapping[str, Any] = (
            known if "data" in known and "train" in known else to_json(experiment_of(spec, checked=False))
        )
    except ArchError:
        lines = [*setting_lines("data", spec.graph.data), *setting_lines("train", spec.graph.train)]
        return {" ".join(line.split("(", 1)[0].split()): line.split(" ", 1)[1] for line in lines}
    left_out = () if runs else ("fingerprint",)
    return flat({k: {n: _spelt(v) for n, v in found[k].items() if n not in left_out} for k in ("data", "train")})


def _spelt(value: Any) -> Any:
    """Lists of augmentations as words in their order."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [" ".join(f"{k}={v}" if k != "kind" else str(v) for k, v in one.items()) for one in value]
    return value


def _accuracies(found: Found, out: Path) -> list[float]:
    """Test accuracies: of the run itself, or of all finished runs of the experiment in ``out``."""
    from archdsl.runs.index import rows, status

    if found.run is not None:
        done = [(found.run.result or {}).get("test_accuracy")] if status(found.run) == "finished" else []
    elif out.is_dir():
        listed, name = [r.figures for r in rows(out)], _run_hash(found.spec)
        done = [
            f["test_accuracy"]
            for f in listed
            if f["status"] == "finished" and f["hash"] == name[: len(f["hash"] or "-")]
        ]
    else:
        done = []
    return [float(d) for d in done if d is not None]


def _run_hash(spec: Spec) -> str:
    """The hash by which runs of a spec are named: without the place of data of one's own."""
    from archdsl.api import experiment_of

    try:
        return experiment_of(spec).hash
    except ArchError:
        return spec.hash


def record(found: Compared) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "same": found.same,
        **{
            k: {
                "name": inside(f.spec.name),
                "hash": f.spec.hash,
                "run": str(f.run.folder) if f.run else None,
                "test_accuracies": runs,
            }
            for k, f, runs in zip("ab", (found.a, found.b), found.runs, strict=True)
        },
        "figures": {p.name.replace(" ", "_").lower(): {"a": p.a, "b": p.b, "delta": p.delta} for p in found.figures},
        "changes": [{k: v for k, v in asdict(c).items() if k not in ("start", "stop")} for c in found.changes],
        "settings": [{"setting": n, "a": x, "b": y} for n, x, y in found.settings],
    }


def tables(found: Compared, full: bool) -> list[Table]:
    """The comparison for people: totals, changes of the structure, changes of settings."""
    parts = [_totals(found)] if not found.same or full else []
    if found.changes:
        parts.append(_structure(found, full))
    if found.settings:
        columns = Column("setting"), Column("A"), Column("B")
        parts.append(Table(columns, tuple((n, _shown(a), _shown(b)) for n, a, b in found.settings), "settings"))
    return parts


def _totals(found: Compared) -> Table:
    columns = Column("figure"), Column("A", align="right"), Column("B", align="right"), Column("B − A", align="right")
    rows = [(p.name, _figure(p.a, p.kind), _figure(p.b, p.kind), _delta(p)) for p in found.figures]
    if any(found.runs):
        a, b = found.runs
        gain = f"{100 * (fmean(b) - fmean(a)):+.2f} points" if a and b else None
        rows.append(("test accuracy", _accuracy(a), _accuracy(b), gain))
    both = ("A", found.a.spec), ("B", found.b.spec)
    names = tuple(f"{k} is {called(s)}, hash {s.hash}" for k, s in both)
    names += tuple(
        f"{k} has a network only: settings are not compared"
        for k, s in both
        if _bare(s) and not all(_bare(t) for _, t in both)
    )
    return Table(columns, tuple(rows), notes=names)


def called(spec: Spec) -> str:
    """What a spec is called: its file, or its own text."""
    return printable(" ".join(spec.text.split())[:72] if spec.name.startswith("<") else inside(spec.name))


def _accuracy(runs: list[float]) -> str | None:
    if not runs:
        return None
    spread = f" ± {100 * stdev(runs):.2f}" if len(runs) > 1 else ""
    return f"{100 * fmean(runs):.2f}{spread} % ({many(len(runs), 'run')})"


def _structure(found: Compared, full: bool) -> Table:
    """A row for each kind of change. Layers that only have another shape are one row, unless all is asked for."""
    groups = grouped(found.changes)
    rows = [_row(g, full) for g in groups if full or g.status != "reshaped"]
    shaped = [g for g in groups if g.status == "reshaped"]
    if shaped and not full:
        count = sum(len(g.paths) for g in shaped)
        params, macs = sum(g.params for g in shaped), sum(g.macs for g in shaped)
        rows.append(
            (
                SIGNS["reshaped"],
                count,
                "the same layers with other shapes (--full lists them)",
                "",
                "",
                _signed(params),
                _signed(macs, short=True),
            )
        )
    columns = (
        Column("", key="sign"),
        Column("×", "int", key="times"),
        Column("where"),
        Column("A"),
        Column("B"),
        Column("params", align="right"),
        Column("MACs", align="right", key="macs"),
    )
    used = {g.status for g in groups}
    return Table(
        columns, tuple(rows), "structure", notes=(", ".join(f"{s} {w}" for w, s in SIGNS.items() if w in used),)
    )


def _row(group: Group, full: bool) -> tuple[Any, ...]:
    paths, rest = group.paths, 0
    if not full and len(paths) > PLACES + 1:
        rest, paths = len(paths) - PLACES, paths[:PLACES]
    where = ", ".join(paths) + (f" and {rest} more" if rest else "")
    before = "" if group.before == group.after and group.status in ("rewired", "renamed") else group.before
    return (
        SIGNS[group.status],
        len(group.paths),
        where,
        before,
        group.after,
        _signed(group.params),
        _signed(group.macs, short=True),
    )


def _signed(value: int, short: bool = False) -> str:
    if not value:
        return ""
    return ("+" if value > 0 else "−") + (compact(abs(value)) if short else exact(abs(value)))


def _figure(value: Any, kind: str) -> str | None:
    if value is None or kind == "text":
        return value if value is None else str(value)
    return {"int": exact, "compact": compact, "bytes": size}[kind](value)


def _delta(pair: Pair) -> str | None:
    if pair.delta is None:
        return "" if pair.a == pair.b else "differs"
    if not pair.delta:
        return ""
    text = ("+" if pair.delta > 0 else "−") + (_figure(abs(pair.delta), pair.kind) or "")
    return text + (f" ({100 * pair.share:+.1f} %)".replace("-", "−") if pair.share is not None else "")


def _shown(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
