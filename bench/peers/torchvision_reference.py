"""torchvision's references/classification/train.py out of a checkout, with our net; its settings are those of its command line.

Its presets cut random boxes; flip and crop take their place. Of 0, 1 and 2 workers 0 is taken, as for timm.
"""

from __future__ import annotations

from common import MEAN, STD, Clock, network, report, work

# isort: split
import runpy
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
import torchvision
from torchvision import transforms

task = work()
torch.set_num_threads(task.threads)
model, clock = network(task), Clock(task)
folder = Path(task.checkout) / "references" / "classification"
sys.path.insert(0, str(folder))
warnings.filterwarnings("ignore")

import presets  # noqa: E402  (the checkout's)

LAST = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
presets.ClassificationPresetTrain = lambda **options: transforms.Compose(
    [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, 4), *LAST]
)
presets.ClassificationPresetEval = lambda **options: transforms.Compose(LAST)


def raced(name: str, **options: Any) -> torch.nn.Module:
    """The net in place of one of torchvision's."""
    return model


torchvision.models.get_model = raced
with tempfile.TemporaryDirectory() as out:
    sys.argv = [
        str(folder / "train.py"),
        "--data-path",
        task.folder,
        "--model",
        "raced",
        "--device",
        task.device,
        "--batch-size",
        str(task.batch),
        "--epochs",
        str(task.epochs),
        "--opt",
        "sgd",
        "--lr",
        str(task.lr),
        "--momentum",
        str(task.momentum),
        "--weight-decay",
        "0",
        "--lr-step-size",
        "1000",
        "--workers",
        str(task.workers),
        "--output-dir",
        out,
    ]
    options = runpy.run_path(sys.argv[0])
    options["main"](options["get_args_parser"]().parse_args())
report(task, clock, model)
