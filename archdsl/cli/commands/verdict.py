"""``archdsl verdict``: which arms of a table of results are better, worse or the same as a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archdsl.report import Table
    from archdsl.study.measurements import Measurements
    from archdsl.study.stats.verdicts import Verdict

HOLDS, UNDECIDED, REFUTED = 0, 3, 6  # exit codes of a claim


def command(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A csv, tsv, jsonl or Parquet file with a row for each run, or `-`.")
    ],
    arm: Annotated[str, typer.Option("--arm", metavar="COLUMN", help="The column that names what is compared.")],
    pair: Annotated[
        str, typer.Option("--pair", metavar="COLUMN", help="The column that pairs runs: a seed, a fold, a task.")
    ],
    metric: Annotated[str, typer.Option("--metric", metavar="COLUMN", help="The column of the results.")],
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="ARM", help="What every other arm is compared with.")
    ] = None,
    lower: Annotated[bool, typer.Option("--lower", help="A lower value is better: a loss, an error, a time.")] = False,
    same: Annotated[
        str | None,
        typer.Option("--same", metavar="SIZE", help="The largest difference that does not matter: 0.005, or 0.5%."),
    ] = None,
    alpha: Annotated[
        str, typer.Option("--alpha", metavar="RATE", help="The probability of any wrong decision in the table.")
    ] = "5%",
    claim: Annotated[
        str | None,
        typer.Option("--claim", metavar="TEXT", help="'new better than base', 'new worse than base' or 'new same as "
                     "base': the exit code is 0 if it holds, 3 if it is open, 6 if it is refuted."),
    ] = None,
    missing: Annotated[
        Literal["refuse", "drop"], typer.Option("--missing", help="What to do with pairs that miss one side in between.")
    ] = "refuse",
    kind: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet"] | None,
        typer.Option("--from", help="The format of TABLE, where its ending does not say it."),
    ] = None,
    format: Format = "table",
) -> None:  # fmt: skip
    """Say which arms of a table of results are better, worse or the same as a reference, by paired runs.

    The numbers stay valid however often you look, and whenever you stop adding runs (docs/statistics.md).
    """
    from archdsl.cli.output import put_json, put_table
    from archdsl.study.claims import parse_claim, result_of
    from archdsl.study.measurements import Columns, paired, read
    from archdsl.study.stats.verdicts import verdicts

    claimed = parse_claim(claim) if claim is not None else None
    base = _reference(reference, claimed.reference if claimed else None)
    level = _rate(alpha, "--alpha")
    found = read(table, Columns(arm, pair, metric), kind)
    margin = None if same is None else _margin(same, found)
    deltas, notes = paired(found, base, drop=missing == "drop")
    if lower:
        deltas = {name: [-delta for delta in row] for name, row in deltas.items()}
    decided = verdicts(deltas, alpha=level, same=margin)
    if claimed is not None:
        claimed.check(deltas)
    notes = (*found.notes, *notes)
    if format == "json":
        put_json({"reference": base, "metric": metric, "alpha": level, "same": margin, "lower_is_better": lower,
                  "method": "paired, anytime-valid t; Holm", "notes": list(notes),
                  "arms": [_record(name, deltas, decided, lower) for name in deltas]})  # fmt: skip
    else:
        put_table(_table(found, deltas, decided, base, metric, lower, level, notes), format)
    if claimed is not None:
        raise typer.Exit({True: HOLDS, None: UNDECIDED, False: REFUTED}[result_of(claimed, decided)])


def _reference(given: str | None, claimed: str | None) -> str:
    from archdsl.errors import ArchError

    if given is None and claimed is None:
        raise ArchError("no reference is given", help="--reference ARM says what the other arms are compared with")
    if given is not None and claimed is not None and given != claimed:
        raise ArchError(f"--reference says `{given}`, the claim compares with `{claimed}`", help="name one of them")
    return given if given is not None else claimed or ""


def _rate(text: str, option: str) -> float:
    from archdsl.errors import ArchError

    number = _number(text)
    if number is None or not 0 < number < 1:
        raise ArchError(f"{option} {text[:40]} is not a rate between 0 and 1", help=f"{option} 5% or {option} 0.05")
    return number


def _margin(text: str, found: Measurements) -> float:
    from archdsl.errors import ArchError
    from archdsl.study.measurements import LARGEST_FRACTION

    number = _number(text)
    if number is None or number <= 0:
        raise ArchError(f"--same {text[:40]} is not a size above 0", help="--same 0.005, in the metric's unit")
    largest = max((v for values in found.arms.values() for v in values.values()), key=abs)
    if text.strip().endswith("%") and abs(largest) > LARGEST_FRACTION:
        raise ArchError(f"--same {text} means {number:g}, and the metric has values such as {largest:g}",
                        help=f"give the size in the metric's unit: --same {text.strip().rstrip('% ')}")  # fmt: skip
    return number


def _number(text: str) -> float | None:
    from archdsl.words.data.cells import is_number

    bare = text.strip().removesuffix("%").rstrip()
    if not is_number(bare) or not abs(number := float(bare)) < float("inf"):
        return None
    return number / 100 if bare != text.strip() else number


def _record(
    name: str, deltas: Mapping[str, list[float]], decided: Mapping[str, Verdict], lower: bool
) -> dict[str, object]:
    verdict = decided.get(name)
    if verdict is None:
        return {"arm": name, "pairs": 0, "verdict": "open"}
    e, sign = verdict.evidence, -1 if lower else 1
    low, high = (None if v is None else sign * v for v in (verdict.low, verdict.high))
    if lower:
        low, high = high, low
    return {
        "arm": name, "pairs": e.n, "delta": sign * e.delta, "low": low, "high": high, "p": verdict.p,
        "p_symmetric": verdict.p_symmetric, "verdict": verdict.decision, "decided_after": verdict.decided,
    }  # fmt: skip


def _table(
    found: Measurements, deltas: Mapping[str, list[float]], decided: Mapping[str, Verdict], base: str, metric: str,
    lower: bool, alpha: float, notes: tuple[str, ...],
) -> Table:  # fmt: skip
    from statistics import fmean

    from archdsl.report import Column, Table
    from archdsl.study.claims import open_line

    rows = []
    for name in deltas:
        record = _record(name, deltas, decided, lower)
        keys = ("pairs", "delta", "low", "high", "p", "p_symmetric", "verdict", "decided_after")
        rows.append((name, fmean(found.arms[name].values()), *(record.get(key) for key in keys)))
    columns = (
        Column("arm"), Column("mean", "float"), Column("pairs", "int"), Column("Δ", "float", key="delta", signed=True),
        Column("low", "float", signed=True), Column("high", "float", signed=True), Column("p", "p"),
        Column("p symmetric", "p", key="p_symmetric"), Column("verdict"),
        Column("decided after", "int", key="decided_after"),
    )  # fmt: skip
    mean = fmean(found.arms[base].values())
    about = (
        f"{metric}, {'lower' if lower else 'higher'} is better; reference {base} {mean:.4g}",
        f"any wrong verdict has a probability of at most {alpha:g}, whenever you look and stop; the intervals are simultaneous",
        *(line for name, verdict in decided.items() if (line := open_line(name, verdict, alpha, len(deltas)))),
    )
    return Table(columns, tuple(rows), notes=(*about, *notes))  # type: ignore[arg-type]
