"""B1: forward and backward of a built ResNet-18, eager fp32, against torchvision's hand-written module.

The same weights, the same images, training mode. A large batch shows the arithmetic, a tiny one the Python around it,
where a tax of the language would hide. Before anything is timed both give the same loss and the same gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _timing import REPO, comparison, interleave, options, publish
from torch import nn

import archdsl
from archdsl.emit.vision import import_torchvision

SPEC = REPO / "specs" / "imagenet" / "resnet18.arch"
CASES = ((2, 32), (16, 64))  # images a batch, pixels a side
OURS, THEIRS = "archdsl", "torchvision"


def pair(side: int) -> dict[str, nn.Module]:
    """Our module and theirs, with one set of weights: the order of the weights is the same, the names are not."""
    import_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    theirs = resnet18()
    ours = archdsl.model(SPEC.read_text(encoding="utf-8"), input=(3, side, side), classes=1000)
    values = list(theirs.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    return {OURS: ours.train(), THEIRS: theirs.train()}


def stepper(module: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A training step without an update: gradients only."""

    def step() -> torch.Tensor:
        module.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(module(images), labels)
        loss.backward()
        return loss.detach()

    return step


def check(modules: dict[str, nn.Module], steps: dict[str, Callable[[], torch.Tensor]]) -> None:
    """Equal loss and equal gradients."""
    torch.testing.assert_close(steps[OURS](), steps[THEIRS](), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(modules[OURS].parameters(), modules[THEIRS].parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-4)


def main() -> None:
    """Measure and publish."""
    parser = options(__doc__, rounds=41)
    # One thread: where other work shares the cores, waiting for a second one hides any tax.
    parser.add_argument("--threads", type=int, default=1, help="torch's threads; default 1")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tables, raw = [], {"threads": torch.get_num_threads()}
    for batch, side in CASES:
        modules: dict[str, Any] = pair(side)
        images, labels = torch.randn(batch, 3, side, side), torch.randint(1000, (batch,))
        steps = {name: stepper(module, images, labels) for name, module in modules.items()}
        check(modules, steps)
        times = interleave(steps, args.rounds, warmup=4)
        title = f"B1: ResNet-18, {batch} images of {side}×{side}, forward and backward"
        tables.append(comparison(title, times, THEIRS, ["must: 1.00 ± 0.02"]))
        raw[f"{batch}x{side}"] = times
    publish("b1_module_tax", tables, raw, ["torch", "torchvision"], args.out)


if __name__ == "__main__":
    main()
