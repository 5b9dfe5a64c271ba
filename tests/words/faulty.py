"""Words of tests that break a law, registered while the tests of their file run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.train.laws import no_word_stays

Decorate = Callable[[Any], Any]


class Faulty:
    """Keeps the words of a file; ``words`` is the fixture that registers them."""

    def __init__(self) -> None:
        self.made: list[tuple[Decorate, Any]] = []

    def __call__(self, decorate: Decorate) -> Decorate:
        """A decorator that keeps the word for later."""

        def keep(made: Any) -> Any:
            self.made.append((decorate, made))
            return made

        return keep

    @property
    def words(self) -> Any:
        """A fixture for all tests of the file."""

        @pytest.fixture(autouse=True)
        def words() -> Iterator[None]:
            with no_word_stays():
                for decorate, made in self.made:
                    decorate(made)
                yield

        return words
