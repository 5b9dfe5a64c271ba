"""What the code of a word does wrong is an error that names the word, its module and line, and what it should give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch

from archdsl.api import experiment_of, load
from archdsl.data import Arrays
from archdsl.data.augment import augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.corrupt import corrupt
from archdsl.emit.build import build
from archdsl.errors import ArchError, EnvError
from archdsl.ir.layer import Layer
from archdsl.ir.make import o, seq
from archdsl.ir.nodes import Node, arg, with_args
from archdsl.registry import (
    Phase,
    WordFault,
    block,
    carry,
    data_word,
    evaluation_word,
    family,
    find,
    late,
    metric_word,
    modifier,
    op,
    params,
    setting,
    train_word,
)
from archdsl.registry.types import Positive, Shape
from archdsl.settings.schedule import factor
from archdsl.train.loss import loss
from archdsl.train.optim import Update
from archdsl.words.data.base import Augmentation, Corruption, Mixing
from archdsl.words.evaluation.base import Shift
from archdsl.words.metrics.base import Metric, Score
from archdsl.words.train.kinds import Loss, Optimizer, Penalty, Schedule
from tests.train.laws import no_word_stays

HERE = re.escape(__name__)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    with no_word_stays():
        for decorator, made in LATER:
            decorator(made)
        yield


LATER: list[tuple[Callable[[type], type], type]] = []


def later(decorator: Callable[[type], type]) -> Callable[[type], type]:
    """The class of a word, which is registered for the tests of this file alone."""

    def keep(made: type) -> type:
        LATER.append((decorator, made))
        return made

    return keep


def spec(text: str) -> Any:
    return load(text, input=(3, 8, 8), classes=10)


def refuse(about: str, what: str, act: Callable[[], object], help: str) -> None:
    with pytest.raises(WordFault, match=rf"^the {about} of {HERE} fails in line \d+: {what}") as caught:
        act()
    assert help in caught.value.help
    assert caught.value.help.startswith("repair or uninstall that package"), "the module is none of ours"
    assert caught.value.exit_code == 4


LAYERS = {
    "a tuple": (lambda x: x, r"it gives `\(3, 8, 8\)`"),
    "nothing": (lambda x: None, "it gives `None`"),
    "a list as shape": (
        lambda x: Layer(out=list(x), module=lambda nn: nn.Identity()),  # type: ignore[arg-type]
        r"it gives `\[3, 8, 8\]`",
    ),
    "a wrong value": (lambda x: int("x"), "ValueError: invalid literal"),
    "a wrong type": (lambda x: x + 1, "TypeError: can only concatenate"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_is_none(name: str) -> None:
    make, what = LAYERS[name]
    make.__doc__ = "A layer."
    op("odd1", name="odd1")(make)
    refuse("layer `odd1`", what, lambda: spec("odd1"), "`odd1` gives a `Layer` (archdsl.ir.layer)")


def test_a_module_or_call_that_fails() -> None:
    @op("odd2")
    def odd2(x: Shape) -> Layer:
        """A layer."""
        return Layer(out=x, module=lambda nn: nn.Missing1())

    @op("odd3")
    def odd3(x: Shape) -> Layer:
        """A layer."""
        return Layer(out=x, call=lambda torch, value: value + missing1)  # type: ignore[name-defined] # noqa: F821

    refuse("layer `odd2`", "AttributeError: .*Missing1", lambda: build(spec("odd2").trace), "")
    refuse("layer `odd3`", "NameError: name 'missing1'", lambda: build(spec("odd3").trace), "")


def test_blocks_families_and_modifiers() -> None:
    made: dict[str, Any] = {}

    @block("odd4")
    def odd4() -> Node:
        """A block."""
        return made["node"]()  # type: ignore[no-any-return]

    @family("odd5[8]")
    def odd5(stages: Any) -> Node:
        """A family."""
        return made["node"]()  # type: ignore[no-any-return]

    @late("add(conv(8) | odd6)")
    def odd6(x: Shape, target: Shape, like: Any) -> Node | None:
        """A block that unfolds when shapes are known."""
        return made["node"]()  # type: ignore[no-any-return]

    @modifier("conv(8) +odd7", phase=Phase.NORM, undo=lambda term: made["node"]())
    def odd7(term: Node) -> Node | None:
        """A modifier."""
        return made["node"]()  # type: ignore[no-any-return]

    texts = {"block `odd4`": "odd4", "family `odd5`": "odd5[8]", "block `odd6`": "add(conv(8) | odd6)"}
    texts |= {"modifier `odd7`": "conv(8) +odd7"}
    for about, text in texts.items():
        for value, what in ((3, "it gives `3`"), ([1], r"it gives `\[1\]`")):
            made["node"] = lambda value=value: value
            refuse(about, what, lambda text=text: spec(text), "gives a node, such as `seq(")
        for node, what in (
            (lambda: o.convv(8), "AttributeError: there is no word `convv`"),
            (lambda: o.conv(8, width=3), "TypeError: `conv` has no argument width"),
            (lambda: seq(o.relu(), 8), "TypeError: seq takes nodes, not 8"),
        ):
            made["node"] = node
            refuse(about, what, lambda text=text: spec(text), "gives a node")
    made["node"] = lambda: 3
    refuse("modifier `odd7`", "it gives `3`", lambda: spec("conv(8) -odd7"), "its undo gives a node")
    made["node"] = lambda: None
    refuse("block `odd4`", "it gives `None`", lambda: spec("odd4"), "`odd4` gives a node")


class Here:
    """A name that annotations do not see."""


def test_annotations() -> None:
    def plain(x, b=1):  # type: ignore[no-untyped-def]
        """A layer."""

    def lists(x: Shape, b: list[float]) -> Layer:
        """A layer."""
        raise AssertionError

    def unknown(x: Shape, b: Chanels = 1) -> Layer:  # type: ignore[name-defined] # noqa: F821
        """A layer."""
        raise AssertionError

    for make, what in (
        (plain, "its parameter `b` has no annotation"),
        (lists, r"its parameter `b` has the annotation list\[float\], which no text can give"),
        (unknown, "name 'Chanels' is not defined"),
    ):
        op("odd8", name=make.__name__ + "8")(make)
        entry = find("net", make.__name__ + "8")
        assert entry is not None
        refuse(f"layer `{entry.name}`", what, lambda entry=entry: params(entry), "archdsl.registry.types")


def images(count: int = 4) -> torch.Tensor:
    return torch.zeros(count, 3, 8, 8, dtype=torch.uint8)


@later(data_word("cifar10 odd9", slot="odd9"))
@setting
class Odd9(Augmentation):
    """Forgets to give the images."""

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        images + 1


@later(data_word("cifar10 odd10", slot="odd10"))
@setting
class Odd10(Augmentation):
    """Has the signature of a corruption."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> Any:
        return images, labels


