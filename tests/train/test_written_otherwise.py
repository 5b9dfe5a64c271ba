"""Runs that another text of their experiment evaluates or resumes, and evaluations of a run with a frozen part."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch

from archdsl.api import Spec, experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import EnvError
from archdsl.evaluate import trained
from archdsl.evaluate.carry_out import evaluated, operated
from archdsl.ir.blocks import blocks
from archdsl.laws.evaluation import asked
from archdsl.runs.evaluations import overlaid, stored
from archdsl.runs.run import Run
from archdsl.train.fit import fit
from archdsl.train.signals import Interrupted

CPU = torch.device("cpu")
WORDS = "\ndata fashion-mini subset(128)\ntrain adam(0.01) epochs(1) batch(32)\n"
FAMILY = f"net conv(8, s=2) relu plain[8x2] gap linear(10){WORDS}"
SPELT = (
    "net conv(8, s=2) relu {body} gap linear(10)".format(
        body=" ".join(["conv(8, bias=false) bn relu conv(8, bias=false) bn relu"] * 2)
    )
    + WORDS
)


def run_of(text: str, out: Path) -> tuple[Spec, Run]:
    spec = load(text)
    return spec, fit(build(spec.trace), experiment_of(spec), out=out, device="cpu", speed="plain")


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, Run]:
    return run_of(FAMILY, tmp_path_factory.mktemp("runs"))


def test_a_run_is_evaluated_by_a_text_that_names_its_layers_otherwise(family: tuple[Spec, Run]) -> None:
    spec, run = family
    other = load(SPELT)
    assert other.hash == spec.hash
    assert [r.path for r in other.trace.rows] != [r.path for r in spec.trace.rows]
    words = asked("noise(0.1) prune(0.02)")
    found, again = (operated(s.trace, run, CPU, words, experiment_of(s)).model for s in (spec, other))
    x = torch.randn(5, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(found(x), again(x))
    record = evaluated(other.trace, run, CPU, words, experiment_of(other))
    assert record["figures"]["test_loss"] == pytest.approx(
        evaluated(spec.trace, run, CPU, words, experiment_of(spec))["figures"]["test_loss"]
    )


def test_a_lesion_is_of_the_blocks_of_the_text_that_asks(family: tuple[Spec, Run]) -> None:
    """The family has two blocks, and layers that are spelt out are blocks themselves: the stored lesion of one text was taken
    for that of the other.
    """
    spec, run = family
    other = load(SPELT)
    assert [len(blocks(s.trace)) for s in (spec, other)] == [2, 4]
    words = asked("lesion(2)")
    evaluated(spec.trace, run, CPU, words, experiment_of(spec))
    assert stored(run, words.key(0, spec.trace)) is not None
    assert stored(run, words.key(0, other.trace)) is None
    assert asked("noise(0.1)").key(0, spec.trace) == asked("noise(0.1)").key(0, other.trace)
    one = operated(other.trace, run, CPU, words, experiment_of(other)).model
    x = torch.randn(5, 1, 28, 28)
    whole = trained(build(spec.trace), run, CPU).model
    block = whole.get_submodule("plain.stage1.block1")
    for name in ("conv2", "bn2", "relu2"):  # the second of the four blocks
        setattr(block, name, torch.nn.Identity())
    with torch.no_grad():
        torch.testing.assert_close(one(x), whole(x))


@pytest.mark.parametrize(("freeze", "kept"), [("freeze(body)", True), ("freeze(body, until=1)", False)])
def test_batch_norm_that_is_frozen_to_the_end_keeps_its_statistics(tmp_path: Path, freeze: str, kept: bool) -> None:
    text = (
        "net body: (conv(4, s=4) bn relu) conv(4) bn relu gap linear(10)\ndata fashion-mini subset(128)\n"
        f"train adam(0.01) epochs(2) batch(32) {freeze}"
    )
    spec, run = run_of(f"{text}\n", tmp_path / "plain")
    precise = run_of(f"{text} precise_bn(100)\n", tmp_path / "precise")
    found = operated(spec.trace, run, CPU, asked("precise_bn(100)"), experiment_of(spec)).model
    before, wanted = (trained(build(s.trace), r, CPU).model for s, r in ((spec, run), precise))
    assert torch.equal(found.body.bn.running_mean, before.body.bn.running_mean) is kept  # type: ignore[union-attr, arg-type]
    for name, value in found.state_dict().items():
        torch.testing.assert_close(value, wanted.state_dict()[name], msg=name)
    assert not found.bn.training
    assert found.train().body.bn.training  # type: ignore[union-attr]


@pytest.mark.parametrize("tta", ["", " tta"])
def test_the_evaluations_of_an_ode_are_those_of_the_changed_net(tmp_path: Path, tta: str) -> None:
    """A study showed those of the net as it was trained."""
    text = "net conv(4, s=4) relu ode(conv(4) tanh, rtol=1e-6, atol=1e-6) gap linear(10)"
    spec, run = run_of(f"{text}\ndata fashion-mini subset(64)\ntrain sgd(0.5) epochs(1) batch(32){tta}\n", tmp_path)
    result = dict(run.result or {})
    found = {}
    for words in map(asked, ("prune(0)", "prune(1000)")):
        record = evaluated(spec.trace, run, CPU, words, experiment_of(spec))
        found[words.text] = overlaid(result, record, "key")["evaluations"]
    assert found["prune(0)"] == result["evaluations"] > found["prune(1000)"] >= 8


def test_a_run_is_resumed_by_a_text_that_names_its_layers_otherwise(tmp_path: Path) -> None:
    """It ended in an error of torch, and the text of the run was replaced by one that its checkpoint does not fit."""
    longer = [text.replace("epochs(1)", "epochs(3) ema(0.9)") for text in (FAMILY, SPELT)]
    whole = run_of(longer[0], tmp_path / "whole")[1]
    seen = 0

    def stop() -> bool:
        nonlocal seen
        seen += 1
        return seen == 7

    first, other = map(load, longer)
    with pytest.raises(Interrupted):
        fit(build(first.trace), experiment_of(first), out=tmp_path / "cut", device="cpu", speed="plain", stop=stop)
    resumed = fit(build(other.trace), experiment_of(other), out=tmp_path / "cut", device="cpu", speed="plain")
    assert resumed.spec == whole.spec
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name])


def test_memory_that_does_not_suffice_names_no_option_that_train_lacks(
    family: tuple[Spec, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    spec, run = family
    places = (("evaluate.evaluate", "predict", "noise(0.3)"), ("words.evaluation.surgery", "layer_weights", "prune(1)"))
    for module, name, words in places:
        with monkeypatch.context() as patch:
            patch.setattr(import_module(f"archdsl.{module}"), name, full)
            with pytest.raises(EnvError, match="not enough memory") as caught:
                evaluated(spec.trace, run, CPU, asked(words), experiment_of(spec))
        assert "--batch" not in str(caught.value)
