"""What every word of data and training owes: help, examples, its paper or the reason why there is none, a net that really
learns by it, and (for what changes pixels, gradients or rates) a test that holds it to a formula or to another program.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from archdsl.api import experiment_of, load
from archdsl.data import Arrays
from archdsl.data.batches import resident
from archdsl.data.normalise import normalise
from archdsl.emit.build import build
from archdsl.registry import Entry, entries
from archdsl.runs.events import EpochDone, Finished
from archdsl.settings.experiment import Experiment
from archdsl.train.init import initialise
from archdsl.train.job import Job
from archdsl.train.loop import train
from archdsl.train.optim import reparametrise
from tests.conftest import REPO

CPU = torch.device("cpu")
OWN = [e for s in ("data", "train") for e in entries(s) if e.make.__module__.startswith("archdsl.")]
SETS = [e for e in OWN if e.slot == "dataset"]
WORDS = [e for e in OWN if e.slot != "dataset"]
KIN = [e for e in entries("net") if "drop" in e.traits or "noise" in e.traits]

# Why a word has no paper.
NO_PAPER = {
    "csv": "a format", "parquet": "a format", "folder": "a layout of files", "imagenette": "published as files, without a paper",
    "subset": "says how many images", "valid": "says how many images", "vflip": "a flip along the other axis",
    "batch": "a size", "evalbatch": "a size", "epochs": "a length", "steps": "a length", "timelimit": "a length",
    "seed": "a number", "accumulate": "arithmetic: the gradient of a sum", "exponential": "a formula that nobody claims",
    "plateau": "of programs (Keras, torch), not of a paper", "converged": "the lecture's own criterion",
}  # fmt: skip

# The test that holds a word to its formula or to another program, by file and function. A word that is missing here fails.
HELD = {
    "tests/train/test_update.py::test_first_steps": "sgd adam adamw rmsprop lion",
    "tests/train/test_update_more.py::test_first_steps_of_more": "nadam lamb",
    "tests/train/test_update.py::test_muon_is_torchs_on_matrices": "muon",
    "tests/train/test_update.py::test_penalties": "wd l2 l1 grouplasso",
    "tests/train/test_update.py::test_spred_has_the_minima_of_l1": "spred",
    "tests/train/test_update.py::test_clipping_is_by_the_norm_over_all": "clip",
    "tests/train/test_update_more.py::test_clipping_by_value": "clipvalue",
    "tests/train/test_update_more.py::test_adaptive_clipping_is_timms": "agc",
    "tests/train/test_update.py::test_the_average_is_that_of_the_weights": "ema",
    "tests/train/test_update.py::test_precise_statistics_are_the_means": "precise_bn",
    "tests/train/test_update.py::test_schedules": "linear triangle",
    "tests/train/test_schedule.py::test_schedules_are_torchs": "cosine step onecycle exponential milestones poly restarts",
    "tests/train/test_schedule.py::test_cooldown_stays_and_goes_down": "cooldown",
    "tests/train/test_schedule.py::test_a_plateau_is_torchs": "plateau",
    "tests/train/test_schedule.py::test_a_warmup_over_epochs_a_share_or_steps": "warmup",
    "tests/train/test_loss.py::test_cross_entropy": "smooth",
    "tests/train/test_loss.py::test_binary_cross_entropy": "bce",
    "tests/train/test_resume.py::test_a_step_of_several_batches_is_the_step_of_their_union": "accumulate batch",
    "tests/train/test_resume.py::test_patience_gives_the_best_weights_back": "patience",
    "tests/train/test_resume.py::test_convergence_ends_a_run": "converged",
    "tests/train/test_resume.py::test_steps_cut_the_last_epoch_short": "steps epochs",
    "tests/train/test_resume.py::test_a_limit_on_the_time_leaves_a_run_to_go_on_with": "timelimit",
    "tests/train/test_loop.py::test_the_same_seed_twice_gives_equal_weights_and_another_seed_does_not": "seed",
    "tests/train/test_world.py::test_two_processes_give_the_loss_curve_of_one": "syncbn",
    "tests/words/test_conformance.py::test_the_size_of_an_evaluation_changes_nothing": "evalbatch",
    "tests/train/test_load.py::test_a_split_divides_and_repeats": "valid subset",
    "tests/train/test_augment_more.py::test_words_of_a_probability":
        "flip vflip grayscale solarize posterize autocontrast equalize invert",
    "tests/train/test_augment.py::test_flip_and_crop": "crop",
    "tests/train/test_augment_more.py::test_words_of_place_are_torchvisions_with_the_numbers_drawn": "shift rotate shear zoom",
    "tests/train/test_augment_more.py::test_resized_windows": "resizedcrop",
    "tests/train/test_augment.py::test_colours": "brightness contrast saturation sharpness",
    "tests/train/test_augment.py::test_hue": "hue",
    "tests/train/test_augment_more.py::test_jitter_is_its_parts_in_any_order": "jitter",
    "tests/train/test_augment_more.py::test_blur": "blur",
    "tests/train/test_augment_more.py::test_noise_is_normal_and_as_large_as_it_says": "noise",
    "tests/train/test_augment_more.py::test_boxes_are_erased_as_torchvision_erases_them": "cutout",
    "tests/train/test_augment_more.py::test_erasing_draws_areas_and_sides_as_torchvision_does": "erasing",
    "tests/train/test_policies.py::test_randaugment_has_torchvisions_distribution": "randaugment",
    "tests/train/test_policies.py::test_operations": "trivialaugment",
    "tests/train/test_policies.py::test_the_pairs_of_autoaugment": "autoaugment",
    "tests/train/test_augment.py::test_mixup_is_the_papers": "mixup",
    "tests/train/test_augment.py::test_cutmix_weighs_by_the_true_area": "cutmix",
    "tests/train/test_augment.py::test_random_labels_and_pixels": "randomlabels randompixels",
    "tests/train/test_recipe.py::test_lookahead_is_algorithm_1_of_its_paper": "lookahead",
    "tests/train/test_recipe.py::test_biases_have_a_rate_of_their_own_and_the_decay_of_all": "biaslr",
    "tests/train/test_recipe.py::test_views_are_those_of_airbench": "tta",
    "tests/train/test_tuning.py::test_a_frozen_part_keeps_every_bit_and_the_others_move": "freeze",
    "tests/train/test_tuning.py::test_rates_by_formula": "rate",
    "tests/train/test_tuning.py::test_the_decay_over_depth_by_formula": "layerdecay",
    "tests/train/transfer/test_begin.py::test_the_run_begins_with_the_old_weights_and_says_so": "init",
}  # fmt: skip


@pytest.mark.parametrize("entry", OWN, ids=lambda e: e.name)
def test_help_examples_and_paper(entry: Entry) -> None:
    assert entry.summary.endswith(".")
    assert entry.examples
    assert all(re.search(rf"(?<![a-z]){re.escape(entry.name)}(?![a-z_])", example) for example in entry.examples)
    assert bool(entry.paper) != (entry.name in NO_PAPER), "a paper, or the reason why there is none"
    assert not entry.paper or re.search(r"(19|20)\d\d", entry.paper), "a paper has a year"


def test_every_word_is_held_to_something_by_a_test_that_is_there() -> None:
    held = {word for words in HELD.values() for word in words.split()}
    assert held >= {e.name for e in WORDS if not e.name.startswith(FOREIGN)}, "no test holds these words"
    for place in HELD:
        file, _, function = place.partition("::")
        assert f"def {function}(" in (REPO / file).read_text(), place


FOREIGN: tuple[str, ...] = ()


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Nets this small gain nothing from a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(count: int, seed: int = 0) -> Arrays:
    """Colour pictures 3x12x12 of two classes: the bright half is at the top or at the bottom."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = rng.integers(0, 70, (count, 3, 12, 12), np.uint8)
    for row, label in enumerate(labels):
        images[row, :, 6 * label : 6 * label + 6] += np.uint8(110)
    return Arrays(images, labels)


