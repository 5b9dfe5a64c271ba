"""The standalone file: the built module's keys and outputs, from torch alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.source import source
from archdsl.ir.trace import Trace

NETS = [
    "conv(8) bn relu conv(8) as a relu cat(id | @a) gap linear(10)",
    "conv(8) as a conv(8) as b relu cat(@a relu | @b | id) conv(4, 1) gap linear(10)",
    "conv(8) add(conv(8) relu | id | conv(8, 1)) mul(id | gap linear(8) sigmoid) gap linear(10)",
    "conv(8) mul(cat(id | id) | conv(16, 1) sigmoid) gap linear(10)",
    "conv(8) shared(conv(8) as a relu shared(conv(8) relu, 2) add(id | @a), 2) gap linear(10)",
    "conv(8) ode(conv(8) bn tanh conv(8), solver=rk4, steps=2, t=0.5) gap linear(10)",
    "conv(8) ode(conv(8) tanh shared(conv(8), 2), rtol=1e-4) gap linear(10)",
    "conv(16) se(4) se(squeeze=8, act=silu, gate=hardsigmoid) gap linear(10)",
    "drop(0.1) conv(8) spatial(0.2, late) gap drop(0.5) linear(10)",
    "dropconnect(conv(8), 0.3, early) cutout(4) dropblock(0.1, 3) add(id | conv(8) droppath(0.2)) gap linear(10)",
    "patch(8, 32) tokens cls pos add(id | ln attention(4, bias=false)) ln take(-1) linear(10)",
    "patch(8, 32) tokens pos attention(2) untokens(2) conv(8) gap linear(10)",
    "conv(8) slice(2, 6) shuffle(2) padchannels(8) scale(0.5) blurpool(4) resize(3x2) flatten linear(10)",
    "conv(8, ws=standard) gn(4) conv(8, ws=scaled) ln l2norm in lrn(3) trim(1) gap linear(10)",
    "conv(8, ws=norm) dwconv(3, ws=norm) linear(8, each, ws=norm) add(gap | reduce(mean)) abs gap linear(10)",
    "conv(8) tokens conv1(8, ws=norm) conv1(8, causal, ws=norm) sub(id | gap) gap linear(10, ws=norm)",
    "stem: conv(8) body: (conv(8) relu inner: conv(8)) gap head: linear(10)",
    "vgg[8x2,16x2] +res +bn drop(0.3,late)",
]
Shake = Callable[[nn.Module], nn.Module]
CASES = pytest.mark.parametrize("text", NETS)


def trace_of(text: str, shape: tuple[int, ...] = (3, 16, 16)) -> Trace:
    return load(text, input=shape, classes=10).trace


def network(text: str) -> nn.Module:
    """The module of a source text, in a name space of its own."""
    space: dict[str, Any] = {"__name__": "model"}
    exec(compile(text, "model.py", "exec"), space)  # noqa: S102 - what was written is to be run
    module: nn.Module = space["Network"]()
    return module


@CASES
def test_equal_keys_and_outputs(text: str, shaken: Shake) -> None:
    trace = trace_of(text)
    model, x = shaken(build(trace)).eval(), torch.rand(3, 3, 16, 16)
    other = network(source(trace)).eval()
    assert list(other.state_dict()) == list(model.state_dict())
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(other(x), model(x))
        spread = (model(x) - model(x[:1])).abs().max()
    assert spread > 0  # the comparison says something


@CASES
def test_equal_draws_in_training(text: str) -> None:
    trace = trace_of(text)
    model = build(trace)
    other = network(source(trace))
    other.load_state_dict(model.state_dict())
    x = torch.rand(3, 3, 16, 16)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        wanted = model(x)
        torch.manual_seed(7)
        torch.testing.assert_close(other(x), wanted)


@CASES
def test_it_imports_torch_alone(text: str) -> None:
    tree = ast.parse(source(trace_of(text)))
    top = [alias for n in tree.body if isinstance(n, ast.Import) for alias in n.names]
    assert {a.name.partition(".")[0] for a in top} <= {"torch"}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert {a.asname or a.name.partition(".")[0] for a in top} <= used  # and nothing that it does not need


def test_it_runs_where_archdsl_is_not(tmp_path: Path, shaken: Shake) -> None:
    trace = trace_of(NETS[4])
    model, x = shaken(build(trace)).eval(), torch.rand(2, 3, 16, 16)
    (tmp_path / "model.py").write_text(source(trace), "utf-8")
    with torch.no_grad():
        save_file({"x": x, "y": model(x)}, tmp_path / "values.safetensors")
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    code = (
        "import sys; sys.path.insert(0, '.'); sys.modules['archdsl'] = None\n"
        "from safetensors.torch import load_file\nimport torch, model\n"
        "net = model.Network().eval(); net.load_state_dict(load_file('model.safetensors'))\n"
        "values = load_file('values.safetensors')\n"
        "torch.testing.assert_close(net(values['x']), values['y'])\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("title", ['ends in "', '"""', "a\\b \\N{x}", "two\nlines", "', '''", "Ünïcödé", ""])
def test_no_title_breaks_the_file(title: str) -> None:
    text = source(trace_of("gap linear(10)"), title)
    assert isinstance(network(text), nn.Module)


def test_a_source_is_the_same_each_time() -> None:
    assert source(trace_of(NETS[4])) == source(trace_of(NETS[4]))


STEPS = [
    "linear(4)",
    "relu",
    "tanh",
    "as a",
    "as b",
    "@a",
    "@b",
    "add(id | @a)",
    "add(relu | linear(4) | @b)",
    "mul(@a relu | @b sigmoid)",
    "cat(id | @a) linear(4)",
    "shared(linear(4) relu, 2)",
    "linear(4) as a relu",
    "add(linear(4) as b relu | @a)",
]


@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_any_wiring_is_one_function(steps: list[str]) -> None:
    """References, reused names of variables and overwritten activations, in every order."""
    trace = trace_of(" ".join(["linear(4) as a tanh as b", *steps, "linear(10)"]), (5,))
    model, x = build(trace), torch.randn(3, 5)
    other = network(source(trace))
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(x), model(x))
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    torch.testing.assert_close(other(x), model(x))
