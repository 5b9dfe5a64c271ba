"""One server for all tests of the folder: starting it takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lsp.editor import Editor


@pytest.fixture(scope="package")
def editor() -> Iterator[Editor]:
    one = Editor()
    yield one
    assert (one.quit(), one.errors) == (0, "")