EPOCHS = 5


def losses(text: str, model_like: str = "conv(8) bn relu maxpool(4) flatten linear(2)") -> list[float]:
    """The mean training loss of each epoch of a text whose data are replaced by small ones."""
    spec = load(f"net {model_like}\ninput 3x12x12\nclasses 2\n{text}\n")
    found: Experiment = experiment_of(spec, checked=False)
    model = build(spec.trace)
    initialise(model, 0)
    if found.train.spred:
        reparametrise(model)
    settings = replace(found.train, batch=16 if found.train.accumulate == 1 else 8, steps=None, epochs=EPOCHS)
    job = Job(
        model, resident(pictures(64), CPU), resident(pictures(8, 1), CPU), resident(pictures(8, 2), CPU),
        normalise((0.3,) * 3, (0.2,) * 3, CPU), found.data.augment, settings,
        mean=(0.3,) * 3, std=(0.2,) * 3,
    )  # fmt: skip
    events = list(train(job))
    assert isinstance(events[-1], Finished), events[-1]
    return [e.loss for e in events if isinstance(e, EpochDone)]


def spec_of(example: str, kind: str) -> str:
    """A whole text with an example of a word in it."""
    if kind == "data":
        words = re.sub(r'^\S+(\("[^"]*"[^)]*\))?', "fashion-mini", example, count=1)
        return (
            f"data {words} valid(25%)\ntrain adam(3e-3)" if "valid" not in words else f"data {words}\ntrain adam(3e-3)"
        )
    words = example if re.search("epochs|steps", example) else f"{example} epochs(60)"
    rates = "" if re.match("|".join(OPTIMIZERS), words) else "adam(3e-3) "
    return f"data fashion-mini valid(25%)\ntrain {rates}{words}"


