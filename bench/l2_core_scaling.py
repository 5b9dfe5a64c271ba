"""L2: parse, expand, complete (trace) and count networks of 10 to 10,000 layers; the time must grow linearly.

Two texts: layers written out (parsing has its share), and the same layers as a repetition (it has none).
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

from _timing import comparison, interleave, options, publish, ratios

from archdsl.expand import complete, expand
from archdsl.ir.cost import cost
from archdsl.report import Column, Table
from archdsl.syntax.parse import parse

SIZES = (10, 100, 1_000, 10_000)
PAIR = "conv(8) relu"
HEAD = "gap linear(10)"  # stated, or the network would be traced once more for the default head
INPUT, CLASSES = (3, 8, 8), 10
STAGES = ("parse", "expand", "complete", "cost")


def written(layers: int) -> str:
    """The layers one by one: 65,000 characters for 10,000 layers, just below the limit."""
    return f"net {f'{PAIR} ' * (layers // 2 - 1)}{HEAD}"


def repeated(layers: int) -> str:
    """The layers as a repetition of repetitions."""
    fifties, rest = divmod(layers // 2 - 1, 50)
    many = f"(({PAIR})*50)*{fifties} " if fifties else ""
    return f"net {many}({PAIR})*{rest} {HEAD}"


def staged(text: str, layers: int) -> list[float]:
    """Seconds of each stage of one pass."""
    marks = [time.perf_counter()]
    tree = parse(text)
    marks.append(time.perf_counter())
    graph = expand(tree)
    marks.append(time.perf_counter())
    whole = complete(graph, INPUT, CLASSES)
    marks.append(time.perf_counter())
    counted = cost(whole.trace)
    marks.append(time.perf_counter())
    if counted.layers != layers:
        raise SystemExit(f"{layers} layers were meant, and {counted.layers} counted")
    return [after - before for before, after in itertools.pairwise(marks)]


def recorder(text: str, layers: int, into: list[list[float]]) -> Callable[[], None]:
    """A pass that notes where its time went."""
    return lambda: into.append(staged(text, layers))


def main() -> None:
    """Measure and publish."""
    args = options(__doc__, rounds=7).parse_args()
    tables, raw = [], {}
    for name, spell in (("written out", written), ("repeated", repeated)):
        shares: dict[str, list[list[float]]] = {f"{size:,} layers": [] for size in SIZES}
        work = {f"{size:,} layers": recorder(spell(size), size, shares[f"{size:,} layers"]) for size in SIZES}
        times = interleave(work, args.rounds)
        tables.append(_rates(name, times, shares, args.rounds))
        growth = statistics.median(ratios(times, "10,000 layers", "1,000 layers"))
        note = f"1,000 → 10,000 layers takes {growth:.1f} times as long (10 is linear)"
        tables.append(comparison(f"L2: {name}, whole pass", times, "1,000 layers", [note]))
        raw[name] = {"seconds": times, "stages": STAGES, "by_stage": shares}
    publish("l2_core_scaling", tables, raw, ["lark"], args.out)


def _rates(name: str, times: dict[str, list[float]], shares: dict[str, list[list[float]]], rounds: int) -> Table:
    """Layers a second, and where the time goes."""
    rows = []
    for size, key in zip(SIZES, times, strict=True):
        parts = [statistics.median(column) for column in zip(*shares[key][-rounds:], strict=True)]
        rows.append((size, round(size / statistics.median(times[key])), *(1000 * part for part in parts)))
    stages = tuple(Column(f"{stage} ms", "float") for stage in STAGES)
    columns = (Column("layers", "int"), Column("layers/s", "int"), *stages)
    return Table(columns, tuple(rows), f"L2: {name}", notes=("must: ≥ 50,000 layers/s",))


if __name__ == "__main__":
    main()
