"""Words with a fault: the law of their kind finds it, and says which word, what came, and what was expected."""

from __future__ import annotations

import math
from itertools import count
from typing import Any, ClassVar, Literal

import pytest

from archdsl.ir.blocks import without
from archdsl.ir.layer import Layer
from archdsl.laws.law import NotTried
from archdsl.laws.trial import tried
from archdsl.registry import (
    evaluation_word,
    find,
    gives,
    metric_word,
    op,
    proxy_word,
    setting,
)
from archdsl.registry.types import Positive, Shape
from archdsl.words.evaluation.base import Change, Rewiring, Shift
from archdsl.words.metrics.base import Metric, OfWeights, Score
from archdsl.words.proxies.base import Proxy
from tests.train.laws import trials
from tests.words.faulty import Faulty

OFTEN = count()  # what no word may depend on


faulty = Faulty()
words = faulty.words


@faulty(metric_word("renamed"))
@setting
class Renamed(Metric):
    """Has another name than its word."""

    @property
    def name(self) -> str:
        return "other"


@faulty(metric_word("long"))
@setting
class Long(Metric):
    """Is in a unit that no report knows."""

    unit: ClassVar[Any] = "metres"


@faulty(metric_word("guessed"))
@setting
class Guessed(Metric):
    """Has a figure of every run."""

    def of(self, run: Any) -> float:
        return 0.0


@faulty(metric_word("test_peak", "valid_peak"))
@setting
class Peak(Score):
    """The largest number, which is no sum."""

    part: Literal["test", "valid"]

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        return log_probs.max()[None]


@faulty(metric_word("rounded"))
@setting
class Rounded(OfWeights):
    """Rounds the weights that it measures."""

    def measure(self, torch: Any, weights: Any) -> float:
        return float(sum(w.round_().sum() for w in weights))


@faulty(evaluation_word("fickle(1)"))
@setting
class Fickle(Shift):
    """Is another word whenever it is written down."""

    by: Positive

    def __repr__(self) -> str:
        return f"Fickle({next(OFTEN)})"

    def apply(self, torch: Any, x: Any, generator: Any) -> Any:
        return 1 - x


@faulty(evaluation_word("grainy(1)"))
@setting
class Grainy(Shift):
    """Draws from torch's own random numbers."""

    by: Positive

    def apply(self, torch: Any, x: Any, generator: Any) -> Any:
        return x + torch.rand(x.shape)


@faulty(evaluation_word("roaming"))
@setting
class Roaming(Rewiring):
    """Deletes a block that no seed decides."""

    def rewire(self, trace: Any, draw: Any) -> Any:
        return without(trace, [1 + next(OFTEN) % 3])


@faulty(evaluation_word("spoilt"))
@setting
class Spoilt(Change):
    """Leaves no number."""

    def change(self, torch: Any, model: Any, images: Any) -> None:
        for parameter in model.parameters():
            parameter.fill_(math.nan)


class Counted(Proxy):
    """A score of networks that classify."""

    __slots__ = ()
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    @gives("a number")
    def measure(self, torch: Any, model: Any, images: Any, labels: Any, loss: Any) -> float:
        return float(len(images))


@faulty(proxy_word("misspelt"))
@setting
class Misspelt(Counted):
    """Is defined for a task that nobody has."""

    tasks: ClassVar[tuple[str, ...]] = ("classification", "clasification")


@faulty(proxy_word("greedy"))
@setting
class Greedy(Counted):
    """Blackens the batch."""

    def measure(self, torch: Any, model: Any, images: Any, labels: Any, loss: Any) -> float:
        return float(images.zero_().sum())


@faulty(proxy_word("unsteady"))
@setting
class Unsteady(Counted):
    """Depends on how often a large batch was seen."""

    def measure(self, torch: Any, model: Any, images: Any, labels: Any, loss: Any) -> float:
        return float(next(OFTEN) if len(images) > 8 else 1)


@faulty(op("conv(8) bessel gap linear(10)", traits="act"))
def bessel(x: Shape) -> Layer:
    """A function that ONNX lacks."""
    return Layer(out=x, call=lambda torch, x: torch.special.i0e(x))


@pytest.mark.parametrize(
    ("space", "name", "law", "said"),
    [
        ("metric", "renamed", "spelling", "the name of `renamed`: other, and not renamed"),
        ("metric", "long", "facts", "the unit of `long`: 'metres', and not one of ('percent', "),
        ("metric", "guessed", "recorded", "`guessed` of a run that has recorded nothing: 0.0, and not None"),
        ("metric", "peak", "sums", "`sums` of `peak`: the batches add ["),
        ("metric", "rounded", "measure", "`rounded` changes the weights, statistics or images that it measures"),
        ("evaluate", "fickle", "key", "the key of a second reading of `fickle(1)`: "),
        ("evaluate", "grainy", "images", "`grainy(1)`: the same seed gives other bytes"),
        ("evaluate", "roaming", "network", "`roaming` with the same draws: "),
        ("evaluate", "spoilt", "weights", "weights that are not finite after `spoilt`: ['"),
        ("proxy", "misspelt", "tasks", "tasks of `misspelt` that are unknown: ['clasification'], and not []"),
        ("proxy", "greedy", "model", "`greedy` changes the batch that it is given"),
        ("proxy", "unsteady", "score", "`unsteady` of the same spec: "),
    ],
)
def test_a_fault_is_found_and_named(space: str, name: str, law: str, said: str) -> None:
    found = trials(space, name)[law]
    assert found.verdict == "broken"
    ((example, why),) = found.broken[:1]
    assert name in example
    assert said in why
    assert found.law.help


def test_a_layer_without_an_onnx_form_is_named() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = trials("net", "bessel")
    assert {law for law, trial in found.items() if trial.verdict == "broken"} == {"ONNX"}
    ((example, why),) = found["ONNX"].broken
    assert example == "conv(8) bessel gap linear(10)"
    assert "i0e" in why


def test_a_law_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.extras.installed", lambda package: package != "onnxruntime")
    entry = find("net", "relu")
    assert entry is not None
    found = {trial.law.name: trial for trial in tried([entry])}["ONNX"]
    assert (found.verdict, found.broken) == ("not tried", ())
    assert all("onnxruntime, which is not installed; pip install 'archdsl[onnx]'" in why for _, why in found.not_tried)
    assert [example for example, _ in found.not_tried] == list(entry.examples)


def test_an_evaluation_that_needs_another_net_is_not_tried() -> None:
    from archdsl.laws.evaluation import a_changed_network_can_be_built

    with pytest.raises(NotTried, match=r"it does not fit `conv\(8\) .*: unknown block 40"):
        a_changed_network_can_be_built("lesion(40)")
