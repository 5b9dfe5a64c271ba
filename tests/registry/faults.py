"""What tests of faults of words share."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from archdsl.registry import WordFault


def refuse(module: str, about: str, what: str, act: Callable[[], object], help: str) -> None:
    """A word of a module is refused, with these words and this help."""
    with pytest.raises(WordFault, match=rf"^the {about} of {re.escape(module)} fails in line \d+: {what}") as caught:
        act()
    assert help in caught.value.help
    assert caught.value.help.startswith("repair or uninstall that package"), "the module is none of ours"
    assert caught.value.exit_code == 4
