"""Every limit at its bound and one above, and every kind of bad input, each with its place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from archdsl.api import load
from archdsl.errors import ArchError, Diagnostic, SpecError
from archdsl.limits import Limits
from archdsl.syntax.parse import parse
from archdsl.syntax.read import decode, read_text

HEAD = "input 3x32x32\nclasses 10\n"


def refused(text: str) -> Diagnostic:
    with pytest.raises(SpecError) as error:
        load(HEAD + text)
    return error.value.diagnostics[0]


def place(d: Diagnostic) -> str:
    assert d.span is not None
    return d.span.text


@pytest.mark.parametrize(
    ("within", "above", "code"),
    [
        ("(" * 64 + "relu" + ")" * 64, "(" * 65 + "relu" + ")" * 65, "A402"),
        ("conv(" + "+".join(["1"] * 65) + ")", "conv(" + "+".join(["1"] * 66) + ")", "A402"),
        ("(relu)*1000", "(relu)*1001", "A403"),
        ("plain[1x1000]", "plain[1x1001]", "A403"),
        ("(relu)*1000 " * 9 + "(relu)*998", "(relu)*1000 " * 10 + "relu", "A404"),
        ("conv(1, 1, p=999999999)"[:0] + "drop(0.5)", "conv(1000000000)", "A406"),
        ("conv(500000000 + 499999999 - 999999998)", "conv(999999999 + 1)", "A406"),
        ("conv(1000000, 1) conv(1000000, 1) conv(1, 1)", "conv(2000000, 1) conv(2000000, 1)", "A407"),
    ],
)
def test_limits(within: str, above: str, code: str) -> None:
    load(HEAD + within)
    assert refused(above).code == code


def test_limit_of_the_source() -> None:
    text = "relu # "
    assert len(parse(text + "x" * (Limits.SOURCE - len(text))).items) == 1
    with pytest.raises(SpecError, match="A401"):
        parse(text + "x" * (Limits.SOURCE - len(text) + 1))
    with pytest.raises(SpecError, match="A401"):
        parse("# " + "é" * (Limits.SOURCE // 2))


def lets(depth: int) -> str:
    chain = "".join(f"let a{n} = a{n - 1}\n" for n in range(1, depth))
    return f"let a0 = relu\n{chain}net a{depth - 1}"


def test_limit_of_lets() -> None:
    load(HEAD + lets(32))
    assert refused(lets(33)).code == "A405"


def test_lets_that_double_forty_times_end_early() -> None:
    doubling = "let a0 = relu\n" + "".join(f"let a{n} = a{n - 1} a{n - 1}\n" for n in range(1, 31)) + "net a30"
    assert refused(doubling).code == "A404"


def test_lets_and_brackets_together_end_in_an_error() -> None:
    chain = "".join(f"let a{n} = {'(' * 60}a{n - 1}{')' * 60}\n" for n in range(1, 31))
    with suppress(SpecError):  # whether it is too deep depends on how deep the stack was before
        load(f"{HEAD}let a0 = relu\n{chain}net a30")


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("conv(8)*1e9", "A208", "1e9"),
        ("vgg[64x999999999]", "A403", "999999999"),
        ("(conv(8))*0", "A403", "0"),
        ("(conv(8))*(-1)", "A403", "(-1)"),
        ("conv(" + "9" * 5000 + ")", "A406", "9" * 5000),
        ("drop(1e999)", "A208", "1e999"),
        ("drop(nan)", "A208", "nan"),
        ("drop(inf)", "A208", "inf"),
        ("drop(-0.1)", "A209", "-0.1"),
        ("drop(1.0)", "A209", "1.0"),
        ("conv(8, flagg)", "A208", "flagg"),
        ("vgg[8x1] +bn +bn", "A211", "+bn"),
        ("vgg[8x1] +bn -bn", "A211", "-bn"),
        ("conv(8, groups=3)", "A303", "conv(8, groups=3)"),
        ("add(conv(8) | conv(9))", "A304", "add(conv(8) | conv(9))"),
        ("maxpool(2) maxpool(2) maxpool(2) maxpool(2) maxpool(2) maxpool(2)", "A302", "maxpool(2)"),
        ("$(x)", "A102", "$"),
        ("conv(8) ;rm", "A102", ";"),
        ("__import__", "A201", "__import__"),
        ('__import__("os")', "A201", '__import__("os")'),
        ("../../x", "A101", ".."),
        ("conv(\u0663)", "A102", "\u0663"),
        ("\uff43onv(8)", "A102", "\uff43"),
        ("conv(8) relu\x00", "A104", "\x00"),
        ("conv(8) \ud800", "A104", "\ud800"),
        ('conv("8', "A102", '"'),
        ("(" * 100_00, "A402", "("),
        ("conv(8) ]", "A101", "]"),
    ],
)
def test_bad_inputs_have_a_place(text: str, code: str, where: str) -> None:
    found = refused(text)
    assert found.code == code
    assert place(found) == where


def test_negative_zero_is_zero() -> None:
    assert load(HEAD + "conv(8) drop(-0.0)").hash == load(HEAD + "conv(8) drop(0)").hash


@pytest.mark.parametrize("text", ["", "  \n\t\n", "# a comment\n", "\ufeff"])
def test_nothing_is_no_network(text: str) -> None:
    with pytest.raises(SpecError, match=r"A10[26]"):
        load(text)


def test_line_ends_and_byte_order_marks_do_not_matter(tmp_path: Path) -> None:
    text = "let c = 8\nnet conv(c) \\\n  relu cat(\nid | id)\n"
    for data in (text.encode(), text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + text.encode()):
        path = tmp_path / "a.arch"
        path.write_bytes(data)
        assert parse(read_text(path)) == parse(text)


@pytest.mark.parametrize("data", [b"conv(8) \xff", b"\xff\xfec\0o\0", "conv(8)".encode("utf-16"), b"caf\xe9"])
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(SpecError, match="A104"):
        decode(data, "x.arch")


def test_a_file_of_ten_megabytes_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "big.arch"
    path.write_bytes(b"relu " * 2_000_000)
    with pytest.raises(SpecError, match="A401"):
        load(path)


def test_a_hundred_thousand_open_brackets() -> None:
    with pytest.raises(SpecError, match="A40"):
        parse("(" * 60_000)
    with pytest.raises(SpecError, match="A401"):
        parse("(" * 100_000)


def test_includes_stay_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    (tmp_path / "outside.arch").write_text("let a = relu")
    (project / "self.arch").write_text('include "self.arch"\nnet conv(8)')
    (project / "ring.arch").write_text('include "ring2.arch"\nnet conv(8)')
    (project / "ring2.arch").write_text('include "ring.arch"\n')
    for text, code in (
        ('include "../outside.arch"\nnet a', "A108"),
        ('include "none.arch"\nnet a', "A107"),
        (f'include "{tmp_path}/outside.arch"\nnet a', "A108"),
    ):
        with pytest.raises(SpecError, match=code):
            load(text)
    for name in ("self.arch", "ring.arch"):
        with pytest.raises(SpecError, match="A109"):
            load(name)


def test_includes_are_beside_a_spec_without_a_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "net").write_text(f'{HEAD}include "lib.arch"\nnet f gap linear(10)')
    (tmp_path / "below" / "lib.arch").write_text("let f = conv(8)")
    (tmp_path / "lib.arch").write_text("let f = conv(16)")
    assert load("below/net").cost.params == 3 * 8 * 9 + 8 + 8 * 10 + 10


def test_two_includes_may_include_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "base.arch").write_text("let f = conv(8)\nlet g = conv(4)")
    (tmp_path / "one.arch").write_text('include "base.arch"\nlet a = f relu')
    (tmp_path / "below" / "two.arch").write_text('include "../base.arch"\nlet b = g relu')
    text = HEAD + 'include "one.arch"\ninclude "below/two.arch"\nnet a b gap linear(10)'
    assert load(text).trace.rows[0].layer.out[0] == 8
    (tmp_path / "below" / "two.arch").write_text("let f = conv(8)\nlet b = f relu")
    with pytest.raises(SpecError, match="A212"):  # another one of the same name
        load(text)


def test_limits_can_be_raised(cli: object) -> None:
    text = "(relu)*1001"
    assert cli("params", text, "--format", "json").returncode == 2  # type: ignore[operator]
    done = cli("params", text, "--format", "json", env={"ARCHDSL_MAX_REPEAT": "1001"})  # type: ignore[operator]
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("limit", ["many", "0", "9" * 13])
def test_a_limit_that_is_no_number(cli: object, limit: str) -> None:
    done = cli("params", "relu", env={"ARCHDSL_MAX_REPEAT": limit})  # type: ignore[operator]
    assert done.returncode == 2
    assert "is not a positive whole number of at most 12 digits" in done.stderr
    assert "unset it for the default, 1,000" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_such_file_says_what_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resnet.arch").write_text("conv(8)")
    with pytest.raises(ArchError, match=r"resnet\.arch"):
        load("resnt.arch")
