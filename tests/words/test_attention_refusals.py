"""What the forms of attention refuse, and with which remedy."""

from __future__ import annotations

import pytest

from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.syntax.parse import parse

BAD = [
    ("gap attention(4)", "A301", "takes tokens or an image"),
    ("patch(4, 24) attention(5)", "A303", "5 heads do not divide a width of 24"),
    ("patch(4, 24) tokens attention(2, window=4)", "A301", "takes an image"),
    ("patch(4, 24) tokens attention(2, reduce=2)", "A301", "takes an image"),
    ("patch(4, 24) attention(2, window=4, grid=4)", "A302", "exclude each other"),
    ("patch(4, 24) attention(2, causal)", "A301", "needs an order"),
    ("patch(4, 24) attention(2, shift=2)", "A302", "moves windows"),
    ("patch(4, 24) attention(2, window=9)", "A302", "does not fit an image of 8x8"),
    ("patch(4, 24) attention(2, window=4, shift=4)", "A303", "are not moved"),
    ("patch(4, 24) attention(2, window=8, shift=4)", "A302", "no effect"),
    ("patch(4, 24) attention(2, grid=3)", "A303", "does not divide"),
    ("patch(4, 24) attention(4, kv=3)", "A303", "do not divide 4 heads"),
    ("patch(4, 24) attention(4, rotary)", "A303", "a head has 6"),
    ("patch(4, 24) attention(4, reduce=2, talk)", "A302", "does not support `talk`"),
    ("patch(4, 24) attention(4, reduce=9)", "A302", "leaves nothing"),
    ("patch(4, 24) attention(4, reduce=2, pool=2)", "A302", "exclude each other"),
    ("patch(4, 24) xca(4)", "A301", "takes tokens"),
    ("patch(4, 24) tokens xca(5)", "A303", "do not divide"),
    ("patch(4, 24) classattention(4)", "A301", "takes tokens"),
    ("patch(4, 24) tokens classattention(5)", "A303", "do not divide"),
    ("patch(4, 24) tokens take(3, 3)", "A303", "no tokens from 3"),
    ("patch(4, 25) tokens pos(sincos)", "A303", "does not divide 25"),
    ("patch(4, 26) pos(sincos)", "A303", "does not divide 26"),
]


@pytest.mark.parametrize(("text", "code", "message"), BAD)
def test_what_does_not_fit_is_refused_with_a_remedy(text: str, code: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        complete(expand(parse(text)), (3, 32, 32), 10)
    [found] = error.value.diagnostics
    assert found.code == code
    assert message in found.message
    assert found.help
