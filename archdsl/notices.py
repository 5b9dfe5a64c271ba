"""What a person should know and no result depends on, such as a cache that is not used: said once a process.

The core does not print. A training run passes notices on in its first event; the command line says the others at its end.
"""

from __future__ import annotations

_said: set[str] = set()
_waiting: list[str] = []


def notice(text: str) -> None:
    """Keep a text until somebody says it; a text that was kept before is not kept again."""
    if text not in _said:
        _said.add(text)
        _waiting.append(text)


def taken() -> tuple[str, ...]:
    """The texts that nobody has said yet; whoever asks says them."""
    found = tuple(_waiting)
    _waiting.clear()
    return found
