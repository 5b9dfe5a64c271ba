"""Hydra's multirun over nets and seeds, Lightning in each job; Hydra's own launcher, one job after the other."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import hydra
from common import MEAN, STD, Work, judged, network
from omegaconf import DictConfig

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


class Classifier(lightning.LightningModule):
    """The net and its optimiser, as Lightning wants them."""

    def __init__(self, task: Work) -> None:
        super().__init__()
        self.net, self.task = network(task), task

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        images, labels = batch
        return functional.cross_entropy(self.net(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.net.parameters(), self.task.lr, self.task.momentum)


@hydra.main(version_base=None, config_path=None, config_name=None)
def main(config: DictConfig) -> None:
    """One job."""
    about = json.loads(os.environ["ARCHDSL_BENCH"])
    task = replace(Work(**about["work"]), net=about["nets"][config.net], seed=config.seed)
    torch.set_num_threads(task.threads)
    look = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(32, 4),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = DataLoader(datasets.ImageFolder(task.folder + "/train", look), task.batch, shuffle=True, drop_last=True)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=task.epochs,
        precision="bf16-mixed",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Classifier(task)
    trainer.fit(module, loader)
    with Path(about["table"]).open("a") as table:
        table.write(json.dumps([config.net, config.seed, judged(module.net, task.folder)[1]]) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
