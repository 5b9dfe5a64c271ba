"""Ray Tune over nets and seeds: a loop of PyTorch with bf16 and channels_last in each trial, two trials at a time. Each has
a process of its own, as Tune does unasked, or with `reuse` one of two that stay.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).resolve().parent)


def trained(config: dict[str, Any]) -> dict[str, float]:
    """One trial."""
    sys.path.insert(0, HERE)
    import torch
    from common import MEAN, STD, Work, judged, network
    from torch.nn import functional
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    task = replace(Work(**config["work"]), net=config["net"], seed=config["seed"])
    torch.set_num_threads(1)
    look = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(32, 4),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = DataLoader(datasets.ImageFolder(task.folder + "/train", look), task.batch, shuffle=True, drop_last=True)
    model = network(task).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), task.lr, task.momentum)
    for _ in range(task.epochs):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                value = functional.cross_entropy(model(images.contiguous(memory_format=torch.channels_last)), labels)
            value.backward()
            optimizer.step()
    return {"accuracy": judged(model, task.folder)[1]}


def main() -> None:
    """All trials, and their table."""
    from archdsl.foreign import prepare

    prepare()  # no usage statistics of Ray
    import ray
    from ray import tune

    about = json.loads(os.environ["ARCHDSL_BENCH"])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    space = {"net": tune.grid_search(about["nets"]), "seed": tune.grid_search(about["seeds"]), "work": about["work"]}
    run = tune.RunConfig(storage_path=str(Path(about["table"]).parent / "tune"), verbose=0)
    how = tune.TuneConfig(reuse_actors="reuse" in sys.argv)
    found = tune.Tuner(trained, param_space=space, run_config=run, tune_config=how).fit()
    with Path(about["table"]).open("a") as table:
        for result in found:
            where = [about["nets"].index(result.config["net"]), result.config["seed"], result.metrics["accuracy"]]
            table.write(json.dumps(where) + "\n")


if __name__ == "__main__":
    main()
