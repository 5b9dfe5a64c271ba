"""The words of airbench94's recipe against their formulas, written out here: look-ahead, alternating flips, rates of biases,
identity convolutions, views at test time; and the shipped spec, which trains.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from archdsl.api import experiment_of, load
from archdsl.data.augment import augment
from archdsl.data.augment.draws import Draws
from archdsl.data.batches import Resident
from archdsl.emit.build import build
from archdsl.emit.layers import DiracConv2d
from archdsl.errors import ArchError, SpecError
from archdsl.runs.events import EpochDone, Finished
from archdsl.settings.checks import refuse, views_findings
from archdsl.settings.experiment import TrainSettings
from archdsl.settings.fold import fold_train
from archdsl.train.distributed import Distributed
from archdsl.train.fit import fit
from archdsl.train.loop import Training
from archdsl.train.optim import Slow, Update
from archdsl.train.options import FitOptions
from archdsl.train.prepare import prepare
from archdsl.train.tta import Viewed
from archdsl.words.data import augmentations
from archdsl.words.train.optimizers import Sgd
from archdsl.words.train.penalties import L2, Wd
from archdsl.words.train.recipe import BiasLr, Lookahead, Tta
from archdsl.words.train.schedules import Triangle

from .nets import CPU, job

STEP = Sgd(0.1, 0.9, True)


@pytest.mark.parametrize(("alpha", "power"), [(0.5, 0.0), (0.2262, 3.0)])
@pytest.mark.holds("lookahead")
def test_lookahead_is_algorithm_1_of_its_paper(alpha: float, power: float) -> None:
    model = nn.Linear(3, 2)
    slow = Slow(model, Lookahead(4, alpha, power), steps=20)
    expected = {k: v.clone() for k, v in model.state_dict().items()}
    chance = torch.Generator().manual_seed(0)
    for step in range(1, 21):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn(p.shape, generator=chance))
        fast = {k: v.clone() for k, v in model.state_dict().items()}
        slow.update(step)
        if step % 4:
            assert all(torch.equal(v, fast[k]) for k, v in model.state_dict().items())
            continue
        share = 1 - (1 - alpha) * (step / 20) ** power
        for name, value in model.state_dict().items():
            expected[name] = expected[name] + share * (fast[name] - expected[name])
            torch.testing.assert_close(value, expected[name])
            torch.testing.assert_close(slow.state()[name], expected[name])


def test_airbenchs_decay_is_ours_read_from_the_other_side() -> None:
    """There the slow weights keep 0.95⁵·t³ of themselves."""
    settings = Lookahead(5, 1 - 0.95**5, 3.0)
    for step in (0, 5, 240, 476):
        assert settings.share(step, 476) == pytest.approx(1 - 0.95**5 * (step / 476) ** 3)


def test_the_slow_weights_are_the_ones_that_are_kept() -> None:
    work = job(TrainSettings(STEP, lookahead=Lookahead(5, 0.3), epochs=3, batch=16))  # nine steps
    training = Training(work)
    assert training.state.slow is not None
    kept: dict[str, torch.Tensor] = {}
    for event in training.events():
        if isinstance(event, EpochDone) and event.step == 9:
            kept = {k: v.clone() for k, v in training.state.slow.state().items()}
            assert not torch.equal(kept["0.weight"], work.model.state_dict()["0.weight"])
    assert all(torch.equal(v, kept[k]) for k, v in work.model.state_dict().items())


def test_two_averages_contradict_each_other() -> None:
    spec = load("net conv(8) gap linear(classes)\ndata fashion-mini\ntrain sgd(0.1) ema lookahead\n")
    with pytest.raises(SpecError, match="both say which averaged weights are kept"):
        fold_train(spec.graph.train)


def test_each_image_turns_round_from_epoch_to_epoch() -> None:
    chances = Draws(3, CPU)
    begin = chances.alternation(4000)
    assert float(begin.float().mean()) == pytest.approx(0.5, abs=0.03)
    assert torch.equal(begin, Draws(3, CPU).alternation(4000))
    assert not torch.equal(begin, Draws(4, CPU).alternation(4000))
    images = torch.arange(8 * 12, dtype=torch.uint8).view(8, 1, 3, 4)
    for odd in (False, True):
        chances.mirrored = begin[:8] ^ odd
        seen = augment(images, (augmentations.Flip(alternate=True),), chances, 0)
        for image, one, turned in zip(images, seen, begin[:8] ^ odd, strict=True):
            assert torch.equal(one, image.flip(-1) if turned else image)


def test_the_loop_shows_both_sides_of_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    work = job(TrainSettings(Sgd(0.01, 0.0, False), epochs=4, batch=20), augment=(augmentations.Flip(alternate=True),))
    training, seen = Training(work), []
    real = augment

    def noted(images: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append((images, real(images, *rest)))
        return seen[-1][1]

    monkeypatch.setattr("archdsl.train.inputs.augment", noted)
    list(training.events())
    sides: dict[bytes, list[bool]] = {}
    for given, got in seen:
        for before, after in zip(given, got, strict=True):
            sides.setdefault(before.numpy().tobytes(), []).append(not torch.equal(before, after))
    assert all(side in ([True, False] * 2, [False, True] * 2) for side in sides.values())
    assert len({tuple(side) for side in sides.values()}) == 2


def test_a_flip_has_one_rule() -> None:
    with pytest.raises(ArchError, match="two rules"):
        augmentations.Flip(0.3, alternate=True)


@pytest.mark.parametrize("norms", [True, False])
@pytest.mark.holds("biaslr")
def test_biases_have_a_rate_of_their_own_and_the_decay_of_all(norms: bool) -> None:
    """Against torch.optim.SGD with groups, as airbench94 has them: the decay divided by what the rate is multiplied by."""
    nets = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    quick = [nets[1][1].bias] if norms else [nets[1][0].bias, nets[1][1].bias, nets[1][2].bias]
    others = [p for p in nets[1].parameters() if all(p is not q for q in quick)]
    reference = torch.optim.SGD(
        [{"params": quick, "lr": 0.1 * 8, "weight_decay": 0.2 / 8}, {"params": others, "lr": 0.1, "weight_decay": 0.2}],
        momentum=0.9,
        nesterov=True,
    )
    settings = TrainSettings(STEP, l2=L2(0.2), biaslr=BiasLr(8, norms))
    update = Update(nets[0], settings)
    chance = torch.Generator().manual_seed(0)
    for factor in (1.0, 0.5, 0.25):
        x = torch.randn(6, 3, generator=chance)
        for net in nets:
            net.zero_grad()
            net(x).square().mean().backward()
        update.set_factor(factor)
        update.apply()
        for group, base in zip(reference.param_groups, (0.8, 0.1), strict=True):
            group["lr"] = base * factor
        reference.step()
        for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_the_decoupled_decay_of_biases_is_that_of_the_rest() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        net[1].bias.fill_(1.0)
    before = [p.detach().clone() for p in net.parameters()]
    update = Update(net, TrainSettings(Sgd(0.1, 0.0, False), wd=Wd(0.5), biaslr=BiasLr(64, True)))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    update.apply()
    for p, old in zip(net.parameters(), before, strict=True):
        torch.testing.assert_close(p, old * (1 - 0.1 * 0.5))


@pytest.mark.parametrize(("cin", "out", "groups"), [(3, 8, 1), (8, 3, 1), (4, 8, 2)])
def test_a_dirac_convolution_begins_as_the_identity(cin: int, out: int, groups: int) -> None:
    torch.manual_seed(0)
    layer = DiracConv2d(cin, out, 3, padding=1, groups=groups, bias=False)
    torch.manual_seed(0)
    usual = nn.Conv2d(cin, out, 3, padding=1, groups=groups, bias=False)
    x = torch.randn(2, cin, 5, 5)
    each = min(out, cin) // groups
    for group in range(groups):
        rows = slice(group * out // groups, group * out // groups + each)
        first = group * cin // groups
        torch.testing.assert_close(layer(x)[:, rows], x[:, first : first + each])
        rest = slice(group * out // groups + each, (group + 1) * out // groups)
        assert torch.equal(layer.weight[rest], usual.weight[rest])


def test_the_modifier_is_the_argument_of_each_convolution() -> None:
    by_hand = load("conv(8, init=dirac) relu conv(8, init=dirac) gap linear(10)", input=(3, 8, 8), classes=10)
    assert load("(conv(8) relu conv(8)) +dirac gap linear(10)", input=(3, 8, 8), classes=10).hash == by_hand.hash
    plain = load("conv(8) relu conv(8) gap linear(10)", input=(3, 8, 8), classes=10)
    text = "(conv(8, init=dirac) relu conv(8, init=dirac)) -dirac gap linear(10)"
    assert load(text, input=(3, 8, 8), classes=10).hash == plain.hash
    with pytest.raises(SpecError, match="standardised weights cannot be an identity"):
        load("conv(8, ws=standard, init=dirac) gap linear(10)", input=(3, 8, 8), classes=10)


@pytest.mark.holds("tta")
def test_views_are_those_of_airbench() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)).eval()
    x = torch.randn(3, 2, 8, 8)
    mirrored = lambda v: (net(v) + net(v.flip(-1))) / 2  # noqa: E731 - a formula
    wide = functional.pad(x, (1, 1, 1, 1), mode="reflect")
    moved = (mirrored(wide[:, :, :8, :8]) + mirrored(wide[:, :, 2:, 2:])) / 2
    torch.testing.assert_close(Viewed(net, Tta())(x), mirrored(x))
    torch.testing.assert_close(Viewed(net, Tta(shift=1))(x), (mirrored(x) + moved) / 2)
    moved = (net(wide[:, :, :8, :8]) + net(wide[:, :, 2:, 2:])) / 2
    torch.testing.assert_close(Viewed(net, Tta(flip=False, shift=1))(x), (net(x) + moved) / 2)
    assert torch.equal(Viewed(net, Tta()).train()(x), net(x))


def test_views_that_images_lack_are_refused() -> None:
    with pytest.raises(ArchError, match="one view"):
        Tta(flip=False)
    with pytest.raises(ArchError, match="vectors of 7 numbers"):
        refuse(views_findings(Tta(), (7,)))
    with pytest.raises(ArchError, match="moves more pixels"):
        refuse(views_findings(Tta(shift=8), (3, 8, 8)))
    refuse(views_findings(Tta(shift=7), (3, 8, 8)))


def test_a_run_is_evaluated_by_the_views_that_it_was_tested_by(tmp_path: Path) -> None:
    from archdsl.evaluate import evaluate, part_of, trained

    spec = load(
        "net conv(8) bn relu gap linear(classes)\ndata fashion-mini subset(300)\ntrain adam(0.01) epochs(1) tta(shift=2)\n"
    )
    experiment = experiment_of(spec)
    run = fit(build(spec.trace), experiment, out=tmp_path, device="cpu", speed="plain")
    net = trained(build(spec.trace), run, CPU)
    report = evaluate(net, part_of(experiment.data, 0, "test"))
    assert report.accuracy == pytest.approx(run.result["test_accuracy"])
    assert report.nll == pytest.approx(run.result["test_loss"], rel=1e-4)


def test_the_shipped_spec_trains_on_the_embedded_data() -> None:
    spec = load(
        "specs/airbench94.arch", data="fashion-mini", set=["data.subset=384", "train.steps=6", "train.batch=64"]
    )
    experiment = experiment_of(spec)
    used = {w.entry.name for w in (*spec.graph.data, *spec.graph.train)}
    assert used >= {"flip", "crop", "lookahead", "biaslr", "tta", "triangle", "smooth"}
    assert experiment.train.schedule == Triangle(0.23, 0.2, 0.07)
    setup = prepare(build(spec.trace), experiment, FitOptions(device="cpu", speed="fp32"), Distributed(), lambda: False)
    few = Resident(setup.job.test.images[:40], setup.job.test.labels[:40])  # six views of all would take a minute
    last = list(Training(replace(setup.job, test=few)).events())[-1]
    assert isinstance(last, Finished)
    assert last.step == 6
    assert last.train_loss < 2.3  # untrained: ln 10


def test_a_new_word_leaves_the_hashes_of_other_experiments() -> None:
    assert "lookahead" not in TrainSettings().shown()
    assert "epochs" in TrainSettings().shown()
    assert "biaslr" in TrainSettings(biaslr=BiasLr()).shown()
    hashes = {
        load(f"net conv(8) gap linear(10)\ntrain sgd(0.1) {w}\n", input=(3, 8, 8), classes=10).hash
        for w in ("", "tta", "tta(shift=1)", "lookahead", "biaslr", "biaslr(norms=true)")
    }
    assert len(hashes) == 6
