"""Words that are made at run time, for the tests of laws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archdsl.registry import lookup


@contextmanager
def no_word_stays() -> Iterator[None]:
    """The table of words as it was, once the block is left."""
    before = dict(lookup._TABLE)
    try:
        yield
    finally:
        lookup._TABLE.clear()
        lookup._TABLE.update(before)
