"""All runs of a study in one process, as one would write it: resident bytes, batched flip and crop, bf16, channels_last."""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from common import MEAN, STD, Work, network
from torch.nn import functional
from torchvision.datasets import ImageFolder

about = json.loads(sys.argv[1])
task, device = Work(**about["work"]), torch.device(about["device"])
torch.backends.cudnn.benchmark = device.type == "cuda"  # as archdsl has it


def resident(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Bytes (N, 3, 32, 32) and labels of a folder, on the device."""
    found = ImageFolder(f"{task.folder}/{part}")
    pixels = np.stack([np.asarray(found[i][0]) for i in range(len(found))])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(device), torch.tensor(
        found.targets, device=device
    )


mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, STD))
(images, labels), (tests, answers) = resident("train"), resident("val")
rows = []
for number, net in enumerate(about["nets"]):
    for seed in range(about["seeds"]):
        one = Work(**{**about["work"], "net": net, "seed": seed})
        model = network(one).to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(model.parameters(), one.lr, one.momentum, foreach=True)
        chance = torch.Generator(device).manual_seed(seed)
        for _ in range(one.epochs):
            for index in torch.randperm(len(labels), generator=chance, device=device).split(one.batch):
                batch = (images[index].float() / 255 - mean) / std
                turned = torch.rand(len(index), 1, 1, 1, generator=chance, device=device) < 0.5
                batch = functional.pad(torch.where(turned, batch.flip(3), batch), (4,) * 4)
                places = torch.randint(9, (2, len(index), 1), generator=chance, device=device)
                across, down = (torch.arange(32, device=device) + p for p in places)
                which = torch.arange(len(index), device=device)[:, None, None]
                batch = batch.permute(0, 2, 3, 1)[which, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
                with torch.autocast(device.type, torch.bfloat16):
                    logits = model(batch)
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(functional.cross_entropy(logits.float(), labels[index]))
                optimizer.step()
        model.eval()
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            right = model(((tests.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)).argmax(1)
        rows.append((number, seed, float((right == answers).float().mean())))
print(json.dumps(rows))
