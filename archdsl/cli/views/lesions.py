"""What ``lesion`` says of a net: a table for people and one record for programs."""

from __future__ import annotations

from dataclasses import asdict
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from archdsl.report import Column, Table

if TYPE_CHECKING:
    from archdsl.evaluate.lesions import Lesions

RARE = 0.001  # the fraction of paths below which a length is not listed


def tables(about: dict[str, Any], found: Lesions) -> list[Table]:
    """Each block alone, random blocks together, and the lengths of the paths."""
    lengths = [_lengths(found)] if found.residual else []
    return [_alone(about, found), _together(found), *lengths]


def _alone(about: dict[str, Any], found: Lesions) -> Table:
    columns = (
        Column("#", "int", key="number"),
        Column("block deleted", key="block"),
        Column("kind"),
        Column("accuracy", "percent", digits=2),
        Column("Δ", "points", key="delta", digits=2, signed=True),
    )
    rows = tuple(
        (
            o.number,
            o.path,
            "residual" if o.residual else "plain",
            o.accuracy,
            None if o.accuracy is None else o.accuracy - found.whole,
        )
        for o in found.each
    )
    notes = [f"accuracy of the whole net: {100 * found.whole:.2f} %; Δ in points"]
    if found.residual:
        notes.append("a deleted residual block passes its skip (Veit et al. 2016, arXiv:1605.06431)")
    if found.residual < len(found.each):
        notes.append("a deleted plain block passes what arrives; – changes the shape, and cannot be deleted")
    title = f"{about['run']}, {found.images:,} {about['part']} images of {about['data']}"
    return Table(columns, rows, title, notes=tuple(notes))


def _together(found: Lesions) -> Table:
    columns = (
        Column("blocks deleted", "int", key="deleted"),
        Column("draws", "int"),
        Column("mean", "percent", digits=2),
        Column("sd", "percent", digits=2),
        Column("lowest", "percent", digits=2),
        Column("highest", "percent", digits=2),
    )
    rows = tuple(
        (s.count, len(a), fmean(a), stdev(a) if len(a) > 1 else None, min(a), max(a))
        for s in found.random
        for a in [s.accuracies]
    )
    return Table(
        columns,
        rows,
        "accuracy without random blocks",
        notes=("of one draw, fewer blocks are a part of more; sd: standard deviation of draws",),
    )


def _lengths(found: Lesions) -> Table:
    n, total = found.residual, 2**found.residual
    columns = (
        Column("blocks on the path", "int", key="length"),
        Column("paths", "compact"),
        Column("fraction", "percent", digits=2),
    )
    rows = tuple((k, count, count / total) for k, count in enumerate(found.lengths) if count >= RARE * total)
    plain = len(found.each) - n
    notes = [
        f"2^{n} = {total:,} paths"
        f", lengths binomial: mean {n / 2:g}, sd {sqrt(n) / 2:.2f}"
        + ("" if len(rows) == n + 1 else "; rarer lengths are left out")
    ]
    if plain:
        notes.append(f"only residual blocks are counted; the {plain} plain ones are on every path")
    return Table(columns, rows, "paths through the residual blocks", notes=tuple(notes))


def record(about: dict[str, Any], found: Lesions) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        **about,
        "images": found.images,
        "accuracy": found.whole,
        "blocks": [asdict(o) for o in found.each],
        "random": [asdict(s) for s in found.random],
        "residual_blocks": found.residual,
        "path_lengths": list(found.lengths),
    }
