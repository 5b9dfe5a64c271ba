"""Texts as data: windows of characters, and language models that train, resume, evaluate, predict and are exported."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.api import experiment_of
from archdsl.api import load as load_spec
from archdsl.cli.main import main
from archdsl.data import Arrays, load
from archdsl.data.fingerprint import fingerprint
from archdsl.emit.build import build
from archdsl.emit.causal import looks_ahead
from archdsl.errors import ArchError, EnvError
from archdsl.evaluate.continuation import continued
from archdsl.registry.shapes import Ids
from archdsl.train.fit import fit
from archdsl.train.signals import Interrupted
from archdsl.words.data.texts import SONNETS, Text
from tests.conftest import Cli, command_line

GRU = "net embed(16) gru(32) linear(classes)"
TRANSFORMER = "net embed(16) pos (res(ln attention(2, causal)) res(ln linear(32) gelu linear(16)))*2 ln linear(classes)"
TALE = "the cat sat on the mat.\n" * 60


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(TALE)
    return path


def test_windows_hold_the_text(tale: Path) -> None:
    text = Text(str(tale), 10)
    names = sorted(set(TALE))
    assert (text.class_names, text.input) == (tuple(names), Ids(10, len(names)))
    parts = load(text)
    assert isinstance(parts.train, Arrays)
    assert isinstance(parts.test, Arrays)
    cut = len(TALE) - len(TALE) // 10
    for part, whole in ((parts.train, TALE[:cut]), (parts.test, TALE[cut:])):
        joined = "".join(names[i] for i in part.images.flatten())
        assert whole.startswith(joined)
        assert len(whole) - len(joined) <= 10
        after = "".join(names[i] for i in part.labels.flatten())
        assert after == whole[1 : len(after) + 1]
        assert (part.images.dtype, part.labels.dtype) == (np.int64, np.int64)


def test_line_ends_are_one_character(tale: Path) -> None:
    tale.write_bytes(TALE.replace("\n", "\r").encode() + TALE.replace("\n", "\r\n").encode())
    assert Text(str(tale), 10).class_names == tuple(sorted(set(TALE)))
    assert "".join(Text(str(tale), 10).parts()) == TALE * 2


def test_a_test_text_beside_it(tale: Path) -> None:
    beside = tale.with_suffix(".test.txt")
    beside.write_text("a zebra sat on a mat, and the cat on the zebra.")
    text = Text(str(tale), 8)
    parts = load(text)
    assert len(parts.test) == (len(beside.read_text()) - 1) // 8
    assert {"z", ","} <= set(text.class_names)
    assert any("the training part lacks" in note and "'z'" in note for note in parts.notes)


def test_the_fingerprint_is_of_the_content(tale: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(TALE)
    assert fingerprint(Text(str(tale))) == fingerprint(Text(str(other)))
    other.write_text(TALE + "x")
    assert fingerprint(Text(str(tale))) != fingerprint(Text(str(other)))


@pytest.mark.parametrize(
    ("content", "length", "message"),
    [
        (b"", 8, "too few for a window of 8"),
        (b"abc" * 30, 16, "too few for a window of 16"),
        (b"a\nb\xff\n" * 50, 4, "is not a text in UTF-8: line 2"),
        (b"a\nb\0\n" * 50, 4, "is not a text: line 2"),
    ],
)
def test_texts_that_are_refused(tmp_path: Path, content: bytes, length: int, message: str) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(EnvError, match=message):
        _ = Text(str(path), length).input


def test_a_text_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="there is no file"):
        _ = Text(str(tmp_path / "no.txt")).input
    with pytest.raises(EnvError, match="is a folder"):
        _ = Text(str(tmp_path)).input


def test_the_sonnets_are_sonnets() -> None:
    sonnets = SONNETS.read_text("utf-8").strip().split("\n\n")
    assert len(sonnets) == 30
    assert all(len(sonnet.splitlines()) == 14 for sonnet in sonnets)
    assert SONNETS.read_text("utf-8").isascii()


@pytest.mark.parametrize(("net", "ahead"), [
    (GRU, False), (TRANSFORMER, False), (TRANSFORMER.replace(", causal", ""), True),
    ("net embed(8) gru(8, both) linear(classes)", True),
])  # fmt: skip
def test_which_nets_look_ahead(net: str, ahead: bool) -> None:
    model = build(load_spec(f"input 12 ids(9)\nclasses 9\ntask tokens\n{net}").trace).eval()
    generator = torch.Generator().manual_seed(0)
    assert looks_ahead(model, torch.randint(9, (3, 12), generator=generator), 9) is ahead


@pytest.mark.parametrize("net", [GRU, TRANSFORMER])
def test_a_language_model_learns_and_is_resumed_to_the_bit(net: str, tale: Path, tmp_path: Path) -> None:
    spec = load_spec(f'{net}\ndata text("{tale}", length=16) valid(10%)\ntrain adam(0.01) epochs(12) batch(16)')
    whole = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "whole")
    assert whole.result is not None
    assert whole.result["test_loss"] < 0.5 * math.log(spec.classes), "a text that repeats itself is easily learnt"
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls == 20

    with pytest.raises(Interrupted):
        fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut", stop=stop)
    resumed = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut")
    assert all(torch.equal(value, resumed.state()[name]) for name, value in whole.state().items())


def test_a_net_that_looks_ahead_is_refused(tale: Path, tmp_path: Path) -> None:
    text = f'net embed(8) gru(8, both) linear(classes)\ndata text("{tale}", length=16)\ntrain adam epochs(1)'
    spec = load_spec(text)
    with pytest.raises(ArchError, match="sees the tokens that follow"):
        fit(build(spec.trace), experiment_of(spec), out=tmp_path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of a language model."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "tale.txt").write_text(TALE)
    (folder / "lm.arch").write_text(f'{GRU}\ndata text("tale.txt", length=16)\ntrain adam(0.02) epochs(12) batch(16)\n')
    done = command_line("train", "lm.arch", "--precision", "fp32", cwd=folder)  # as `eval` computes
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("test loss 0.")
    assert "test perplexity 1." in done.stdout
    return folder


def test_eval_counts_tokens(cli: Cli, place: Path) -> None:
    run = next(place.glob("runs/lm-*"))
    result = json.loads((run / "result.json").read_text())
    assert not (run / "correct.bits").exists()
    shown = json.loads(cli("eval", str(run), "--format", "json", cwd=place).stdout)
    assert shown["tokens"] % 16 == 0
    (found,) = shown["results"]
    assert found["nll"] == pytest.approx(result["test_loss"], rel=1e-4)
    assert found["accuracy"] == pytest.approx(result["test_accuracy"])
    assert found["perplexity"] == pytest.approx(math.exp(found["nll"]))
    assert "test tokens of text:tale.txt" in cli("eval", str(run), cwd=place).stdout


@pytest.mark.slow
def test_predict_continues_a_text(cli: Cli, place: Path) -> None:
    run = str(next(place.glob("runs/lm-*")))
    done = cli("predict", run, "--prompt", "the cat", "--length", "40", "--temperature", "0", cwd=place)
    assert done.stdout == ("the cat sat on the mat.\n" * 3)[:47] + "\n"
    (place / "begin.txt").write_text("the mat")
    drawn = ("predict", run, "begin.txt", "--temperature", "5", "--format", "json")
    first = cli(*drawn, cwd=place).stdout
    assert first == cli(*drawn, cwd=place).stdout
    assert json.loads(first)[0]["prompt"] == "the mat"
    assert cli(*drawn, "--seed", "1", cwd=place).stdout != first
    done = cli("predict", run, "--prompt", "the Ω", cwd=place)
    assert done.returncode == 2
    assert "does not know the character 'Ω'" in done.stderr
    assert cli("predict", run, "--prompt", "the", "--mc", "3", cwd=place).returncode == 2
    assert cli("predict", run, cwd=place).returncode == 2


def test_a_language_model_is_exported(cli: Cli, place: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    run = str(next(place.glob("runs/lm-*")))
    done = cli("export", run, "lm.onnx", cwd=place)
    assert done.returncode == 0, done.stderr
    session = onnxruntime.InferenceSession(str(place / "lm.onnx"))
    (given,) = session.run(None, {session.get_inputs()[0].name: np.zeros((3, 16), np.int64)})
    assert given.shape == (3, 16, len(set(TALE)))
    assert cli("export", run, "q.onnx", "--quantize", "int8", cwd=place).returncode == 2


def test_other_texts(cli: Cli, place: Path) -> None:
    run = str(next(place.glob("runs/lm-*")))
    (place / "new.txt").write_text("on the mat the cat sat.\n" * 40)
    done = cli("eval", run, "--data", 'text("new.txt", length=16)', cwd=place)
    assert done.returncode == 0, done.stderr
    (place / "new.txt").write_text("on the mat the dog sat.\n" * 40)
    done = cli("eval", run, "--data", 'text("new.txt", length=16)', cwd=place)
    assert done.returncode == 2
    assert "are not those that the net knows" in done.stderr
    (place / "new.txt").write_text("on the mat the zebra dozed.\n" * 40)  # more of them
    done = cli("eval", run, "--data", 'text("new.txt", length=16)', cwd=place)
    assert done.returncode == 2
    assert "are not those that the net knows" in done.stderr


def test_a_text_of_the_same_size_and_time_of_change_is_read_again(tale: Path) -> None:
    first, about = load(Text(str(tale), 16)).train, tale.stat()
    tale.write_text(TALE.replace("cat", "tac"))
    os.utime(tale, ns=(about.st_atime_ns, about.st_mtime_ns))
    second = load(Text(str(tale), 16)).train
    assert isinstance(first, Arrays)
    assert isinstance(second, Arrays)
    assert (first.images != second.images).any()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_net_that_gives_no_numbers_continues_nothing(temperature: float) -> None:
    model = nn.Sequential(nn.Embedding(3, 8), nn.Linear(8, 3))
    net: Any = SimpleNamespace(model=model, device=torch.device("cpu"), input=(4,), class_names=("a", "b", "c"))
    assert len(list(continued(net, "ab", 3, temperature))) == 3
    assert list(continued(net, "ab", 3, 1e-320)) == list(continued(net, "ab", 3, 0.0))
    with pytest.raises(ArchError, match="the temperature is not a number"):
        list(continued(net, "ab", 3, math.nan))
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(ArchError, match="the output of the net is not finite"):
        list(continued(net, "ab", 3, temperature))


def test_a_prompt_is_read_as_the_text_was_and_printed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tabs.txt").write_text("if a:\n\tb\n" * 60)
    text = f'{GRU}\ndata text("tabs.txt", length=16)\ntrain epochs(1)\n'
    assert main(["train", text, "-q", "--precision", "plain"]) == 0
    (folder,) = Path("runs").glob("net-*")
    capfd.readouterr()
    Path("begin.txt").write_bytes(b"\xef\xbb\xbfif a:\r\n\tb")
    assert main(["predict", str(folder), "begin.txt", "--length", "1"]) == 0
    assert capfd.readouterr().out.startswith("if a:\n\tb")
