"""C6: how many threads the parts of our convolutions can keep busy: a simulation, for processors that are not at hand.

    python bench/c6_many_cores.py [--batch 128 8]

A static schedule gives every thread the same number of parts, one more or less; so with p parts and t threads a kernel takes
ceil(p / t) turns where p / t would do. The figure is the share of the threads' time in which they have work, over all 3×3
convolutions of stride 1 of a net, forward, gradient of the images and gradient of the weights, by their multiplications.
What threads wait for memory and for each other is not in it: it is a bound.
"""

from __future__ import annotations

import math

import torch
from _timing import options, publish
from c4_forms import NETS, net_of
from torch import Tensor, nn

from archdsl.accelerate.native.conv import takes
from archdsl.accelerate.native.kernels import loaded
from archdsl.report import Column, Table

THREADS = (2, 8, 16, 32, 64)
Conv = tuple[int, int, int, int, int]  # images, rows and columns of the output, channels in and out


def convolutions(text: str, batch: int) -> list[Conv]:
    """Those that our kernels know, of a pass over a batch of 3×32×32."""
    net, found = net_of(text), []

    def note(layer: nn.Conv2d, given: tuple[Tensor, ...], made: Tensor) -> None:
        found.append((batch, *made.shape[2:], layer.in_channels, layer.out_channels))

    for module in net.modules():
        if takes(module):
            module.register_forward_hook(note)
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, 32, 32))
    return found


def busy(convs: list[Conv], threads: int) -> float:
    """The share of the threads' time."""
    count = loaded("conv").winograd_parts
    ideal = taken = 0.0
    for n, rows, columns, c, k in convs:
        work = n * rows * columns * c * k
        both = ((n, rows, columns, c, k, 0), (n, rows, columns, k, c, 0), (n, rows, columns, c, k, 1))
        for parts in (count(*one, threads) for one in both):
            ideal += work / threads
            taken += work / parts * math.ceil(parts / threads)
    return ideal / taken


def main() -> None:
    """Count and publish."""
    parser = options(__doc__.splitlines()[0], 1)
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 8])
    given = parser.parse_args()
    rows = [
        (name, batch, *(busy(convs, threads) for threads in THREADS))
        for name, text in NETS.items()
        for batch in given.batch
        if (convs := convolutions(text, batch))
    ]
    columns = (Column("net"), Column("batch", "count"), *(Column(f"{n} threads", "percent") for n in THREADS))
    publish(
        "c6_many_cores", [Table(columns, tuple(rows), "C6: a bound, simulated")], {"rows": rows}, ["torch"], given.out
    )


if __name__ == "__main__":
    main()