@later(data_word("cifar10 odd11", slot="odd11"))
@setting
class Odd11(Mixing):
    """Gives a number."""

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Any:
        return 0.5


@later(data_word("cifar10 odd12", slot="odd12"))
@setting
class Odd12(Corruption):
    """Gives the images alone."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> Any:
        return images


@later(train_word("sgd(0.1) odd13", slot="schedule"))
@setting
class Odd13(Schedule):
    """Gives what it is told."""

    told: ClassVar[Any] = None

    def scale(self, at: Any) -> Any:
        return self.told


@later(train_word("odd14", slot="optimizer"))
@setting
class Odd14(Optimizer):
    """Forgets to give the optimiser."""

    lr: Positive = 0.1

    def build(self, optim: Any, groups: Any) -> Any:
        optim.SGD(groups)


@later(train_word("sgd(0.1) odd15", slot="loss"))
@setting
class Odd15(Loss):
    """Gives what it is told."""

    told: ClassVar[Any] = None

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        return self.told(logits)


@later(train_word("sgd(0.1) odd16", slot="odd16"))
@setting
class Odd16(Penalty):
    """Forgets a tensor."""

    rate: Positive = 0.1
    weights: bool = False

    def direction(self, torch: Any, values: list[Any]) -> Any:
        return [v.sum() for v in values]


@later(metric_word("odd17"))
@setting
class Odd17(Metric):
    """Looks for what no run has."""

    def of(self, run: Any) -> Any:
        return run.result["nothing"]


@later(metric_word("test_odd18"))
@setting
class Odd18(Score):
    """Gives a text."""

    part: Literal["test"]

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        return log_probs.sum()[None]

    def figure(self, sums: Any, images: int) -> Any:
        return "much"


@later(evaluation_word("odd19(1)"))
@setting
class Odd19(Shift):
    """Gives half of the images."""

    by: Positive

    def apply(self, torch: Any, x: Any, generator: Any) -> Any:
        return x[:1]


def test_data_words() -> None:
    draws = Draws(0, CPU)
    refuse(
        "data word `odd9`",
        "it gives `None`",
        lambda: augment(images(), (Odd9(),), draws, 0),
        "`apply` gives the changed",
    )
    refuse(
        "data word `odd10`", "TypeError", lambda: augment(images(), (Odd10(),), draws, 0), "`apply` gives the changed"
    )
    labels = torch.zeros(4, dtype=torch.int64)
    refuse(
        "data word `odd11`",
        "it gives `0.5`",
        lambda: mix(images().float(), labels, (Odd11(),), draws, 0),
        "a `Mixture`",
    )
    arrays = Arrays(images().numpy(), np.zeros(4, np.int64))
    refuse("data word `odd12`", "it gives a ndarray", lambda: corrupt(arrays, (Odd12(),), 10, 0), "images and labels")


@pytest.mark.parametrize("told", [None, float("nan"), -0.1, float("inf"), "1"])
def test_a_schedule_that_gives_no_factor(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Odd13, "told", told)
    refuse(
        "train word `odd13`",
        f"it gives `{told!r}`",
        lambda: factor(Odd13(), 0, 0, 10, 5),
        "`scale` gives a finite number",
    )


def test_train_words(monkeypatch: pytest.MonkeyPatch) -> None:
    net = torch.nn.Linear(2, 2)
    settings = experiment_of(load("net gap linear(10)\ndata cifar10\ntrain odd14"), checked=False).train
    refuse("train word `odd14`", "it gives `None`", lambda: Update(net, settings), "`build` gives a `torch.optim.Opt")
    logits = torch.zeros(2, 3, requires_grad=True)
    target: Any = SimpleNamespace(labels=torch.zeros(2, dtype=torch.int64), other=None, share=None)
    for told, what in (
        (float, "(TypeError|ValueError|RuntimeError)"),
        (lambda x: 0.0, "it gives `0.0`"),
        (abs, "it gives"),
    ):
        monkeypatch.setattr(Odd15, "told", staticmethod(told))
        refuse("train word `odd15`", what, lambda: loss(logits, target, other=Odd15()), "a tensor of no dimension")
    sgd: Any = load("net gap linear(10)\ntrain sgd(0.1)").graph.train[0].value
    update = Update(net, replace(settings, optimizer=sgd, penalties=(Odd16(),)))
    net(torch.ones(1, 2)).sum().backward()
    refuse("train word `odd16`", "it gives ", update.apply, "the shapes of the given ones")


def test_metrics_and_evaluations() -> None:
    run = SimpleNamespace(result={})
    refuse("metric `odd17`", "KeyError: 'nothing'", lambda: Odd17().of(run), "`of` gives a number, or None")
    refuse("metric `odd18`", "it gives `'much'`", lambda: Odd18("test").figure([1.0], 1), "`figure` gives a number")
    shift = Odd19(1.0)
    x = torch.zeros(2, 3, 4, 4)
    refuse("evaluation `odd19`", "it gives a Tensor", lambda: shift.apply(torch, x, None), "of the given shape")


def test_our_own_words_are_to_be_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = find("net", "relu")
    assert relu is not None
    with pytest.raises(WordFault, match=r"^the layer `relu` of archdsl\.words\.ops\.act fails in line \d+: ") as caught:
        carry(relu, relu.make)
    assert caught.value.help.startswith("repair the word: `relu` gives a `Layer`")
    assert caught.value.exit_code == 1


def test_what_is_no_fault_of_the_word_stays_what_it_is() -> None:
    relu = find("net", "relu")
    assert relu is not None
    for error in (
        EnvError("no data"),
        ArchError("no"),
        MemoryError(),
        RuntimeError("CUDA out of memory"),
        KeyboardInterrupt(),
    ):

        def fails(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            carry(relu, fails)
        assert caught.value is error


def test_a_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from archdsl.cli.main import main

    op("odd20", name="odd20")(LAYERS["nothing"][0])
    assert main(["params", "odd20", "--input", "3x8x8"]) == 4
    said = capsys.readouterr().err
    assert said.startswith(f"error: the layer `odd20` of {__name__} fails in line ")
    assert "bug in archdsl" not in said


def test_an_argument_that_an_op_has_not() -> None:
    conv = o.conv(8)
    for act in (lambda: with_args(conv, group=2), lambda: arg(conv, "group")):
        with pytest.raises(TypeError, match="`conv` has no argument `group`; its arguments are out, k, s, "):
            act()
    assert arg(with_args(conv, groups=2), "groups") == 2
