"""Optimisers without torch's compiler take the same steps, and a training does not import it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl.train.optim.light import light

KINDS: dict[type[torch.optim.Optimizer], dict[str, Any]] = {
    torch.optim.SGD: {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    torch.optim.Adam: {"lr": 0.1, "fused": True},
    torch.optim.NAdam: {"lr": 0.1},
    torch.optim.RMSprop: {"lr": 0.1},
}
SPEC = "input 1x28x28\nnet conv(8) +bn\ndata fashion-mini subset(256)\ntrain {} epochs(1) batch(64)\n"
PROGRAM = """
import sys
from archdsl.cli.main import main
for file in sys.argv[1:]:
    assert not main(["train", file, "--quiet"])
    print(file, "torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_are_those_of_torch(kind: type[torch.optim.Optimizer]) -> None:
    torch.manual_seed(0)
    gradients = torch.randn(5, 3, 4)
    found = []
    for form in (kind, light(kind)):
        weight = torch.nn.Parameter(torch.ones(3, 4))
        optimizer: Any = form([weight], **KINDS[kind])
        seen: list[int] = []
        optimizer.register_step_post_hook(lambda *_, seen=seen: seen.append(1))
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        assert len(seen) == len(gradients)
        assert all(
            not v.requires_grad for s in optimizer.state.values() for v in s.values() if isinstance(v, torch.Tensor)
        )
        found.append(weight.detach())
    assert torch.equal(*found)
    assert light(kind).__name__ == kind.__name__
    assert light(kind) is light(kind)


def test_a_training_imports_no_compiler(tmp_path: Path) -> None:
    files = []
    for number, optimizer in enumerate(
        ("sgd(0.1)", "adam(0.001)", "nadam(0.001)", "rmsprop(0.001)", "lion(0.001)", "muon(0.02)")
    ):
        files.append(tmp_path / f"n{number}.arch")
        files[-1].write_text(SPEC.format(optimizer))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, files)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for file in files:
        assert f"{file} False\n" in done.stdout, file.read_text()
