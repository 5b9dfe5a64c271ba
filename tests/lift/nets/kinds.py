"""Small networks in the ways in which people write them. They are files that `archdsl import` runs."""

import os
import sys

import torch
import torch.nn.functional as F
from torch import nn


class Functional(nn.Module):
    """Functions where modules could stand: F.relu, torch.flatten, x.mean, sizes taken from the tensor."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.f = nn.Linear(16 * 2 * 2, 20)
        self.g = nn.Linear(20, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.a(x)), 2)
        x = F.avg_pool2d(torch.relu(self.b(x)), 2)
        x = F.dropout(torch.flatten(x, 1), 0.25, self.training)
        return self.g(F.hardswish(self.f(x.view(x.size(0), -1)), inplace=True))


class Mean(nn.Module):
    """The mean as a method, a projection, a residual sum in place."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.body = nn.Sequential(
            nn.Conv2d(8, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, 1, 1, bias=False),
            nn.BatchNorm2d(16),
        )
        self.down = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.stem(x)
        y = self.body(x)
        y += self.down(x)
        return self.fc(torch.relu(y).mean([2, 3]))


class Split(nn.Module):
    """Parts of the channels by chunk, split and slices, put together, and shuffled by hand."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, padding=1)
        self.a, self.b, self.c = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Conv2d(3, 5, 1)
        self.fc = nn.Linear(13, 10)

    def forward(self, x):
        x = self.stem(x)
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left, self.a(right)], 1)
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        p, q = torch.split(x, [8, 4], dim=1)
        x = torch.cat((p, self.b(q)), dim=1)
        return self.fc(torch.cat((x[:, :8], self.c(x[:, 9:])), 1).mean((2, 3)))


class Gate(nn.Module):
    """Squeeze and excitation with linear layers on a vector, and with 1x1 convolutions."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.a, self.b = nn.Linear(16, 4), nn.Linear(4, 16)
        self.pool, self.c, self.d = nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        gate = torch.sigmoid(self.b(F.relu(self.a(x.mean((2, 3))))))
        x = x * gate[:, :, None, None]
        x = torch.sigmoid(self.d(F.relu(self.c(self.pool(x))))) * x
        return self.fc(self.pool(x).flatten(1))


class Dense(nn.Module):
    """Each layer sees all before it: lists of tensors side by side."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(8 + 4 * i, 4, 3, padding=1) for i in range(4))
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        seen = [self.stem(x)]
        for layer in self.layers:
            seen.append(F.relu(layer(torch.cat(seen, 1))))
        return self.fc(torch.cat(seen, 1).mean([2, 3]))


class Wired(nn.Module):
    """A graph that no nesting of branches says: a value read across two sums."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(n, 8, 3, padding=1) for n in (3, 8, 8, 8))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        a = self.a(x)
        b = F.relu(self.b(a))
        c = F.relu(self.c(a) + b)
        d = self.d(b) + c
        return self.fc((d + b * c).mean([2, 3]))


class Last(nn.Module):
    """Channels last for a while: layer normalisation and linear layers of each pixel, a learnt factor."""

    def __init__(self):
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 32), nn.Linear(32, 8)
        self.gamma = nn.Parameter(torch.full((8,), 1e-6))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.deep(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        return self.fc((x + y.permute(0, 3, 1, 2)).mean([-2, -1]))


class Alike(nn.Module):
    """Blocks that differ in numbers, for a let with parameters."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList()
        for cin, cout in ((8, 8), (8, 16), (16, 32)):
            self.blocks.append(
                nn.ModuleList(
                    [
                        nn.Conv2d(cin, cout, 1),
                        nn.Conv2d(cout, 2 * cout, 3, padding=1),
                        nn.Conv2d(2 * cout, cout, 1),
                        nn.Conv2d(cin, cout, 1),
                    ]
                )
            )
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = self.stem(x)
        for a, b, c, skip in self.blocks:
            x = F.elu(c(F.elu(b(F.elu(a(x))))) + skip(x))
        return self.fc(x.mean([2, 3]))


class Branching(Mean):
    """Asks what a tensor holds, and goes on accordingly: no one graph says that."""

    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)


class Unknown(Mean):
    """Two operations that no word stands for, in two places."""

    def forward(self, x):
        x = self.body(self.stem(x))
        return self.fc(torch.cumsum(x, 1).mean([2, 3]) + torch.flip(x, [2]).mean([2, 3]))


class Tied(nn.Module):
    """One convolution used twice."""

    def __init__(self):
        super().__init__()
        self.stem, self.same, self.fc = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.same(F.relu(self.same(self.stem(x)))).mean([2, 3]))


class Aux(Mean):
    """A head that only training uses."""

    def __init__(self):
        super().__init__()
        self.aux = nn.Linear(8, 10)

    def forward(self, x):
        main = super().forward(x)
        return (main, self.aux(self.stem(x).mean([2, 3]))) if self.training else main


class Picture(nn.Conv2d):
    """Ends in an image."""

    def __init__(self):
        super().__init__(3, 8, 3)


class Asleep(nn.Module):
    """Ends only long after any limit that a test sets."""

    def __init__(self):
        super().__init__()
        import time

        time.sleep(600)


class Broken(nn.Module):
    """Fails while it is made."""

    def __init__(self):
        super().__init__()
        raise ValueError("no such dataset")


def noisy():
    """A function, and one that prints, not only text."""
    sys.stdout.write("loading\n")
    for stream in (1, 2):
        os.write(stream, b"\xff\n")
    return Mean()


def needs(width):
    return nn.Linear(width, 10)


def number():
    return 3


ready = Mean()
