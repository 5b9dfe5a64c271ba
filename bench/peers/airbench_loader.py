"""airbench's loader, data resident on the GPU, with our net in a plain bf16 loop: the ceiling of a loop without a graph.

Jordan's `airbench` package out of a checkout of its repository gives the loader; it wants its data as one file.
"""

from __future__ import annotations

from common import Clock, network, report, work

# isort: split
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torchvision import datasets

task = work()
sys.path.insert(0, task.checkout)
from airbench import CifarLoader  # noqa: E402 - it lies in the checkout

with tempfile.TemporaryDirectory() as home:
    found = datasets.ImageFolder(task.folder + "/train")
    images = torch.from_numpy(np.stack([np.asarray(found[i][0]) for i in range(len(found))]))
    torch.save(
        {"images": images, "labels": torch.tensor(found.targets), "classes": found.classes}, Path(home) / "train.pt"
    )
    loader = CifarLoader(
        home, train=True, batch_size=task.batch, aug={"flip": True, "translate": 4}, drop_last=True, shuffle=True
    )
model = network(task).to(task.device, memory_format=torch.channels_last)
torch.backends.cudnn.benchmark = True
net = torch.compile(model) if task.compiled else model
optimizer, clock = torch.optim.SGD(model.parameters(), task.lr, task.momentum, fused=True), Clock(task)
for _ in range(task.epochs):
    model.train()
    for inputs, labels in loader:
        with torch.autocast("cuda", torch.bfloat16):
            logits = net(inputs)
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
report(task, clock, model)
