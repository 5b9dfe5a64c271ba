"""What the canonical layout looks like."""

from __future__ import annotations

import pytest

from archdsl.errors import SpecError
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse


@pytest.mark.parametrize(
    ("text", "laid"),
    [
        ("conv( 64,3 )bn   relu", "conv(64, 3) bn relu"),
        ("conv(64 , k = 3)", "conv(64, k=3)"),
        ("vgg[ 64x2 ,128x2 ]  +res   +bn", "vgg[64x2, 128x2] +res +bn"),
        ("vgg[64x2 ^4, 8x1 *3, 64x2( s =1 )]", "vgg[64x2^4, 8x1*3, 64x2(s=1)]"),
        ("cat(conv(8)|conv(9)|id)", "cat(conv(8) | conv(9) | id)"),
        ("conv(c+8) conv( c  -  8 ) conv(2 * c) conv(c // 2)", "conv(c + 8) conv(c - 8) conv(2*c) conv(c//2)"),
        ("conv(-8) conv(p = -8) conv(p = - c) conv(- c)", "conv(-8) conv(p=-8) conv(p=-c) conv(- c)"),
        ("( conv(8) relu ) * 3", "(conv(8) relu)*3"),
        ("stem:conv(8) as  x   @ x", "stem: conv(8) as x @x"),
        ("conv({ 16 .. 256   log }) {lr :1e-4..1e-1  log}", "conv({16..256 log}) {lr: 1e-4..1e-1 log}"),
        ("{ 1 .. 4 } {64 ,128} {norm : +bn|+ln| } {|a} {}", "{1..4} {64, 128} {norm: +bn | +ln | } { | a} {}"),
        ("let   p=30%", "let p = 30%"),
        ("let f( c ,s=1 )= conv(c,s = s)", "let f(c, s=1) = conv(c, s=s)"),
        ("data   fashion-mini valid( 10% )", "data fashion-mini valid(10%)"),
        ("data {fashion-mini|cifar10}", "data {fashion-mini | cifar10}"),
        ("let d = a-b", "let d = a - b"),
        ("ln(axis=[ 1,2 , 3 ])", "ln(axis=[1, 2, 3])"),
        ('include   "a  b.arch"', 'include "a  b.arch"'),
        ("\ufeffconv(8)\r\n", "conv(8)"),
        ("conv(8)\t\tbn", "conv(8) bn"),
        ("f(a= +bn)", "f(a= +bn)"),
        ("a (b)", "a (b)"),
        ("a [1]", "a [1]"),
        ("\n  +bn  conv(8)", " +bn conv(8)"),
    ],
)
def test_spaces(text: str, laid: str) -> None:
    assert format(text) == laid + "\n"


def test_comments_breaks_and_blank_lines() -> None:
    text = """


#  head
let p=1 # one
let long = 2# two

# alone



net cat( conv(8)  # first
|

 # between
 conv(9)
) \\
   relu   \\
 bn
# end

"""
    assert (
        format(text)
        == """#  head
let p = 1     # one
let long = 2  # two

# alone

net cat(conv(8)  # first
    |

    # between
    conv(9)
)
    relu
    bn
# end
"""
    )


@pytest.mark.parametrize("text", ["", "\n\n", "   \t", "\r\n"])
def test_nothing_stays_nothing(text: str) -> None:
    assert format(text) == ""


def test_a_comment_alone_stays() -> None:
    assert format("  # only\n\n") == "# only\n"


def test_a_text_that_does_not_parse_is_refused() -> None:
    with pytest.raises(SpecError, match="A103"):
        format("conv(8")


def test_unparse_writes_a_line_a_statement() -> None:
    text = "let f(c,\n  s=1) = conv(c)  # x\ninput 3x32x32\nvgg[\n64x2] +bn"
    assert unparse(parse(text)) == "let f(c, s=1) = conv(c)\ninput 3x32x32\nvgg[64x2] +bn\n"
