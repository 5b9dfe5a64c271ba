"""Networks with something attached to their modules: computed weights, and hooks."""

import torch.nn.functional as F
from torch.nn.utils import parametrizations, prune, spectral_norm

from tests.lift.nets.modes import Base


class Spectral(Base):
    def __init__(self):
        super().__init__()
        spectral_norm(self.conv2)


class Weight(Base):
    def __init__(self):
        super().__init__()
        parametrizations.weight_norm(self.conv2)


class Pruned(Base):
    def __init__(self):
        super().__init__()
        prune.l1_unstructured(self.conv2, "weight", 0.3)


class Doubling(Base):
    def __init__(self):
        super().__init__()
        self.conv.register_forward_hook(lambda module, args, out: out * 2)


class RootHook(Base):
    def __init__(self):
        super().__init__()
        self.register_forward_pre_hook(lambda module, args: (args[0] * 3,))


class TrainHook(Base):
    def __init__(self):
        super().__init__()
        self.conv.register_forward_hook(lambda module, args, out: F.dropout(out, 0.5, module.training))


class BackwardHook(Base):
    def __init__(self):
        super().__init__()
        self.conv.weight.register_hook(lambda gradient: gradient * 0.1)


class Watched(Base):
    """A hook that looks only."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.conv.register_forward_hook(lambda module, args, out: self.seen.append(out))
