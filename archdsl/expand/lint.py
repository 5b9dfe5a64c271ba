"""What the lecture warns of, found on the rows of a trace. Warnings, never errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archdsl.errors import Diagnostic
from archdsl.ir.nodes import arg
from archdsl.ir.window import Window
from archdsl.registry import params

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
    return (*found, *_biases(trace, readers))


def _biases(trace: Trace, readers: dict[int, list[Row]]) -> Iterator[Diagnostic]:
    """Biases that a normalisation takes out again, shown once. One that the text asks for (`bias=true`) is meant, as some
    published networks have them."""
    found = []
    for index, row in enumerate(trace.rows):
        after = readers.get(index, [])
        cancelled = len(after) == 1 and "cancels" in after[0].op.entry.traits
        if cancelled and "weighted" in row.op.entry.traits and "bias" in row.layer.weights and not _asked(row):
            found.append(row)
    if found:
        first = found[0].op
        whose = f"the bias of `{first.name}` is" if len(found) == 1 else f"the biases of {len(found)} layers are"
        yield Diagnostic(
            "A502",
            f"{whose} removed by the normalisation that follows",
            first.span,
            "write `bias=false`, or `bias=true` if it is meant",
            "warning",
        )


def _asked(row: Row) -> bool:
    """Whether the text that made a layer speaks of its bias."""
    return row.op.span is not None and re.search(r"\bbias\b", row.op.span.text) is not None


def _looks_like_channels(trace: Trace, row: Row) -> bool:
    """Whether a window may have been meant as a number of channels: it is that number, or even and large."""
    k, text = arg(row.op, "k"), row.op.span.text if row.op.span else ""
    if not isinstance(k, int) or k < 4 or arg(row.op, "p") is not None or "k=" in text.replace(" ", ""):
        return False
    return k == trace.shape(row.inputs[0])[0] or (k % 2 == 0 and arg(row.op, "s") == 1)


def _row(trace: Trace, index: int, row: Row, readers: list[Row]) -> Iterator[Diagnostic]:
    traits, span = row.op.entry.traits, row.op.span
    after = readers[0].op.entry.traits if len(readers) == 1 else frozenset()
    if row.op.entry.kind == "join" and len(row.inputs) == 1:
        yield Diagnostic(
            "A512",
            f"`{row.op.name}` has one branch, so nothing is joined",
            span,
            f"write a second branch, `{row.op.name}(… | id)`, or leave `{row.op.name}` out",
            "warning",
        )
    if row.op.name == "dwconv" and _looks_like_channels(trace, row):
        k, cin = arg(row.op, "k"), trace.shape(row.inputs[0])[0]
        yield Diagnostic(
            "A513",
            f"`dwconv({k})` has a window of {k}x{k}: its first argument is the window, and it keeps "
            f"the {cin} channels that arrive",
            span,
            f"write `dwconv(3)`; a window that is meant has its name or its padding, `dwconv(k={k})`",
            "warning",
        )
    batch_norm = "norm" in after and "running_mean" in readers[0].layer.buffers  # others keep no statistics
    if "drop" in traits and "wrap" not in traits and batch_norm:
        yield Diagnostic(
            "A503",
            "dropout right before a batch normalisation shifts its statistics between training and "
            "evaluation (Li et al. 2018)",
            span,
            "put it after the last normalisation",
            "warning",
        )
    if row.layer.window and "pool" in traits and len(row.layer.out) == 3 and len(row.inputs) == 1:
        yield from _pooling(trace, row)
    if "softmax" in traits and index == trace.output:
        yield Diagnostic(
            "A506",
            "the loss takes logits: a softmax before it makes gradients small",
            span,
            "remove `softmax`: the loss has its own",
            "warning",
        )
    if row.op.name == "add" and len(row.inputs) == 2:
        branch, skip = row.inputs
        if branch >= 0 and trace.rows[branch].op.name == "relu" and _leads_to(trace, branch, skip):
            yield Diagnostic(
                "A507",
                "a ReLU closes the residual path: the block can only add",
                span or trace.rows[branch].op.span,
                "put the ReLU after the sum (He et al. 2015)",
                "warning",
            )


def _leads_to(trace: Trace, branch: int, skip: int) -> bool:
    """Whether a branch begins at the value that it is added to, through layers with one input each."""
    while branch > skip and len(trace.rows[branch].inputs) == 1:
        branch = trace.rows[branch].inputs[0]
    return branch == skip


def _pooling(trace: Trace, row: Row) -> Iterator[Diagnostic]:
    shape, window = trace.shape(row.inputs[0]), row.layer.window
    if not isinstance(window, Window) or all(p.name != "ceil" for p in params(row.op.entry)):
        return
    for size, k, s, p in zip(shape[1:], window.kernel, window.stride, window.pad, strict=True):
        if s > 1 and k == s and p == 0 and size % s and not arg(row.op, "ceil"):
            yield Diagnostic(
                "A504",
                f"`{row.op.name}` with stride {s} does not divide an image of "
                f"{shape[1]}x{shape[2]}: its last row and column are dropped",
                row.op.span,
                "`ceil` keeps them, or start from another size",
                "warning",
            )
            return
    if row.layer.out[1:] == (1, 1) and any("conv" in r.op.entry.traits for r in trace.rows[trace.rows.index(row) :]):
        yield Diagnostic(
            "A505",
            "the image is pooled to 1x1 here, and convolutions follow",
            row.op.span,
            "leave out a pooling or a stage",
            "warning",
        )
