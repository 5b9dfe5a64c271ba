"""Other tools' names lead to ours, in `words` and in messages."""

from __future__ import annotations

import pytest

from archdsl.api import load
from archdsl.cli.main import main
from archdsl.errors import SpecError
from archdsl.registry import entries, find
from archdsl.registry.synonyms import WORDS, synonym

NAMES = [
    ("ReLU", "relu"),
    ("nn.ReLU", "relu"),
    ("torch.nn.Linear", "linear"),
    ("Dense", "linear"),
    ("Conv2D", "conv"),
    ("keras.layers.Conv2D", "conv"),
    ("BatchNormalization", "bn"),
    ("BatchNorm2d", "bn"),
    ("BN", "bn"),
    ("LayerNormalization", "ln"),
    ("GlobalAveragePooling2D", "gap"),
    ("MaxPooling2D", "maxpool"),
    ("MaxPool2d", "maxpool"),
    ("ConvTranspose2d", "upconv"),
    ("Conv2DTranspose", "upconv"),
    ("AdaptiveAvgPool2d", "resize"),
    ("LeakyReLU", "leaky"),
    ("SpatialDropout2D", "spatial"),
    ("Flatten", "flatten"),
    ("nn.MultiheadAttention", "attention"),
    ("WindowAttention", "attention"),
    ("XCiT", "xca"),
    ("GELU", "gelu"),
    ("AdamW", "adamw"),
    ("SGD", "sgd"),
    ("Concatenate", "cat"),
    ("Multiply", "mul"),
    ("SeparableConv2D", "sepconv"),
    ("Embedding", "embed"),
    ("nn.GRU", "gru"),
    ("LSTM", "lstm"),
    ("LSTMCell", "lstm"),
    ("RNN", "rnn"),
    ("SimpleRNN", "rnn"),
    ("Conv1d", "conv1"),
    ("layers.Conv1D", "conv1"),
    ("MaxPooling1D", "maxpool1"),
    ("AvgPool1d", "avgpool1"),
    ("GlobalMaxPooling1D", "gmp"),
]


@pytest.mark.parametrize(("theirs", "ours"), NAMES)
def test_words_shows_ours(theirs: str, ours: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", theirs]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"`{theirs}` is called `{ours}` here.\n")
    assert f"\n{ours}" in shown


@pytest.mark.parametrize(("theirs", "ours"), [n for n in NAMES if "." not in n[0] and find("net", n[1])])
def test_a_message_names_ours(theirs: str, ours: str) -> None:
    with pytest.raises(SpecError) as error:
        load(f"conv(8) {theirs}")
    assert error.value.diagnostics[0].help == f"here it is called `{ours}`"


@pytest.mark.parametrize("name", ["Conv3d", "ConvLSTM2D", "alibi", "GCNConv", "Sequential"])
def test_what_the_language_lacks_is_said(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", name]) == 2
    said = capsys.readouterr().err
    assert "the language has no" in said
    assert "did you mean" not in said


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("window", "attention(window=…)"),
        ("relpos", "attention(relpos)"),
        ("rotary", "attention(rotary=…)"),
        ("Bidirectional", "gru(both)"),
    ],
)
def test_what_is_an_argument_here_is_said(name: str, call: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", name]) == 0
    assert capsys.readouterr().out.startswith(f"`{name}` is an argument here: `{call}`.\n")
    with pytest.raises(SpecError) as error:
        load(f"conv(8) {name}(3)")
    assert error.value.diagnostics[0].help == f"here it is an argument: `{call}`"


def test_each_name_leads_to_a_word() -> None:
    known = {e.name for e in entries()}
    assert {theirs: ours for theirs, ours in WORDS.items() if ours not in known and ours != "shortcut"} == {}
    assert synonym("conv", known) == ""


def test_two_names_of_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    other = find("net", "multiply")
    assert other is not None
    assert other.alias == "times"
    assert main(["words", "layers"]) == 0
    assert "multiply" not in capsys.readouterr().out
    assert main(["words", "times"]) == 0
    assert "Other names: multiply" in capsys.readouterr().out
    assert load("conv(8) gap linear(10) multiply(0.5)").cost == load("conv(8) gap linear(10) times(0.5)").cost
