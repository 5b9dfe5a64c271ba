"""Words on trial: each law of their kind is tried on each of their examples."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archdsl.laws import (  # whose laws are added as they are imported
    evaluation,
    figures,
    files,
    images,
    learning,
    mixing,
    network,
    proxies,
    steps,
    texts,
    training,
)
from archdsl.laws.law import LAWS, Broken, Law, NotTried
from archdsl.registry import Entry

__all__ = ["LAWS_IN", "Trial", "laws_of", "tried"]

LAWS_IN = (evaluation, figures, files, images, learning, mixing, network, proxies, steps, texts, training)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a law for a word: ``broken`` and ``not_tried`` have examples and reasons; where neither is, the law holds."""

    entry: Entry
    law: Law
    held: int
    broken: tuple[tuple[str, str], ...] = ()
    not_tried: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> str:
        """In a word."""
        return "broken" if self.broken else "holds" if self.held else "not tried"


def laws_of(entry: Entry) -> list[Law]:
    """The laws of its kind."""
    return [law for law in LAWS if entry.kind in law.kinds and law.of(entry)]


def tried(entries: Iterable[Entry], brief: bool = False) -> Iterator[Trial]:
    """What comes of each law for each word, one after the other.

    Args:
        brief: costly laws are tried on the first example of each word alone.
    """
    for entry in entries:
        for law in laws_of(entry):
            yield _trial(entry, law, entry.examples[:1] if brief and law.costly else entry.examples)


def _trial(entry: Entry, law: Law, examples: Sequence[str]) -> Trial:
    held, broken, not_tried = 0, list[tuple[str, str]](), list[tuple[str, str]]()
    for example in examples:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch, about what it is used for
                law.check(example)
            held += 1
        except NotTried as reason:
            not_tried.append((example, str(reason)))
        except Broken as error:
            broken.append((example, str(error)))
        except Exception as error:  # somebody else's code
            broken.append((example, f"{type(error).__name__}: {error}"))
    return Trial(entry, law, held, tuple(broken), tuple(not_tried))
