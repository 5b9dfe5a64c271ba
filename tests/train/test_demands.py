"""What training refuses before its first step, `check` refuses in the same words, without torch and without data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.accelerate.plan import PLAIN
from archdsl.api import Spec, experiment_of, load, setting_findings
from archdsl.cli.main import main
from archdsl.data.batches import batches, steps_per_epoch
from archdsl.emit.build import build
from archdsl.errors import ArchError, SpecError
from archdsl.settings.checks import Steps, setting_diagnostics
from archdsl.settings.network_checks import hidden, parameters, smallest_batch
from archdsl.train.fit import fit
from archdsl.train.job import Job, steps_left
from archdsl.train.optim import parts, reparametrise

NET = "net stem: conv(4, s=4) relu gap linear(10)"
BN = "net conv(4, s=4) gap bn linear(10)"
DATA = "data fashion-mini subset(64)"
TRAIN = "train sgd(0.1) batch(32) epochs(1)"

# Texts that cannot be trained: network, data and train statement, and what is said.
REFUSED = [
    (NET, DATA, f"{TRAIN} patience(3)", "`patience` watches the validation images"),
    (NET, DATA, "train sgd(0.1) plateau(3) epochs(9)", "`plateau` watches the validation images"),
    (NET, DATA, "train adamw wd(0.1)", "both set the decoupled weight decay"),
    (NET, DATA, "train lamb wd(0.1)", "both set the decoupled weight decay"),
    (NET, DATA, "train sgd(0.1) onecycle warmup(1)", "has its own rise"),
    (NET, DATA, "train sgd(0.1) ema lookahead", "which averaged weights are kept"),
    (NET, DATA, "train sgd(0.1) warmup(20)", "the warm-up of 20 epochs leaves nothing"),
    (NET, DATA, "train sgd(0.1) warmup(5000, steps)", "the warm-up of 5,000 steps leaves nothing"),
    (NET, DATA, f"{TRAIN} warmup(2, steps) cosine", "the warm-up of 2 steps leaves nothing"),
    (NET, DATA, f"{TRAIN} step(9)", "`step` has no effect"),
    (NET, DATA, f"{TRAIN} milestones([3])", "a milestone after 3 epochs has no effect"),
    (NET, DATA, f"{TRAIN} restarts(3)", "`restarts` has no effect"),
    (NET, DATA, f"{TRAIN} lookahead(50)", "never moves the slow weights"),
    (NET, DATA, f"{TRAIN} lookahead(2, 0)", "with alpha 0 never moves the slow weights"),
    (NET, DATA, f"{TRAIN} freeze(stem, until=5)", "`freeze` has no end"),
    (NET, DATA, f"{TRAIN} freeze(stem..linear)", "`freeze` leaves nothing to train"),
    (NET, DATA, f"{TRAIN} freeze(stem) freeze(linear)", "`freeze` leaves nothing to train"),
    (NET, DATA, f"{TRAIN} freeze(stam)", "the network has no part `stam`"),
    (NET, DATA, f"{TRAIN} rate(stam, 2)", "the network has no part `stam`"),
    (NET, DATA, f"{TRAIN} rate(relu, 0.5)", "no layer that they slow down is trained"),
    (NET, DATA, f"{TRAIN} rate(stem, 0.5) freeze(stem)", "no layer that they slow down is trained"),
    (NET, DATA, f'{TRAIN} init("nowhere.pth")', "there is no file nowhere.pth"),
    (NET, DATA, f'{TRAIN} init("runs/nowhere")', "there is no folder runs/nowhere"),
    (NET, "data fashion-mini subset(90000)", TRAIN, "subset(90000) asks for more than the 8000"),
    (NET, "data fashion-mini valid(8000)", TRAIN, "valid(8000) sets 8000 of 8000"),
    (NET, f"{DATA} valid(64)", TRAIN, "valid(64) sets 64 of 64"),
    (NET, f"{DATA} valid(0.1%)", TRAIN, "valid(0.1%) sets 0 of 64"),
    (NET, f"{DATA} crop(28, reflect)", TRAIN, "`crop` mirrors more pixels"),
    (NET, f"{DATA} blur(57)", TRAIN, "`blur` mirrors more pixels"),
    (NET, f"{DATA} saturation", TRAIN, "`saturation` changes colours"),
    (NET, f"{DATA} grayscale", TRAIN, "`grayscale` changes colours"),
    (NET, f"{DATA} jitter", TRAIN, "`jitter` changes colours"),
    (NET, DATA, f"{TRAIN} tta(shift=28)", "`tta(shift=28)` moves more pixels"),
    (BN, DATA, "train sgd(0.1) batch(1) epochs(1)", "batch norm cannot train on a batch of one image"),
    (BN, "data fashion-mini subset(1)", TRAIN, "batch norm cannot train on a batch of one image"),
    (BN, "data fashion-mini subset(65)", "train sgd(0.1) batch(8) accumulate(4) epochs(1)", "on a batch of one image"),
    ("classes 7\n" + NET.replace("10", "classes"), DATA, TRAIN, "the net gives 7 values an image, and fashion-mini has 10"),
    ("input 3x28x28\n" + NET, DATA, TRAIN, "the net does not take the images of fashion-mini (1x28x28)"),
    ("input 1x32x32\nnet flatten linear(10)", DATA, TRAIN, "the net does not take the images of fashion-mini (1x28x28)"),
]  # fmt: skip


def texts(*parts: str) -> str:
    return "\n".join(parts) + "\n"


def messages(spec: Spec) -> list[str]:
    return [d.message for d in setting_findings(spec) if d.severity == "error"]


def refused_by_check(text: str) -> list[str]:
    try:
        return messages(load(text))
    except SpecError as error:
        return [d.message for d in error.diagnostics]


@pytest.mark.parametrize(("net", "data", "train", "said"), REFUSED)
def test_what_cannot_be_trained_is_refused_with_a_place(net: str, data: str, train: str, said: str) -> None:
    text = texts(net, data, train)
    try:
        found = [d for d in setting_findings(load(text)) if d.severity == "error"]
    except SpecError as error:
        found = list(error.diagnostics)
    first = next(d for d in found if said in d.message)
    assert first.span is not None
    assert first.help


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end behind the first step: what is refused is refused before it."""

    def no_step(self: object) -> object:
        raise FirstStep

    monkeypatch.setattr("archdsl.train.loop.Training.events", no_step)


