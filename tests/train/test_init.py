import os
import subprocess
import sys

import torch
from torch import nn

from archdsl.seeds import stream
from archdsl.train.init import initialise


def net(*extra: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), *extra, nn.Conv2d(8, 8, 3), nn.Linear(8, 2))


def test_the_seed_determines_the_weights() -> None:
    one, two, other = net(), net(), net()
    assert initialise(one, 5) == initialise(two, 5) == ()
    initialise(other, 6)
    for a, b, c in zip(one.parameters(), two.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim == 1 or not torch.equal(a, c)


def test_a_layer_more_leaves_the_others_as_they_were() -> None:
    plain, longer = net(), net(nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), nn.ReLU())
    initialise(plain, 0)
    initialise(longer, 0)
    assert torch.equal(plain[0].weight, longer[0].weight)
    assert torch.equal(plain[2].weight, longer[5].weight)
    assert torch.equal(plain[3].bias, longer[6].bias)


def test_equal_layers_differ_and_the_global_generator_stays() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    before = torch.get_rng_state()
    initialise(model, 0)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(model[0].weight, model[1].weight)


class Token(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.full((3,), 7.0))


def test_what_no_reset_touches_is_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2), Token())
    assert initialise(model, 0) == ("1.token",)
    assert model[1].token.tolist() == [7, 7, 7]


def test_the_scale_is_torchs_own() -> None:
    model = nn.Sequential(nn.Linear(400, 400))
    initialise(model, 0)
    assert abs(model[0].weight.std().item() - 1 / (3 * 400) ** 0.5) < 1e-3


def test_streams_differ_and_repeat_in_every_process() -> None:
    names = ("init", "order", "augment", "dropout", "split")
    found = {stream(s, name, i) for s in range(3) for name in names for i in range(3)}
    assert len(found) == 45
    assert all(0 <= s < 2**63 for s in found)
    code = "from archdsl.seeds import stream; print(stream(1, 'init', (2, 3)))"
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.stdout.strip() == str(stream(1, "init", (2, 3)))
