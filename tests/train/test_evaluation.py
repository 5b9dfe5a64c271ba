"""The statement `evaluate`: its words against surgery by hand, and the runs that stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar

import pytest
import torch
from torch import nn

from archdsl.api import Spec, experiment_of, load, setting_findings
from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.evaluate import evaluate, part_of, trained
from archdsl.evaluate.carry_out import evaluated, figures, operated
from archdsl.evaluate.lesions import lesions, sizes
from archdsl.ir.blocks import blocks, exchanged, reached, without
from archdsl.laws.evaluation import asked
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries, evaluation_word, setting
from archdsl.runs.evaluations import overlaid, place, stored
from archdsl.runs.run import Run, identity, load_run
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse
from archdsl.train.fit import fit
from archdsl.words.evaluation.base import Evaluation

CPU = torch.device("cpu")
NET = "conv(8) bn relu resnet[8x2, 16x2] drop(0.3) gap linear(classes)"
TEXT = f"net {NET}\ndata fashion-mini subset(400) valid(10%)\ntrain adam(0.01) epochs(2) batch(64)\n"
PLAIN = "conv(8) bn relu plain[8x2] gap linear(classes)"


def run_of(text: str, out: Path) -> tuple[Spec, Run]:
    spec = load(text)
    return spec, fit(build(spec.trace), experiment_of(spec), out=out, device="cpu", speed="plain")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, Run]:
    return run_of(TEXT, tmp_path_factory.mktemp("runs"))


def changed(one: tuple[Spec, Run], text: str) -> nn.Module:
    spec, run = one
    return operated(spec.trace, run, CPU, asked(text), experiment_of(spec)).model


def by_hand(one: tuple[Spec, Run], change: Callable[[nn.Module], object]) -> nn.Module:
    net = trained(build(one[0].trace), one[1], CPU).model
    change(net)
    return net


def says(net: nn.Module) -> torch.Tensor:
    images = torch.randn(9, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return net(images)


class Nothing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


def without_body(*paths: str) -> Callable[[nn.Module], None]:
    """A residual body that ends in zeros leaves the skip."""

    def change(net: nn.Module) -> None:
        for path in paths:
            net.get_submodule(path).bn2 = Nothing()

    return change


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_deleted_residual_block_passes_its_skip(one: tuple[Spec, Run], number: int) -> None:
    path = blocks(one[0].trace)[number - 1].path
    assert path == f"resnet.stage{(number + 1) // 2}.block{2 - number % 2}.res"
    expected = by_hand(one, without_body(path))
    torch.testing.assert_close(says(changed(one, f"lesion({number})")), says(expected))
    short = path.removesuffix(".res")
    torch.testing.assert_close(says(changed(one, f'lesion("{short}")')), says(expected))
    assert not torch.allclose(says(expected), says(by_hand(one, lambda net: None)))


def test_several_blocks_and_random_ones(one: tuple[Spec, Run]) -> None:
    found = blocks(one[0].trace)
    expected = by_hand(one, without_body(found[1].path, found[3].path))
    torch.testing.assert_close(says(changed(one, "lesion(2, 4)")), says(expected))
    torch.testing.assert_close(says(changed(one, "lesion(2) lesion(4)")), says(expected))
    everything = by_hand(one, without_body(*[b.path for b in found]))
    torch.testing.assert_close(says(changed(one, "lesion(random=4)")), says(everything))
    nets = [says(changed(one, f"lesion(random={k})")) for k in range(5)]
    assert len({n.sum().item() for n in nets}) == 5
    torch.testing.assert_close(nets[0], says(by_hand(one, lambda net: None)))


def test_a_deleted_plain_block_passes_what_arrives(tmp_path: Path) -> None:
    pair = run_of(TEXT.replace(NET, PLAIN), tmp_path)
    assert [(b.path, b.residual) for b in blocks(pair[0].trace)] == [
        ("plain.stage1.block1", False),
        ("plain.stage1.block2", False),
    ]

    def change(net: nn.Module) -> None:
        block = net.get_submodule("plain.stage1.block2")
        for name, _ in list(block.named_children()):
            setattr(block, name, nn.Identity())

    torch.testing.assert_close(says(changed(pair, "lesion(2)")), says(by_hand(pair, change)))


def test_two_blocks_in_each_others_place(tmp_path: Path) -> None:
    pair = run_of(TEXT.replace("[8x2, 16x2]", "[8x3]"), tmp_path)

    def change(net: nn.Module) -> None:
        first, third = (net.get_submodule(f"resnet.stage1.block{n}") for n in (1, 3))
        mine = {k: v.clone() for k, v in first.state_dict().items()}
        first.load_state_dict(third.state_dict())
        third.load_state_dict(mine)

    expected = says(by_hand(pair, change))
    torch.testing.assert_close(says(changed(pair, "swap(1, 3)")), expected)
    torch.testing.assert_close(says(changed(pair, "swap(3, 1)")), expected)
    torch.testing.assert_close(says(changed(pair, "swap(1, 3) swap(1, 3)")), says(changed(pair, "swap(2, 2)")))


def test_monte_carlo_dropout_is_that_of_eval(one: tuple[Spec, Run]) -> None:
    spec, run = one
    experiment = experiment_of(spec)
    part = part_of(experiment.data, 0, "test")
    for text, passes in (("mc(3)", 3), ("mc(1)", 1), ("rotate(20)", None)):
        found, right = figures(operated(spec.trace, run, CPU, asked(text), experiment), asked(text), experiment.data, 0)
        words = asked(text)
        wanted = evaluate(
            trained(build(spec.trace), run, CPU),
            part,
            shifts=[w for w in words.words if w.pictures],  # type: ignore[misc]
            passes=passes,
        )
        assert (found["test_accuracy"], found["test_loss"]) == (wanted.accuracy, wanted.nll)
        assert found["test_ece"] == pytest.approx(wanted.ece)
        assert found["test_brier"] == pytest.approx(wanted.brier)
        assert found["test_entropy"] == pytest.approx(wanted.entropy)
        assert found.get("test_information") == wanted.information
        assert right.double().mean().item() == pytest.approx(wanted.accuracy)
        assert "valid_accuracy" in found


def test_without_a_word_that_changes_it_the_net_is_that_of_the_run(one: tuple[Spec, Run]) -> None:
    spec, run = one
    experiment = experiment_of(spec)
    found, _ = figures(
        operated(spec.trace, run, CPU, asked("rotate(0)"), experiment), asked("rotate(0)"), experiment.data, 0
    )
    result = dict(run.result or {})
    for name in found.keys() & result.keys():
        assert found[name] == pytest.approx(result[name], abs=1e-6), name


def test_the_statistics_of_batch_norm_are_those_of_the_train_word(one: tuple[Spec, Run], tmp_path: Path) -> None:
    text = TEXT.replace(" drop(0.3)", "")
    pair = run_of(text, tmp_path)
    precise = run_of(text.replace("batch(64)", "batch(64) precise_bn(200)"), tmp_path)
    torch.testing.assert_close(says(changed(pair, "precise_bn(200)")), says(by_hand(precise, lambda net: None)))
    assert not torch.allclose(says(changed(pair, "precise_bn(200)")), says(by_hand(pair, lambda net: None)))


def test_the_statistics_of_batch_norm_have_the_dropout_of_the_end(tmp_path: Path) -> None:
    """Dropout of the first half of a run is over at its end."""
    text = TEXT.replace(NET, "conv(8) bn relu drop(0.5, early=50%) conv(8) bn relu gap linear(classes)")
    precise = run_of(text.replace("batch(64)", "batch(64) precise_bn(200)"), tmp_path)
    expected = says(by_hand(precise, lambda net: None))
    torch.testing.assert_close(says(changed(precise, "precise_bn(200)")), expected)


def test_pruned_weights_are_zero(one: tuple[Spec, Run]) -> None:
    before, after = by_hand(one, lambda net: None), changed(one, "prune(0.05)")
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        wanted = torch.where(old.abs() < 0.05, 0.0, old) if old.ndim > 1 else old
        assert torch.equal(wanted, new)


def test_the_statement_names_no_other_run(one: tuple[Spec, Run]) -> None:
    spec = load(f"{TEXT}evaluate lesion(2) mc(3)\n")
    assert spec.hash == one[0].hash
    assert identity(experiment_of(spec)) == identity(experiment_of(one[0]))
    assert experiment_of(spec).text == experiment_of(one[0]).text
    assert "evaluate lesion(2) mc(3)" in spec.canonical


def test_an_evaluation_is_kept_for_the_weights_that_it_is_of(one: tuple[Spec, Run]) -> None:
    spec, run = one
    experiment = experiment_of(spec)
    words = asked("mc(2) blur(1)")
    record = evaluated(spec.trace, run, CPU, words, experiment)
    file = place(run.folder, words.key(0, spec.trace))
    written = file.stat().st_mtime_ns
    assert evaluated(spec.trace, run, CPU, words, experiment) == record
    assert file.stat().st_mtime_ns == written
    shown = overlaid(run.result or {}, record, words.key(0, spec.trace))
    assert shown["test_accuracy"] == record["figures"]["test_accuracy"]
    assert shown["train_accuracy"] == (run.result or {})["train_accuracy"]
    assert "best_valid_accuracy" not in shown
    file.write_text(file.read_text()[:-20])
    assert stored(run, words.key(0, spec.trace)) is None
    assert evaluated(spec.trace, run, CPU, words, experiment)["figures"] == record["figures"]
    file.write_text(file.read_text().replace(str(record["weights"]), "0" * 64))
    assert stored(load_run(run.folder), words.key(0, spec.trace)) is None


@pytest.mark.parametrize("entry", entries("evaluate"), ids=lambda e: e.name)
def test_laws(entry: Entry) -> None:
    assert {law.name for law in laws_of(entry)} >= {"text", "key"}
    for example in entry.examples:
        for law in laws_of(entry):
            law.check(example)
        text = format(f"net conv(4)\nevaluate   {example}\n")
        assert format(text) == text
        assert unparse(parse(text)) == text
        assert entry.paper


def test_the_order_of_the_words_is_that_in_which_they_act() -> None:
    assert asked("mc(3) rotate(30) prune(0.1) lesion(1)").text == "lesion(1) prune(0.1) rotate(30) mc(3)"
    assert asked("rotate(30) blur(1)") != asked("blur(1) rotate(30)")


def test_a_word_of_no_kind_is_refused() -> None:
    from archdsl.registry.lookup import _TABLE

    before = dict(_TABLE)
    try:

        @evaluation_word("odd")
        @setting
        class Odd(Evaluation):
            """Derives from no kind."""

            paper: ClassVar[str] = ""

        with pytest.raises(SpecError, match="nothing says how"):
            asked("odd")
    finally:
        _TABLE.clear()
        _TABLE.update(before)


def test_lesions_of_a_run_are_those_of_the_words(one: tuple[Spec, Run]) -> None:
    spec, run = one
    experiment = experiment_of(spec)
    part = part_of(experiment.data, 0, "test")
    found = lesions(spec.trace, run, CPU, part, draws=2)
    assert (found.residual, found.lengths) == (4, (1, 4, 6, 4, 1))
    for each in found.each:
        net = operated(spec.trace, run, CPU, asked(f"lesion({each.number})"), experiment)
        assert evaluate(net, part).accuracy == each.accuracy
    assert [(s.count, len(s.accuracies)) for s in found.random] == [(1, 2), (2, 2), (3, 2), (4, 1)]
    assert found.whole == pytest.approx((run.result or {})["test_accuracy"])
    assert sizes(54)[0] == 1
    assert sizes(54)[-1] == 54
    assert len(sizes(54)) == 10


def test_rows_that_lead_nowhere_are_gone() -> None:
    trace = load(TEXT).trace
    short = reached(without(trace, [1]))
    assert len(short.rows) == len(trace.rows) - 6
    assert build(short)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert exchanged(trace, 2, 2) is trace
    assert asked("lesion(random=1)").rewired(trace, Random).rows != trace.rows


def test_check_finds_it(tmp_path: Path) -> None:
    assert not setting_findings(load(f"{TEXT}evaluate lesion(1) mc\n"))
    (found,) = setting_findings(load(f"{TEXT}evaluate lesion(9)\n"))
    assert (found.code, found.message) == ("A224", "unknown block 9")
    assert found.span is not None
    assert found.span.text == "lesion(9)"
