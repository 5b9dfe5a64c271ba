"""C5: a batch through a trained net on a CPU in float32: torch as it is, the form of `eval` and `predict`, torch.compile, and
onnxruntime. The twelve nets of C4, batches of 16 and 128.

    python bench/c5_inference.py [--rounds 7] [--batch 16 128] [--only "vgg narrow" resnet20]

The engines give equal answers first, then take turns in one process, there and back (`archdsl.export.latency`, as `archdsl
bench` does). torch.compile is asked once for each layout, and the faster one counts. The figure is the fastest peer's median
over ours: 1 and more is as fast as the best of them.
"""

from __future__ import annotations

import copy
import os
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import _quiet  # noqa: F401
import torch
from _timing import options, publish
from c4_forms import CLASSES, NETS, net_of
from torch import nn

from archdsl.accelerate.inference import answering
from archdsl.export import latency
from archdsl.export.deploy import Form, deployed
from archdsl.export.onnx import export
from archdsl.report import Column, Table

TURN = 0.05  # seconds of a contender at least: a processor that has rested is slow for some milliseconds
OURS, LAST = "archdsl", "torch.compile, channels_last"


class Last(nn.Module):
    """A net in channels_last."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W)."""
        answer: torch.Tensor = self.net(images.contiguous(memory_format=torch.channels_last))
        return answer


def contenders(name: str, file: Path) -> list[latency.Contender]:
    """The engines for one net, whose batch norms are folded for all but plain torch."""
    model = net_of(NETS[name]).eval()
    form = Form((3, 32, 32), CLASSES)
    export(model, file, form)
    folded = deployed(model, form)
    return [
        latency.eager(name, deployed(model, form.plain), form),
        latency.eager(name, answering(copy.deepcopy(model), True), form, OURS),
        latency.compiled(name, folded, form),
        latency.compiled(name, Last(copy.deepcopy(folded)), form, LAST),
        latency.session(name, file, torch.get_num_threads(), form),
    ]


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__.splitlines()[0], 7)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--only", nargs="+", default=list(NETS), choices=list(NETS))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    latency.SHORTEST = TURN
    rows, raw = [], {}
    with TemporaryDirectory() as room:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = room
        # The first net is measured once more before, and those figures are discarded: the machine is cold.
        list(latency.measure(contenders(given.only[0], Path(room, "net.onnx")), given.batch, given.rounds, 3))
        for name in given.only:
            torch._dynamo.reset()
            engines = contenders(name, Path(room, "net.onnx"))
            for timing in latency.measure(engines, given.batch, given.rounds, 3):
                raw[f"{name}, {timing.batch}, {timing.engine}"] = list(timing.seconds)
            for batch in given.batch:
                found = {e.engine: 1e3 * _median(raw[f"{name}, {batch}, {e.engine}"]) for e in engines}
                compiled = min(found["torch.compile"], found[LAST])
                best = min(compiled, found["onnxruntime"])
                own = found[OURS]
                rows.append(
                    (name, batch, own, found["torch"], compiled, found["onnxruntime"], best / own, found["torch"] / own)
                )
                print(rows[-1], file=sys.stderr, flush=True)
    columns = (
        Column("net"),
        Column("batch", "count"),
        Column("archdsl, ms", "float"),
        Column("torch", "float"),
        Column("torch.compile", "float"),
        Column("onnxruntime", "float"),
        Column("best peer / archdsl", "float"),
        Column("torch / archdsl", "float"),
    )
    least = min(row[6] for row in rows)
    note = f"n = {given.rounds}, interleaved, medians; the least of best peer / archdsl is {least:.3f}"
    publish(
        "c5_inference", [Table(columns, tuple(rows), "C5", notes=(note,))], raw, ["torch", "onnxruntime"], given.out
    )


def _median(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


if __name__ == "__main__":
    main()
