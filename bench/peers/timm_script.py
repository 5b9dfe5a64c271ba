"""timm's own train.py out of a checkout, with our net registered; its settings are those of its command line.

timm's ``sgd`` is Nesterov's; ``momentum`` is the plain one. Its transforms have no padded crop, so flip and crop
take the place of the ones that it would build. Of 0, 1 and 2 workers 0 was the fastest on two cores.
"""

from __future__ import annotations

from common import MEAN, STD, Clock, network, report, work

# isort: split
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import timm
import timm.data.loader
import torch
from timm.data.transforms import ToNumpy
from timm.models import register_model
from torch import nn
from torchvision import transforms

task = work()
torch.set_num_threads(task.threads)
model, clock = network(task), Clock(task)
model.default_cfg = {}  # type: ignore[assignment]


@register_model
def raced(pretrained: bool = False, **options: Any) -> nn.Module:
    """The net under a name that timm finds."""
    return model


stock = timm.data.loader.create_transform


def transform(*args: Any, is_training: bool = False, **options: Any) -> Any:
    """Flip and crop for training, and timm's own for the validation."""
    if is_training:
        return transforms.Compose([transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, 4), ToNumpy()])
    return stock(*args, is_training=False, **options)


timm.data.loader.create_transform = transform
script = Path(task.checkout) / "train.py"
with tempfile.TemporaryDirectory() as out:
    sys.argv = [
        str(script),
        "--data-dir",
        task.folder,
        "--train-split",
        "train",
        "--val-split",
        "val",
        "--model",
        "raced",
        "--num-classes",
        "10",
        "--input-size",
        "3",
        "32",
        "32",
        "--mean",
        *map(str, MEAN),
        "--std",
        *map(str, STD),
        "--epochs",
        str(task.epochs),
        "--batch-size",
        str(task.batch),
        "--opt",
        "momentum",
        "--lr",
        str(task.lr),
        "--momentum",
        str(task.momentum),
        "--weight-decay",
        "0",
        "--sched",
        "step",
        "--decay-epochs",
        "1000",
        "--warmup-epochs",
        "0",
        "--device",
        task.device,
        "--output",
        out,
        "--log-interval",
        "1000",
        "--workers",
        str(task.workers),
        *(["--torchcompile"] if task.compiled else []),
        *(["--channels-last"] if task.channels_last else []),
        *(["--amp", "--amp-dtype", "bfloat16"] if task.precision == "bf16" else []),
    ]
    runpy.run_path(str(script), run_name="__main__")
report(task, clock, model.float())