OPTIMIZERS = tuple(e.name for e in entries("train") if e.slot == "optimizer")
# Rates and lengths of examples that suit a large net and a long run → those of a small one.
SMALL = {
    "sgd(0.1": "sgd(0.05", "lion(1e-4)": "lion(1e-3)", "lamb(5e-3": "lamb(0.02", "warmup(500": "warmup(5",
    "patience(5": "patience(60", "converged(1e-3)": "converged(1e-9)",
}  # fmt: skip


# `init` needs weights of another run; tests/train/transfer trains with it.
@pytest.mark.parametrize("entry", [e for e in WORDS if e.name != "init"], ids=lambda e: e.name)
def test_a_net_learns_by_every_word(entry: Entry) -> None:
    for example in entry.examples:
        text = spec_of(example, entry.kind)
        for theirs, small in SMALL.items():
            text = text.replace(theirs, small)
        found = losses(text)
        assert all(math.isfinite(loss) for loss in found)
        assert min(found[-3:]) < found[0] * 0.98, f"{example}: {found}"


PHASES = ("", ", early", ", late=50%")


@pytest.mark.parametrize("entry", KIN, ids=lambda e: e.name)
def test_a_net_learns_by_dropout_and_its_kin(entry: Entry) -> None:
    call = {
        "drop": "drop(0.2{})", "spatial": "spatial(0.1{})", "cutout": "cutout(3{})", "droppath": "droppath(0.2{})",
        "dropblock": "dropblock(0.1, 3{})", "dropconnect": "dropconnect(conv(8), 0.2{})", "noise": "noise(0.1)",
    }[entry.name]  # fmt: skip
    for phase in PHASES if "{}" in call else ("",):
        layer = call.format(phase)
        middle = f"add(id | conv(8) {layer})" if entry.name == "droppath" else layer
        found = losses("data fashion-mini\ntrain adam(3e-3)", f"conv(8) bn relu {middle} maxpool(2) flatten linear(2)")
        assert all(math.isfinite(loss) for loss in found)
        assert found[-1] < found[0] * 0.8


def test_the_size_of_an_evaluation_changes_nothing() -> None:
    texts = [f"data fashion-mini valid(25%)\ntrain adam(3e-3) evalbatch({n})" for n in (5, 1000)]
    assert losses(texts[0]) == losses(texts[1])


SHIPPED = "\n".join(p.read_text() for p in sorted(Path(REPO, "specs").rglob("*.arch")))


def test_what_the_lecture_needs_is_in_a_shipped_spec() -> None:
    """The rest is trained by above; these are what a reader looks for first."""
    for word in (
        "sgd",
        "adam",
        "adamw",
        "l2",
        "cosine",
        "onecycle",
        "smooth",
        "flip",
        "crop",
        "valid",
        "batch",
        "epochs",
    ):
        # A statement goes on in the lines that are indented.
        assert re.search(rf"(?m)^(data|train) (.|\n )*\b{word}\b", SHIPPED), word
