"""Where the time of the form for inference goes: each of its calls between the others, and alone.

    python bench/inference_layers.py [--only "vgg narrow" mlp] [--batch 16]

A net of C5 in the form of `archdsl eval` answers a batch, call by call. Then each call is made alone, many times on the same
input, which stays in the caches. What a call takes more between others is memory and what it costs to begin it: a call has a
price whatever it computes, and an engine that compiles a whole net pays it once.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import Any

import _quiet  # noqa: F401
import torch
from _timing import options, publish
from c4_forms import NETS, net_of
from torch import fx

from archdsl.accelerate.inference import Answering, answering
from archdsl.report import Column, Table

ROUNDS, ALONE = 50, 50
LAST = torch.channels_last


class Timed(fx.Interpreter):
    """Notes the seconds of each call, and what it is given the first time."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net)
        self.seconds: dict[fx.Node, list[float]] = defaultdict(list)
        self.given: dict[fx.Node, tuple[Any, Any]] = {}

    def run_node(self, n: fx.Node) -> Any:
        """As the net does."""
        if n.op not in ("call_module", "call_function", "call_method"):
            return super().run_node(n)
        self.given.setdefault(n, self.fetch_args_kwargs_from_env(n))
        begun = time.perf_counter()
        made = super().run_node(n)
        self.seconds[n].append(time.perf_counter() - begun)
        return made


def kind(net: fx.GraphModule, node: fx.Node) -> str:
    """What a call is."""
    if node.op == "call_module":
        return type(net.get_submodule(str(node.target))).__name__
    return getattr(node.target, "__name__", str(node.target))


@torch.no_grad()
def rows_of(name: str, batch: int) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """A row for each kind of call."""
    form = answering(net_of(NETS[name]).eval(), True)
    if not isinstance(form, Answering) or not isinstance(form.net, fx.GraphModule):
        raise SystemExit(f"{name} has no form for inference here")
    x = torch.randn(batch, 3, 32, 32)
    for _ in range(5):
        form(x)
    timed = Timed(form.net)
    inner = x.contiguous(memory_format=LAST) if form.last else x
    for _ in range(ROUNDS):
        timed.run(inner)
    whole = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        form(x)
        whole.append(time.perf_counter() - begun)
    between: dict[str, list[float]] = defaultdict(list)
    alone: dict[str, list[float]] = defaultdict(list)
    for node, seconds in timed.seconds.items():
        args, kwargs = timed.given[node]
        what = kind(form.net, node)
        between[what].append(statistics.median(seconds[5:]))
        taken = []
        for _ in range(ALONE):
            begun = time.perf_counter()
            getattr(timed, node.op)(node.target, args, kwargs)
            taken.append(time.perf_counter() - begun)
        alone[what].append(statistics.median(taken[5:]))
    total = statistics.median(whole)
    rows: list[tuple[Any, ...]] = [
        (
            name,
            batch,
            what,
            len(found),
            1e3 * sum(found),
            1e3 * sum(alone[what]),
            1e6 * (sum(found) - sum(alone[what])) / len(found),
        )
        for what, found in sorted(between.items(), key=lambda item: -sum(item[1]))
    ]
    sums = [sum(map(sum, part.values())) for part in (between, alone)]
    calls = len(timed.seconds)
    rows.append(
        (
            name,
            batch,
            f"all; the net takes {1e3 * total:.2f} ms",
            calls,
            *(1e3 * s for s in sums),
            1e6 * (sums[0] - sums[1]) / calls,
        )
    )
    return rows, {"whole": whole, "between": dict(between), "alone": dict(alone)}


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__.splitlines()[0], ROUNDS)
    parser.add_argument("--batch", type=int, nargs="+", default=[16])
    parser.add_argument(
        "--only", nargs="+", default=["vgg narrow", "resnet20", "mobilenet", "inception", "mlp"], choices=list(NETS)
    )
    given = parser.parse_args()
    rows, raw = [], {}
    for name in given.only:
        for batch in given.batch:
            more, raw[f"{name}, {batch}"] = rows_of(name, batch)
            rows += more
    columns = (
        Column("net"),
        Column("batch", "count"),
        Column("calls"),
        Column("n", "count"),
        Column("between others, ms", "float"),
        Column("alone, ms", "float"),
        Column("more a call, µs", "float"),
    )
    note = f"medians of {ROUNDS}; two threads" if torch.get_num_threads() == 2 else f"medians of {ROUNDS}"
    publish(
        "inference_layers",
        [Table(columns, tuple(rows), "Calls of the form for inference", notes=(note,))],
        raw,
        ["torch"],
        given.out,
    )


if __name__ == "__main__":
    main()
