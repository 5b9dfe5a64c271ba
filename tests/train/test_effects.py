"""Words without effect are named, and no word of the vocabulary is by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.accelerate.plan import PLAIN
from archdsl.api import experiment_of, load, setting_findings
from archdsl.emit.build import build
from archdsl.registry import entries
from archdsl.train.fit import fit
from archdsl.words.train.losses import Weigh

from .heads import homes, text
from .test_demands import DATA, NET, TRAIN, texts

IDLE = [
    (NET, DATA, "train muon(0.02)", "`muon` has no weight to work on"),
    (NET, DATA, f"{TRAIN} biaslr(1)", "`biaslr(1)` has no effect"),
    (NET, DATA, f"{TRAIN} biaslr(2, norms)", "no bias of a normalisation is trained"),
    ("net conv(4, bias=false) relu gap linear(10, bias=false)", DATA, f"{TRAIN} biaslr(2)", "no bias is trained"),
    (NET, DATA, f"{TRAIN} rate(stem, 1)", "the factor is 1"),
    (NET, DATA, f"{TRAIN} rate(relu, 2) rate(stem, 2)", "nothing of that part is trained"),
    (NET, DATA, f"{TRAIN} layerdecay(1)", "every layer has the full rate"),
    (NET, DATA, f"{TRAIN} freeze(relu)", "the part has nothing that is trained"),
    (NET, DATA, f"{TRAIN} ema(0)", "`ema(0)` has no effect"),
    (NET, DATA, f"{TRAIN} lookahead(2, 1)", "with alpha 1"),
    (NET, DATA, f"{TRAIN} precise_bn", "the network has no batch norm"),
    (NET, DATA, f"{TRAIN} syncbn", "the network has no batch norm"),
    ("net stem: (conv(4) bn) gap linear(10)", DATA, f"{TRAIN} precise_bn freeze(stem)", "every batch norm is frozen"),
    (
        "net stem: conv(4) ln gap head: linear(10)",
        DATA,
        f"{TRAIN} spred(1e-4) freeze(stem) freeze(head)",
        "no weight of a conv",
    ),
    (
        "net stem: conv(4) ln gap head: linear(10)",
        DATA,
        f"{TRAIN} l2(1e-4, weights) freeze(stem) freeze(head)",
        "only biases",
    ),
    ("net gap linear(10)", DATA, f"{TRAIN} agc", "`agc` has no effect"),
    (NET, DATA, f"{TRAIN} bce(20%)", "the threshold of `bce` has no effect"),
    (NET, DATA, f"{TRAIN} cosine(end=100%)", "`cosine` has no effect"),
    (NET, DATA, f"{TRAIN} linear(end=100%)", "`linear` has no effect"),
    (NET, DATA, f"{TRAIN} exponential(0.9)", "`exponential` has no effect"),
    (NET, DATA, f"{TRAIN} cooldown(0%)", "`cooldown` has no effect"),
    (NET, DATA, "train sgd(0.1) batch(32) epochs(4) step(2) steps(3)", "`step` has no effect"),
    (NET, f"{DATA} valid", "train sgd(0.1) plateau(9) epochs(10)", "`plateau(9)` has no effect"),
    # `steps` ends these runs in their second epoch.
    (NET, f"{DATA} valid", "train sgd(0.1) plateau(2) epochs(10) steps(2)", "and the run has 2"),
    (NET, DATA, "train sgd(0.1) batch(32) steps(3) freeze(stem, until=5)", "`freeze` has no end: the run has 2 epochs"),
    (NET, DATA, "train sgd(0.1) batch(32) steps(3) milestones([1, 5])", "a milestone after 5 epochs has no effect"),
    (NET, DATA, "train sgd(0.1) batch(32) steps(3) evaluate_every(3)", "has no effect: the run has 2 epochs"),
    (NET, DATA, f"{TRAIN} evaluate_every(2)", "`evaluate_every(2)` has no effect: the run has 1 epoch"),
    (NET, DATA, f"{TRAIN} steps(1000)", "`steps(1000)` has no effect: the run ends after 1 epoch, which are 2 steps"),
    (NET, DATA, "train sgd(0.1) batch(100) epochs(1)", "`batch(100)` is more than the 64 training images"),
    (NET, DATA, "train sgd(0.1) batch(64) accumulate(2) epochs(1)", "`accumulate` has no effect"),
    (NET, "data fashion-mini subset(8000)", TRAIN, "`subset(8000)` has no effect"),
    *(
        (NET, f"{DATA} {word}", TRAIN, "changes nothing")
        for word in (
            "flip(0)",
            "vflip(0)",
            "rotate(0)",
            "shear(0)",
            "zoom(0)",
            "shift(0)",
            "noise(0)",
            "brightness(0)",
            "contrast(0)",
            "sharpness(0)",
            "erasing(0)",
            "solarize(0)",
            "posterize(0)",
            "posterize(bits=8)",
            "equalize(0)",
            "autocontrast(0)",
            "invert(0)",
            "blur(p=0)",
            "randomlabels(0)",
            "resizedcrop(100%, ratio=1)",
        )
    ),
]


@pytest.mark.parametrize(("net", "data", "train", "said"), IDLE)
def test_a_word_without_effect_is_named_with_its_place(net: str, data: str, train: str, said: str) -> None:
    found = setting_findings(load(texts(net, data, train)))
    assert [(d.severity, d.code) for d in found] == [("warning", "A511")], found
    assert said in found[0].message
    assert found[0].span is not None


def test_muon_without_hidden_weights_is_adam(tmp_path: Path) -> None:
    """What the remedy says: the same figures to the bit."""
    figures = []
    for word in ("muon(0.02)", "adam(1e-3)"):
        spec = load(texts(NET, DATA, f"train {word} batch(32) epochs(2)"))
        run = fit(build(spec.trace), experiment_of(spec), out=tmp_path / word, device="cpu", plan=PLAIN)
        assert run.result is not None
        figures.append(run.result["test_loss"])
    assert figures[0] == figures[1]


def test_the_examples_of_all_words_are_clean(tmp_path: Path) -> None:
    """No example of the vocabulary is refused, or without effect, on a network that has all that words work on."""
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n * n % 97}\n" for n in range(200)))
    numbers = f'net linear(8) relu linear(1)\ndata csv("{table}", target="b", task=regression)\n'
    several = text(homes(tmp_path / "h.csv"), "{}")
    deep = "net conv(8) bn relu conv(8) bn relu drop(0.1) gap linear(10)\n"
    for entry in [*entries("train"), *entries("data")]:
        own = entry.make.__module__.startswith("archdsl.")
        if not own or entry.slot == "dataset" or entry.name in ("init", "freeze", "rate"):
            continue
        for example in entry.examples:
            longer = " epochs(200)" if entry.slot == "schedule" and "epochs(" not in example else ""
            whole = f"{deep}data {example}\n"
            if entry.kind == "train":
                whole = f"{deep}data cifar10 valid(10%) mixup\ntrain {example}{longer}\n"
            if "regression" in getattr(entry.make, "tasks", ()):
                whole = f"{numbers}train {example}\n"
            if entry.make is Weigh:
                whole = several.format(example)
            found = setting_findings(load(whole))
            assert not found, (whole, found)
