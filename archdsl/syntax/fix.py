"""Safe remedies applied to a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Edit = tuple[int, int, str]  # what stands at [start, end) becomes this


def mended(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits applied; of two that overlap, the first."""
    reached = len(text) + 1
    for start, end, new in sorted(edits, reverse=True):
        if end <= reached:
            text, reached = text[:start] + new + text[end:], start
    return text


def whole_line(text: str, edit: Edit) -> Edit:
    """Taking something out takes its lines too, if nothing else stands there, and a comment behind it."""
    start, end, new = edit
    left, right = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    stop = len(text) if right < 0 else right
    rest = text[end:stop].strip()
    if new or text[left:start].strip() or (rest and not rest.startswith("#")):
        return edit
    return left, stop + (right >= 0), ""
