"""Networks in which train mode computes something else than eval mode, or learns otherwise."""

import random

import torch
import torch.nn.functional as F
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.fc, self.drop = nn.Linear(8, 10), nn.Dropout(0.3)

    def noise(self, x):
        return x

    def forward(self, x):
        x = self.noise(F.relu(self.conv(x)))
        return self.fc(F.relu(self.conv2(x)).mean((2, 3)))


class IfTraining(Base):
    def noise(self, x):
        return self.drop(x) if self.training else x


class Never(Base):
    """Dropout that is off in both modes."""

    def noise(self, x):
        return F.dropout(x, 0.3, training=False)


class KeptOff(Base):
    """Dropout that `train()` leaves off."""

    def train(self, mode=True):
        super().train(mode)
        self.drop.eval()
        return self

    def noise(self, x):
        return self.drop(x)


class Always(Base):
    def noise(self, x):
        return F.dropout(x, 0.3)


class KeptOn(Base):
    """Monte Carlo dropout: `eval()` leaves it on."""

    def train(self, mode=True):
        super().train(mode)
        self.drop.train()
        return self

    def noise(self, x):
        return self.drop(x)


class EvalNoise(Base):
    def noise(self, x):
        return x + torch.randn_like(x)


class TrainNoise(Base):
    def noise(self, x):
        return x + 0.1 * torch.randn_like(x) if self.training else x


class Uniform(Base):
    """A mask by a comparison."""

    def noise(self, x):
        return x * (torch.rand_like(x) > 0.3).float() / 0.7 if self.training else x


class Unscaled(Base):
    def noise(self, x):
        return x * (torch.rand_like(x) > 0.3) if self.training else x


class Path(Base):
    """The usual function of stochastic depth."""

    def path(self, x, p=0.2):
        if not self.training:
            return x
        mask = 1 - p + torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), dtype=x.dtype, device=x.device)
        return x.div(1 - p) * mask.floor_()

    def noise(self, x):
        return x + self.path(x * 0.5)


class Bernoulli(Base):
    """That of timm."""

    def noise(self, x):
        if not self.training:
            return x + x * 0.5
        mask = x.new_empty((x.shape[0], 1, 1, 1)).bernoulli_(0.8)
        mask.div_(0.8)
        return x + x * 0.5 * mask


class Branch(Base):
    """A branch that is drawn while the code runs."""

    def noise(self, x):
        return x * 2 if self.training and random.random() < 2 else x


class OtherLayer(Base):
    def noise(self, x):
        return F.gelu(x) if self.training else F.silu(x)


class EvalSoftmax(Base):
    def forward(self, x):
        x = super().forward(x)
        return x if self.training else x.softmax(1)


class Dictionary(Base):
    def forward(self, x):
        x = super().forward(x)
        return {"out": x} if self.training else x


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Reversal(Base):
    def noise(self, x):
        return _Reversed.apply(x)


class Detached(Base):
    def noise(self, x):
        return x.detach()


class DetachedInTraining(Base):
    def noise(self, x):
        return x.detach() if self.training else x


class NoGrad(Base):
    def forward(self, x):
        with torch.no_grad():
            x = F.relu(self.conv(x))
        return self.fc(F.relu(self.conv2(x)).mean((2, 3)))


class Frozen(Base):
    def __init__(self):
        super().__init__()
        self.conv.requires_grad_(False)


class FrozenNorm(Base):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(8)

    def train(self, mode=True):
        super().train(mode)
        self.bn.eval()
        return self

    def noise(self, x):
        return self.bn(x)


class FunctionalNorm(Base):
    """Batch normalisation as a function, whose buffers have names of their own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("m", torch.zeros(8))
        self.register_buffer("v", torch.ones(8))
        self.w, self.b = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))

    def noise(self, x):
        return F.batch_norm(x, self.m, self.v, self.w, self.b, self.training)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 16, 4, stride=4), nn.Linear(16, 10)
        self.att = nn.MultiheadAttention(16, 4, dropout=0.3, batch_first=True)

    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        return self.fc((x + self.att(x, x, x)[0]).mean(1))


class AttentionKeptOff(Attention):
    def train(self, mode=True):
        super().train(mode)
        self.att.eval()
        return self


class Average(Base):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(8))

    def noise(self, x):
        if self.training:
            self.mean.mul_(0.9).add_(x.mean((0, 2, 3)).detach(), alpha=0.1)
        return x


class Assigned(Average):
    def noise(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean((0, 2, 3)).detach()
        return x


class Counting(Base):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def noise(self, x):
        self.calls += 1
        return x


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.fc = nn.LazyConv2d(8, 3, padding=1), nn.LazyBatchNorm2d(), nn.LazyLinear(10)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).flatten(1))


class AddInPlace(Base):
    """`x += y` is seen by who holds x under another name."""

    def noise(self, x):
        kept = x
        x += x * 3
        return kept + 0


class OfView(Base):
    def noise(self, x):
        x = x * 2
        x.view(-1, 8, 16, 16).mul_(3)
        return x


class OfPart(Base):
    def noise(self, x):
        x.chunk(2, 1)[0].mul_(3)
        return x


class OfDropped(Base):
    """In eval mode dropout gives its argument itself, and what works in place behind it changes that."""

    def noise(self, x):
        return x + self.drop(x).mul_(3)


class OfCopy(Base):
    def noise(self, x):
        return x + x.clone().mul_(3)
