"""What the lecture warns of, found on the rows of a trace. Warnings, never errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import Diagnostic
from archdsl.ir.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.ir.trace import Row, Trace


def lints(trace: Trace) -> tuple[Diagnostic, ...]:
    """All findings, one a place in the text."""
    readers: dict[int, list[Row]] = {}
    for row in trace.rows:
        for source in row.inputs:
            readers.setdefault(source, []).append(row)
    seen: set[tuple[str, object]] = set()
    found = []
    for index, row in enumerate(trace.rows):
        for diagnostic in _row(trace, index, row, readers.get(index, [])):
            key = (diagnostic.code, diagnostic.span or diagnostic.message)
            if key not in seen:
                seen.add(key)
                found.append(diagnostic)
    return tuple(found)


def _row(trace: Trace, index: int, row: Row, readers: list[Row]) -> Iterator[Diagnostic]:
    traits, span = row.op.entry.traits, row.op.span
    after = readers[0].op.entry.traits if len(readers) == 1 else frozenset()
    if "weighted" in traits and "bias" in row.layer.weights and "cancels" in after:
        yield Diagnostic("A502", f"the bias of `{row.op.name}` is taken out again by the normalisation behind it", span,
                         "leave `bias` out", "warning")  # fmt: skip
    if "drop" in traits and "wrap" not in traits and "norm" in after:
        yield Diagnostic("A503", "dropout right before a normalisation shifts its statistics between training and "
                         "evaluation (Li et al. 2018)", span, "put it behind the last normalisation", "warning")  # fmt: skip
    if row.layer.window and "pool" in traits and len(row.layer.out) == 3 and len(row.inputs) == 1:
        yield from _pooling(trace, row)
    if "softmax" in traits and index == trace.output:
        yield Diagnostic("A506", "the loss takes logits: a softmax before it makes gradients small", span,
                         "take `softmax` out: the loss has its own", "warning")  # fmt: skip
    if row.op.name == "add" and len(row.inputs) == 2:
        branch, skip = row.inputs
        if branch >= 0 and trace.rows[branch].op.name == "relu" and _leads_to(trace, branch, skip):
            yield Diagnostic("A507", "a ReLU closes the residual path: the block can only add",
                             span or trace.rows[branch].op.span, "put the ReLU behind the sum (He et al. 2015)",
                             "warning")  # fmt: skip


def _leads_to(trace: Trace, branch: int, skip: int) -> bool:
    """Whether a branch begins at the value that it is added to, through layers with one input each."""
    while branch > skip and len(trace.rows[branch].inputs) == 1:
        branch = trace.rows[branch].inputs[0]
    return branch == skip


def _pooling(trace: Trace, row: Row) -> Iterator[Diagnostic]:
    shape, window = trace.shape(row.inputs[0]), row.layer.window
    if row.op.name not in ("maxpool", "avgpool") or not isinstance(window, Window):
        return
    for size, k, s, p in zip(shape[1:], window.kernel, window.stride, window.pad, strict=True):
        if s > 1 and k == s and p == 0 and size % s and not row.op.args[3]:
            yield Diagnostic("A504", f"`{row.op.name}` with stride {s} does not divide an image of "
                             f"{shape[1]}x{shape[2]}: its last row and column are dropped", row.op.span,
                             "`ceil` keeps them, or start from another size", "warning")  # fmt: skip
            return
    if row.layer.out[1:] == (1, 1) and any("conv" in r.op.entry.traits for r in trace.rows[trace.rows.index(row) :]):
        yield Diagnostic("A505", "the image is pooled to 1x1 here, and convolutions follow", row.op.span,
                         "leave out a pooling or a stage", "warning")  # fmt: skip
