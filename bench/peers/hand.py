"""Our parts without the run folder: resident bytes, batched flip and crop, the chosen plan and the fast net."""

from __future__ import annotations

import numpy as np
import torch
from common import MEAN, STD, Clock, network, report, work
from torch import fx
from torch.nn import functional
from torchvision.datasets import ImageFolder

from archdsl.accelerate.fast import fast
from archdsl.accelerate.plan import choose, forward_context, prepare
from archdsl.data.augment import crop, flip

task = work()
torch.set_num_threads(task.threads)
found = ImageFolder(task.folder + "/train")
pixels = (
    torch.from_numpy(np.stack([np.asarray(found[i][0]) for i in range(len(found))])).permute(0, 3, 1, 2).contiguous()
)
targets = torch.tensor(found.targets)
model, clock, cpu = network(task), Clock(), torch.device("cpu")
assert isinstance(model, fx.GraphModule)
plan, note = choose(model, (task.batch, 3, 32, 32), task.per_epoch * task.epochs, cpu, task.precision)
prepare(model, plan)
net, chance = fast(model, plan), torch.Generator().manual_seed(0)
optimizer = torch.optim.SGD(model.parameters(), task.lr, task.momentum, foreach=True)
layout = torch.channels_last if plan.channels_last else torch.contiguous_format
mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
for _ in range(task.epochs):
    for index in torch.randperm(len(targets), generator=chance).split(task.batch):
        corners = torch.randint(9, (2, len(index)), generator=chance)
        bytes_ = flip(pixels[index], torch.rand(len(index), generator=chance) < 0.5)
        bytes_ = crop(bytes_, 4, corners[0], corners[1])
        images = torch.addcmul(-mean / std, bytes_.float(), 1 / (255 * std)).contiguous(memory_format=layout)
        with forward_context(plan, cpu):
            logits = net(images)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(functional.cross_entropy(logits.float(), targets[index]))
        optimizer.step()
report(task, clock, model, note=note)
