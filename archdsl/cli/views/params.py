"""What ``params`` says of a spec: plain values, and tables of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.cli.views.module_tree import flat, folded, layer_text, tree
from archdsl.files import inside
from archdsl.ir.cost import evaluations, row_params
from archdsl.ir.nodes import arg
from archdsl.registry.shapes import Ids, dims
from archdsl.report import Column, Table, compact, exact, size
from archdsl.report.numbers import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archdsl.api import Spec
    from archdsl.expand.graph import Setting
    from archdsl.ir.cost import Cost

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
ONE_MOMENT = {"lion": 1, "rmsprop": 1}  # optimisers that keep one mean for each weight, by whatever fields


def scores_of(spec: Spec) -> dict[str, float | None]:
    """The zero-cost proxies that are defined for a spec, by name.

    Raises:
        ArchError, EnvError: as ``archdsl.evaluate.proxies.scores``.
    """
    from archdsl.evaluate.proxies import defined, scores

    return scores(spec, defined(spec))


def record(
    spec: Spec, batch: int, dtype: str, rows: bool, scores: Mapping[str, float | None] | None = None
) -> dict[str, Any]:
    """The totals of a spec as plain values; with ``rows``, every layer."""
    found = {
        "spec": inside(spec.name),
        "hash": spec.hash,
        "input": list(spec.input),
        **({"vocabulary": spec.input.vocabulary} if isinstance(spec.input, Ids) else {}),
        "classes": spec.classes,
        **totals(spec.cost, spec.graph.train, batch, dtype),
        "batch": batch,
        "dtype": dtype,
    }
    if calls := evaluations(spec.trace):
        found["evaluations"] = None if _adaptive(spec) else calls
    if scores:
        found["proxies"] = dict(scores)
    if rows:
        found["rows"] = [
            {
                "path": r.path,
                "layer": layer_text(r),
                "word": r.op.name,
                "output": list(r.layer.out),
                "params": row_params(r),
                "macs": r.layer.macs,
            }
            for r in spec.trace.flat()
        ]
    return found


def totals(cost: Cost, train: Sequence[Setting], batch: int, dtype: str) -> dict[str, Any]:
    """The figures of a network."""
    return {
        "params": cost.params,
        "buffers": cost.buffers,
        "macs": cost.macs,
        "flops": cost.flops,
        "layers": cost.layers,
        "activations": cost.activations,
        "peak_activations": cost.peak,
        "memory": cost.training_bytes(batch, BYTES[dtype], optimizer_states(train)),
        "depth": cost.depth,
        "receptive_field": list(cost.field) if cost.field else None,
        "stride": list(cost.stride) if cost.stride else None,
    }


def optimizer_states(train: Sequence[Setting]) -> int:
    """Numbers that the optimiser keeps for each weight: two for Adam (which is the default), one for momentum, or for the mean
    of squares of rmsprop.
    """
    for setting in train:
        if setting.entry.slot == "optimizer":
            moments = ONE_MOMENT.get(setting.entry.name, 2 if hasattr(setting.value, "beta2") else 0)
            return moments + int(getattr(setting.value, "momentum", 0) > 0)
    return 2


def layer_table(
    spec: Spec, batch: int, dtype: str, every: bool, scores: Mapping[str, float | None] | None = None
) -> Table:
    """A row a layer. Equal neighbouring blocks are shown once, with their number, unless ``every`` is asked for."""
    root = tree(spec.trace)
    found = flat(root if every else folded(root))
    many = any(times > 1 for _, times in found)
    columns = [
        Column("path"),
        Column("layer"),
        Column("output"),
        Column("params", "int"),
        Column("MACs", "int", key="macs"),
    ]
    rows: list[list[Any]] = []
    for part, times in found:
        row = part.row
        assert row is not None
        rows.append([part.path, layer_text(row), dims(row.layer.out), row_params(row), row.layer.macs, times])
    footer: list[Any] = ["total", "", "", spec.cost.params, spec.cost.macs, None]
    if many:
        columns.insert(1, Column("×", "int", key="times"))
        rows = [[r[0], r[5], *r[1:5]] for r in rows]
        footer = [footer[0], None, *footer[1:5]]
    else:
        rows, footer = [r[:5] for r in rows], footer[:5]
    title = "" if spec.name == "<spec>" else inside(spec.name)
    notes = _notes(spec, batch, dtype, many)
    if scores:
        notes += (" · ".join(f"{c.name} {show(scores[c.name], c)}" for c in score_columns(scores)),)
    return Table(tuple(columns), tuple([tuple(r) for r in rows]), title, tuple(footer), notes)


def score_columns(scores: Iterable[str]) -> tuple[Column, ...]:
    """A column for each proxy."""
    return tuple(Column(name, "float") for name in scores)


def _notes(spec: Spec, batch: int, dtype: str, many: bool) -> tuple[str, ...]:
    cost, memory = spec.cost, spec.cost.training_bytes(batch, BYTES[dtype], optimizer_states(spec.graph.train))
    seen = f"receptive field {dims(cost.field)} · " if cost.field else ""
    seen += f"stride {dims(cost.stride)} · " if cost.stride else ""
    notes = [
        f"input {dims(spec.input)} · classes {spec.classes} · hash {spec.hash}",
        f"params {exact(cost.params)} · MACs {compact(cost.macs)} · FLOPs {compact(cost.flops)} (2 × MACs)",
        f"depth {cost.depth} · {seen}activations {compact(cost.activations)}",
        f"training at batch {batch} in {dtype}: about {size(memory)}",
    ]
    if _adaptive(spec):
        notes.append("dopri5 is counted as 14 evaluations (two steps); the actual number depends on the data")
    elif calls := evaluations(spec.trace):
        notes.append(f"ODE: {calls} evaluations of f in a forward pass (steps × stages)")
    if many:
        notes.append("× counts equal consecutive blocks; params and MACs are those of one block")
    return tuple(notes)


def _adaptive(spec: Spec) -> bool:
    """Whether an ODE chooses its own steps."""
    return any(r.op.name == "ode" and arg(r.op, "solver") == "dopri5" for r in spec.trace.flat())


def spec_table(records: Sequence[dict[str, Any]]) -> Table:
    """A row a spec."""
    proxies = list(dict.fromkeys(name for r in records for name in r.get("proxies", ())))
    columns = (
        Column("spec"),
        Column("input"),
        Column("params", "int"),
        Column("MACs", "compact", key="macs"),
        Column("FLOPs", "compact", key="flops"),
        Column("layers", "int"),
        Column("depth", "int"),
        Column("activations", "compact"),
        Column("memory", "bytes"),
        Column("receptive field", key="receptive_field"),
        *score_columns(proxies),
        Column("hash"),
    )
    return Table(
        columns,
        tuple(
            (
                r["spec"],
                dims(Ids(r["input"][0], r["vocabulary"]) if "vocabulary" in r else r["input"]),
                r["params"],
                r["macs"],
                r["flops"],
                r["layers"],
                r["depth"],
                r["activations"],
                r["memory"],
                dims(r["receptive_field"]) if r["receptive_field"] else None,
                *(r["proxies"].get(name) for name in proxies),
                r["hash"],
            )
            for r in records
        ),
    )