class FirstStep(Exception):
    pass


def trained(spec: Spec, out: Path) -> str:
    """What training itself says before its first step, with the settings as they stand; "" where it gets there."""
    try:
        fit(build(spec.trace), experiment_of(spec, checked=False), out=out, device="cpu", plan=PLAIN)
    except FirstStep:
        return ""
    except SpecError as error:
        return error.diagnostics[0].message
    except ArchError as error:
        return error.message
    raise AssertionError("no step was taken")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("net", "data", "train", "said"), REFUSED)
def test_training_by_itself_says_the_same(net: str, data: str, train: str, said: str, tmp_path: Path) -> None:
    """``fit`` of a caller's own experiment, which no check has seen; its message may go on with torch's own words."""
    if any(word in said for word in ("batch of one", "has no effect")) and "step" not in said:
        pytest.skip("torch says so in the first step")
    try:
        spec = load(texts(net, data, train))
        message = trained(spec, tmp_path)
    except SpecError as error:  # labels, and words that contradict each other
        message = error.diagnostics[0].message
    assert said in message


VARIED = [
    *(f"{DATA} {e}" for e in ("flip", "crop(4)", "crop(27, reflect)", "blur(55)", "hue", "solarize", "mixup cutmix",
                              "randompixels",
                              "valid(1)", "valid(63)", "valid(99%)", "autoaugment", "tta")),
    "data fashion-mini subset(2)", "data fashion-mini subset(8000)", "data fashion-mini subset(3) valid(1)",
]  # fmt: skip
WAYS = [
    *(f"{TRAIN} {e}" for e in ("patience", "plateau(1)", "ema(0)", "precise_bn", "syncbn", "agc", "biaslr(2)", "biaslr(2, norms)",
                               "spred(1e-4)", "layerdecay", "rate(stem, 2)", "rate(relu, 1)", "freeze(relu)", "freeze(stem)",
                               "accumulate(3)", "warmup(1, steps)", "tta", "tta(shift=27)", "bce(20%)", "lookahead(2)")),
    "train muon(0.02)", "train adamw(wd=0) wd(0.1)", "train sgd(0.1) batch(9000)", "train sgd(0.1) batch(63)",
    "train sgd(0.1) steps(1) warmup(1, steps)", "train sgd(0.1) steps(1) lookahead(2)",
]  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "text", [texts(NET, d, TRAIN) for d in VARIED] + [texts(n, DATA, t) for n in (NET, BN) for t in WAYS]
)
def test_check_and_training_agree(text: str, tmp_path: Path) -> None:
    """Over many texts: training refuses what `check` refuses, in the same words, and nothing else."""
    try:
        spec = load(text)
    except SpecError:
        return  # refused for itself, by both
    found = messages(spec)
    said = trained(spec, tmp_path)
    if "batch of one image" not in "".join(found):
        assert bool(said) == bool(found), (said, found)
        assert all(m.startswith(found[0]) for m in [said] if said)


