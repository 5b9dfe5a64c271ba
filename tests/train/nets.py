"""Small nets and jobs for the tests of the loop."""

import torch
from torch import nn

from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.laws.pictures import stripes
from archdsl.settings.experiment import DataSettings, Experiment, TrainSettings
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.words.data.parts import Subset
from archdsl.words.data.sets import fashion_mini

__all__ = ["CPU", "experiment", "job", "small_net", "stripes"]

CPU = torch.device("cpu")


def small_net(classes: int = 10, channels: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(16, classes),
    )


def job(settings: TrainSettings, model: nn.Module | None = None, count: int = 48, **more) -> Job:
    """A job on stripes."""
    model = model if model is not None else small_net(2)
    initialise(model, settings.seed)
    parts = {"train": stripes(count), "test": stripes(20, 2)}
    more.setdefault("valid", None)
    return Job(
        model,
        resident(parts["train"], CPU),
        more.pop("valid"),
        resident(parts["test"], CPU),
        normalise((0.4,), (0.2,), CPU),
        more.pop("augment", ()),
        settings,
        **more,
    )


def experiment(train: TrainSettings | None = None, images: int = 400, **data) -> Experiment:
    """A short one on the embedded data."""
    settings = DataSettings(fashion_mini(), subset=Subset(images), **data)
    return Experiment("tiny net", "net tiny\n", settings, train or TrainSettings(epochs=2, batch=64))
