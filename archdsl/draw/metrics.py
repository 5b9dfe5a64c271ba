"""Widths of text, so that nothing is clipped or overlaps whatever draws it.

Advance widths of Helvetica, Arial and Liberation Sans, which share them, in thousandths of the font's size. Characters
outside the table are taken as wide as they can be. The writers hold every text to its width.
"""

from __future__ import annotations

from unicodedata import east_asian_width

_CHARS = "".join(map(chr, range(32, 127))) + "×·→–…Δ−"
_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667,
    556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556,
    556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722,
    500, 500, 500, 334, 260, 334, 584, 584, 278, 1000, 556, 1000, 668, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722,
    611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556,
    611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778,
    556, 556, 500, 389, 280, 389, 584, 584, 278, 1000, 556, 1000, 719, 584,
)  # fmt: skip
_WIDTHS = dict(zip(_CHARS, _REGULAR, strict=True)), dict(zip(_CHARS, _BOLD, strict=True))
_OTHER, _WIDE = 667, 1000


def width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is at a font size, in the size's unit."""
    table = _WIDTHS[bold]
    total = sum(table[c] if c in table else _WIDE if east_asian_width(c) in "WF" else _OTHER for c in text)
    return round(total * size / 1000, 2)
