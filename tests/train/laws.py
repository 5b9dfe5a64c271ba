"""Words that are made at run time, and laws that need packages which are not always there, for the tests of laws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archdsl.extras import ONNX, installed
from archdsl.laws.law import Law
from archdsl.laws.trial import Trial, laws_of, tried
from archdsl.registry import Entry, find, lookup


@contextmanager
def no_word_stays() -> Iterator[None]:
    """The table of words as it was, once the block is left."""
    before = dict(lookup._TABLE)
    try:
        yield
    finally:
        lookup._TABLE.clear()
        lookup._TABLE.update(before)


def laws_here(entry: Entry) -> list[Law]:
    """The laws of a word that can be tried with the packages that are installed."""
    return [law for law in laws_of(entry) if law.name != "ONNX" or all(map(installed, ONNX))]


def trials(space: str, name: str) -> dict[str, Trial]:
    """What came of each law of a word."""
    entry = find(space, name)
    assert entry is not None
    return {trial.law.name: trial for trial in tried([entry])}
