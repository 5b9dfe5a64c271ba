"""The laws of words that change images, over every word of the registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from archdsl.laws.law import Law, NotTried
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries
from archdsl.words.data.base import Augmentation, Corruption, Mixing

WORDS = [e for e in entries("data") if isinstance(e.make, type) and issubclass(e.make, Augmentation | Corruption)]
CASES = [(e, law, text) for e in WORDS for law in laws_of(e) for text in e.examples]
# Examples that depend on the epoch, and the laws that know none.
UNTRIED = {("cifar10 flip(alternate)", law) for law in ("draws", "parts", "layer")}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("entry", "law", "example"), CASES, ids=lambda value: getattr(value, "name", value))
def test_laws(entry: Entry, law: Law, example: str) -> None:
    if (example, law.name) in UNTRIED:
        with pytest.raises(NotTried):
            law.check(example)
        return
    law.check(example)


def test_each_kind_has_its_laws() -> None:
    for entry in WORDS:
        found = {law.name for law in laws_of(entry)}
        assert ("amounts" in found) is bool(entry.make.amounts)  # type: ignore[attr-defined]
        found.discard("amounts")
        if issubclass(entry.make, Corruption):  # type: ignore[arg-type]
            assert found == {"text", "corruption", "resume", "learns"}
        elif issubclass(entry.make, Mixing):  # type: ignore[arg-type]
            assert found == {"text", "mixture", "static", "resume", "learns"}
        else:
            assert found == {"text", "draws", "parts", "layer", "static", "resume", "learns"}
