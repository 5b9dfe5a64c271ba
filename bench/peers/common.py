"""What every contender shares: the net, its first weights, the pictures' place, a clock on updates, the result."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_post_hook

import archdsl
from archdsl.emit.build import build
from archdsl.emit.vision import import_torchvision
from archdsl.train.init import initialise

import_torchvision()  # before anything else imports it: wheels of torch and torchvision need not match

WARMUP = 10  # updates at the start of a run that do not count as steady
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True)
class Work:
    """What is to be trained. ``folder`` has train/CLASS/*.png and val/CLASS/*.png."""

    net: str
    folder: str
    images: int
    epochs: int
    batch: int = 128
    lr: float = 0.05
    momentum: float = 0.9
    precision: str = "fp32"
    channels_last: bool = False
    checkout: str = ""
    threads: int = 2
    seed: int = 0
    device: str = "cpu"
    workers: int = 0  # of a peer's loader
    compiled: bool = False
    native: bool = True  # archdsl's own kernels

    @property
    def per_epoch(self) -> int:
        return self.images // self.batch


def work() -> Work:
    """The work that the command line gives, as JSON."""
    given = json.loads(sys.argv[1])
    return Work(**{f.name: given[f.name] for f in fields(Work) if f.name in given})


def command(work: Work) -> str:
    """The argument for a contender's process."""
    return json.dumps(asdict(work))


def network(work: Work) -> nn.Module:
    """The net with the weights that all contenders begin with."""
    model = build(archdsl.load(work.net, input=(3, 32, 32), classes=10).trace)
    initialise(model, work.seed)
    return model


class Clock:
    """Notes the time after every update, whoever makes it; on a GPU the last one of an epoch waits for its work."""

    def __init__(self, work: Work | None = None) -> None:
        self.ticks: list[float] = []
        self._wait = work.per_epoch if work is not None and work.device != "cpu" else 0
        register_optimizer_step_post_hook(self._tick)

    def _tick(self, *event: Any) -> None:
        if self._wait and (len(self.ticks) + 1) % self._wait == 0:
            torch.cuda.synchronize()
        self.ticks.append(time.perf_counter())

    def steady(self, work: Work) -> float:
        """Images a second between updates, without the first ones and without what lies between two epochs."""
        first = (
            WARMUP + 1 if work.device == "cpu" else work.per_epoch
        )  # a GPU's first epoch chooses and compiles kernels
        gaps = [self.ticks[i] - self.ticks[i - 1] for i in range(first, len(self.ticks)) if i % work.per_epoch != 0]
        return work.batch * len(gaps) / sum(gaps) if gaps else 0.0


def judged(model: nn.Module, folder: str) -> tuple[float, float]:
    """Mean loss and accuracy on the validation pictures, in fp32: whether all contenders learnt the same."""
    from torchvision import datasets, transforms

    look = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    pictures = datasets.ImageFolder(str(Path(folder) / "val"), look)
    images, labels = zip(*(pictures[i] for i in range(len(pictures))), strict=True)
    with torch.no_grad():
        logits, targets = model.eval()(torch.stack(images)), torch.tensor(labels)
        hits = (logits.argmax(1) == targets).float().mean()
        return float(functional.cross_entropy(logits, targets)), float(hits)


def report(work: Work, clock: Clock, model: nn.Module, **more: Any) -> None:
    """The contender's last line."""
    loss, accuracy = judged(model.cpu().float(), work.folder)
    facts = {"steps": len(clock.ticks), "steady": clock.steady(work), "loss": loss, "accuracy": accuracy, **more}
    print("RESULT " + json.dumps(facts), flush=True)
