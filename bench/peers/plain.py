"""The loop of the tutorials: ImageFolder, torchvision's transforms, DataLoader, fp32."""

from __future__ import annotations

import torch
from common import MEAN, STD, Clock, network, report, work
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

task = work()
torch.set_num_threads(task.threads)
torch.backends.cudnn.benchmark = task.device != "cpu"  # as archdsl has it
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
model, clock = network(task).to(task.device), Clock(task)
optimizer = torch.optim.SGD(model.parameters(), task.lr, task.momentum)
criterion = nn.CrossEntropyLoss()
for _ in range(task.epochs):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        criterion(model(images.to(task.device)), labels.to(task.device)).backward()
        optimizer.step()
report(task, clock, model)
