"""Lightning's Trainer, with the same ImageFolder."""

from __future__ import annotations

from common import MEAN, STD, Clock, network, report, work

# isort: split
import logging
import warnings
from typing import Any

import lightning
import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
task = work()
torch.set_num_threads(task.threads)


class Classifier(lightning.LightningModule):
    """The net and its optimiser, as Lightning wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(task)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        images, labels = batch
        return functional.cross_entropy(self.net(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.net.parameters(), task.lr, task.momentum)


look = transforms.Compose(
    [
        transforms.RandomHorizontalFlip(),
        transforms.RandomCrop(32, 4),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
)
pictures = datasets.ImageFolder(task.folder + "/train", look)
loader = DataLoader(
    pictures,
    task.batch,
    shuffle=True,
    drop_last=True,
    num_workers=task.workers,
    pin_memory=task.device != "cpu",
    persistent_workers=task.workers > 0,
)
module, clock = Classifier(), Clock(task)
trainer = lightning.Trainer(
    accelerator="cpu" if task.device == "cpu" else "gpu",
    devices=1,
    max_epochs=task.epochs,
    benchmark=task.device != "cpu",  # as archdsl has it
    precision="bf16-mixed" if task.precision == "bf16" else "32-true",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(module, loader)
report(task, clock, module.net)
