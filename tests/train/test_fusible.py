"""Each word that says that seeds may be fused is tried: fused runs are the runs of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from archdsl.accelerate.plan import PLAIN
from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import ArchError
from archdsl.registry import Entry, entries
from archdsl.study.plan.cells import seeded
from archdsl.train.fit import fit
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.fused.fit import fit_together
from archdsl.train.options import FitOptions

from .conftest import write_cifar10
from .test_together import epochs, few

__all__ = ["few"]


NARROW = "net conv(4, s=4) gn(2) relu flatten drop(0.2) linear(10)\n"


# Lengths of examples that suit a long run → those of these.
SHORT = {
    "epochs(60)": "epochs(2)",
    "batch(2048)": "batch(16)",
    "step(30": "step(1",
    "restarts(10)": "restarts(1)",
    "warmup(5)": "warmup(1)",
    "warmup(500": "warmup(2",
}


def statements(entry: Entry, example: str) -> Iterator[str]:
    """Texts around an example of a word, of few steps: a data word acts on images of one channel and of three, and in the
    pipeline and in the model.
    """
    if entry.kind == "train":
        yield whole("data fashion-mini subset(40) valid(8)", example)
        return
    words = re.sub(r"^(cifar10|imagenette|fashion-mini) ", "", example)
    for dataset in ("fashion-mini", "cifar10"):
        yield whole(f"data {dataset} subset(40) valid(8) {words}", "sgd(0.05)")
    inner = re.sub(r"\b(\w+)(\(([^()]*)\))?$", lambda m: f"{m[1]}({m[3] + ', ' if m[3] else ''}where=model)", words)
    yield whole(f"data cifar10 subset(40) valid(8) {inner}", "sgd(0.05)")


def whole(data: str, train: str) -> str:
    for theirs, short in SHORT.items():
        train = train.replace(theirs, short)
    epochs, batch = "" if "epochs(" in train else " epochs(2)", "" if "batch(" in train else " batch(16)"
    return f"{NARROW}{data}\ntrain {train}{epochs}{batch}\n"


# What a run of this kind has no place for: other tasks, weights of elsewhere, parts that this net has not.
APART = {"valid", "subset", "init", "freeze", "rate", "mae", "huber", "weigh", "lookahead"}


@cache
def allowed() -> list[tuple[str, str]]:
    """Every example of a data or train word with which seeds may be fused."""
    found = []
    for entry in [*entries("train"), *entries("data")]:
        if entry.slot == "dataset" or entry.name in APART:
            continue
        for text in (text for example in entry.examples for text in statements(entry, example)):
            try:
                experiment = experiment_of(load(text))
            except ArchError as error:
                if "changes colours, and these images have 1 channel" in str(error) or "`where`" in str(error):
                    continue
                raise
            if not why_not_fusable(experiment.train, experiment.data.augment):
                found.append((entry.name, text))
    return found


@pytest.mark.usefixtures("small_sets")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            n,
            t,
            id=f"{n}-{t.splitlines()[-1 if 'sgd(0.05)' not in t else -2]}",
            marks=[pytest.mark.slow] if "epochs(164)" in t else [],
        )
        for n, t in allowed()
    ],
)
def test_every_word_that_allows_it_gives_the_runs_of_their_own(name: str, text: str, tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar10", each=10)
    given = FitOptions(device="cpu", plan=PLAIN, data_root=tmp_path / "cifar10")
    spec = load(text)
    every = [experiment_of(seeded(spec, s)) for s in range(2)]
    fused = fit_together(spec.trace, every, replace(given, out=tmp_path / "fused"))
    for e, ours in zip(every, fused, strict=True):
        alone = fit(build(spec.trace), e, replace(given, out=tmp_path / "alone"))
        torch.testing.assert_close(epochs(ours), epochs(alone), rtol=1e-4, atol=1e-4, equal_nan=True)


def test_each_word_that_says_so_is_tried() -> None:
    """On three channels, too: what changes colours has nothing to change on one."""
    tried = {name for name, _ in allowed()}
    data = [
        e for e in entries("data") if getattr(e.make, "fusible", False) and e.make.__module__.startswith("archdsl.")
    ]
    train = [e for e in entries("train") if getattr(e.make, "fusible", False)]
    assert {e.name for e in (*data, *train)} - APART <= tried
    assert {e.name for e in data} <= {name for name, text in allowed() if "data cifar10" in text}


def test_the_words_that_allow_it_are_these() -> None:
    """What is not declared is not fused: a new word is not on the list before somebody has put it there."""
    known = {name for name, _ in allowed()}
    assert {
        "sgd",
        "adam",
        "adamw",
        "nadam",
        "rmsprop",
        "lion",
        "wd",
        "l2",
        "l1",
        "smooth",
        "bce",
        "cosine",
        "warmup",
    } <= known
    assert {"flip", "crop", "rotate", "mixup", "cutmix", "noise", "randaugment"} <= known
    assert not known & {
        "muon",
        "lamb",
        "clip",
        "agc",
        "ema",
        "lookahead",
        "patience",
        "plateau",
        "spred",
        "grouplasso",
        "accumulate",
        "layerdecay",
        "biaslr",
        "precise_bn",
    }