@pytest.mark.parametrize("subset", [1, 2, 9, 31, 32, 33, 63, 64, 65, 97])
@pytest.mark.parametrize(("batch", "accumulate"), [(1, 1), (2, 1), (8, 4), (32, 1), (8, 3), (1, 4), (100, 1)])
def test_the_steps_are_those_of_the_loop(subset: int, batch: int, accumulate: int) -> None:
    spec = load(texts(NET, DATA, f"train sgd(0.1) batch({batch}) accumulate({accumulate}) epochs(2)"))
    settings = experiment_of(spec).train
    steps = Steps(subset, batch * accumulate)
    assert steps.per_epoch == steps_per_epoch(subset, batch * accumulate)

    class Few(Job):
        train = [0] * subset  # type: ignore[assignment]

    job = object.__new__(Few)
    object.__setattr__(job, "settings", settings)
    from archdsl.train.distributed import Distributed

    object.__setattr__(job, "distributed", Distributed())
    assert steps.of(settings) == job.steps
    least = min(len(part) for group in steps_left(job, 1, 0) for part in group.parts)
    assert smallest_batch(settings, steps) == least
    assert len(batches(torch.arange(subset), batch * accumulate)) == steps.per_epoch


NETS = [
    "resnet18",
    "plain20",
    "mobilenet",
    "lenet5",
    "convnext",
    "vit",
    "net patch(4, 8) tokens cls pos add(id | ln attention(2)) take linear(10)",
    "net whiten gelu conv(8) bn relu upconv(4, s=2) gap linear(10)",
    "net conv(8, ws=scaled) scale dwconv prelu gap linear(10)",
    "net conv(8) shared(conv(8) bn relu, 3) gap linear(10)",
    "net conv(8, groups=1) conv(1, 1) conv(8) flatten linear(5) linear(10)",
    "net offset conv(8) affine relu gap linear(10)",
    "net patch(4, 8) pos(axes) attention(2, window=2, relpos) gap linear(10)",
    "net patch(4, 8) tokens xca(2) gap linear(10)",
]


@pytest.mark.parametrize("name", NETS)
def test_the_weights_of_a_trace_are_those_of_the_module(name: str) -> None:
    try:
        spec = load(name, input=(3, 32, 32), classes=10)
    except ArchError as error:
        pytest.skip(error.message)
    model: nn.Module = build(spec.trace)
    known = parameters(spec.trace)
    wanted = {n: tuple(p.shape) for n, p in model.named_parameters() if p.requires_grad}
    assert {p.name: p.shape for p in known} == wanted
    ours, theirs = [p for p in known if p.weight], parts.weights_of(model)
    assert [p.name for p in ours] == [w.name for w in theirs]
    assert [p.name for p in hidden(ours)] == [w.name for w in parts.hidden(theirs)]
    biases = {id(p) for p in parts.biases_of(model, False)}
    assert {p.name for p in known if p.last == "bias"} == {n for n, p in model.named_parameters() if id(p) in biases}
    reparametrise(model)
    products = {
        n.replace(".parametrizations", "").removesuffix(".original0")
        for n, _ in model.named_parameters()
        if "original0" in n
    }
    assert products == {
        p.name
        for p in known
        if p.weight and p.last == "weight" and {"conv", "linear", "attention"} & p.row.op.entry.traits
    }


def test_a_text_without_data_is_checked_as_far_as_it_goes() -> None:
    found = setting_findings(load("net conv(8)\ntrain muon(0.02) patience(3)\n"))
    assert [d.code for d in found] == ["A511"]


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = texts(NET, DATA, f"{TRAIN} patience(3)")
    assert main(["check", text]) == 2
    said = capsys.readouterr().out
    assert "error[A224]: `patience` watches" in said
    assert "<spec>:3:" in said
    assert main(["train", text]) == 2
    assert "error[A224]: `patience` watches" in capsys.readouterr().err
    assert main(["params", text]) == 0


def test_findings_know_no_torch(no_torch: Callable[[str], None]) -> None:
    no_torch(
        "from archdsl.api import load, setting_findings; setting_findings(load('net conv(8)\\ndata fashion-mini\\n"
        "train muon(0.02) freeze(conv)'))"
    )


@pytest.fixture
def no_torch() -> Callable[[str], None]:
    import subprocess
    import sys

    def run(code: str) -> None:
        code += "; import sys; assert not {'torch', 'numpy'} & set(sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return run


def test_diagnostics_of_a_graph_alone() -> None:
    spec = load(texts(NET, DATA, f"{TRAIN} ema(0)"))
    assert setting_diagnostics(spec.graph.data, spec.graph.train, spec.trace, spec.classes) == setting_findings(spec)


@pytest.mark.parametrize("train", [f"{TRAIN} patience(3)", "train muon(0.02) batch(32)", "train adamw wd(0.1)", TRAIN])
def test_the_editor_shows_the_same(train: str) -> None:
    pytest.importorskip("lsprotocol")
    from archdsl.expand.include import library
    from archdsl.lsp.document import Document

    text = texts(NET, DATA, train)
    document = Document("file:///s.arch", None, "utf-16", library)
    document.update(text, 0)
    wanted = [(d.code, d.message) for d in setting_findings(load(text))]
    found = [d for d in document.now.findings if d.code in ("A220", "A224", "A511")]
    assert [(d.code, d.message) for d in found] == wanted
    for d in found:
        assert d.span is not None
        assert document.now.place(d.span) is not None
