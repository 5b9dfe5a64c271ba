"""Which channels `cin` means: those that arrive at the let around it, or else at the word in whose arguments it stands."""

from __future__ import annotations

import pytest

from archdsl.api import load

LETS = (
    "let fire(s, e) = conv(s, 1) relu cat(conv(e, 1) relu | conv(e, 3) relu)\n"
    "let later(n, g=id) = conv(16) relu g conv(n)\n"
    "let own(c, n=4) = conv(16) relu conv(n) conv(c)\n"
    "let inner(n) = conv(6) later(n) later(cin)\n"
    "let half(n) = n//2\n"
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("conv(64) fire(cin//4, cin)", "conv(64) fire(16, 64)"),
        ("conv(4) later(cin*2)", "conv(4) later(8)"),
        ("conv(4) later(n=cin*2, g=conv(cin*3))", "conv(4) later(8, conv(48))"),  # this one is in an argument of `conv`
        ("conv(4) later(half(cin))", "conv(4) later(2)"),
        ("conv(4) conv(5) conv(half(cin*4))", "conv(4) conv(5) conv(10)"),
        ("conv(4) later(8, later(cin))", "conv(4) later(8, later(16))"),
        ("conv(4) inner(cin)", "conv(4) conv(6) later(4) later(4)"),
        ("conv(4) own[8, 12](cin*2)", "conv(4) own[8(8), 12(16)]"),
        ("conv(4) own[8, 12(n=cin*2)]", "conv(4) own[8, 12(16)]"),
        ("conv(4) (later(cin))*2", "conv(4) later(4) later(4)"),
        ("conv(64) inception(64, 96, cin, 16, 32, 32)", "conv(64) inception(64, 96, 64, 16, 32, 32)"),
        ("conv(64) se(squeeze=cin//4)", "conv(64) se(4)"),
        ("conv(4) conv(cin*2)", "conv(4) conv(8)"),
        ("conv(16) mobilenetv3[16x2(exp=cin), 24(exp=cin)]", "conv(16) mobilenetv3[16x2, 24]"),
        ("conv(64) mobilenetv3[16(exp=cin*4, se), 24(exp=cin*2)]", "conv(64) mobilenetv3[16(exp=256, se), 24(exp=32)]"),
    ],
)
def test_channels_arrive_at_the_word_that_has_the_argument(text: str, written: str) -> None:
    one, other = (load(f"{LETS}input 3x8x8\nclasses 10\nnet {t} gap linear(10)") for t in (text, written))
    assert one.hash == other.hash


@pytest.mark.parametrize("text", ["let g = later(cin*2)\n", "let g(n=4) = later(cin*2)\n"])
def test_a_let_around_it_goes_before(text: str) -> None:
    found = load(f"{LETS}{text}input 3x8x8\nclasses 10\nnet conv(4) g gap linear(10)")
    assert found.hash == load(f"{LETS}input 3x8x8\nclasses 10\nnet conv(4) later(8) gap linear(10)").hash
