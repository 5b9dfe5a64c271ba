"""What a law is, and the list of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archdsl.registry import Entry

Check = Callable[[str], None]  # of an example; it returns where the law holds

NET = ("op", "block", "late", "join", "family", "modifier")  # kinds of words whose example is a network


class Broken(AssertionError):
    """An example breaks a law; the message says how."""


class NotTried(Exception):
    """An example needs what a law has not: labels of another net, weights of a file, another task."""


@dataclass(frozen=True, slots=True)
class Law:
    """A law of words of some kinds, and of those of them that are ``of`` its concern; ``name`` heads its column, which laws of
    several kinds may share; ``help`` says what holds; ``costly`` where an example takes seconds.
    """

    name: str
    kinds: tuple[str, ...]
    check: Check
    help: str
    of: Callable[[Entry], bool]
    costly: bool = False


LAWS: list[Law] = []


def law(
    name: str, *kinds: str, of: Callable[[Entry], bool] = lambda entry: True, costly: bool = False
) -> Callable[[Check], Check]:
    """Add a law of words of these kinds: a function of an example, whose docstring is the law."""

    def register(check: Check) -> Check:
        LAWS.append(Law(name, kinds, check, (check.__doc__ or "").strip().split("\n")[0], of, costly))
        return check

    return register


def makes(*kinds: type) -> Callable[[Entry], bool]:
    """Whether a word is a class of one of these kinds: what a law is ``of``."""
    return lambda entry: isinstance(entry.make, type) and issubclass(entry.make, kinds)


def expect(holds: bool, message: str) -> None:
    """Say how a law is broken, where it is.

    Raises:
        Broken: it is.
    """
    if not holds:
        raise Broken(message)


def equal(what: str, found: object, wanted: object) -> None:
    """Say in what two values differ, where they do.

    Raises:
        Broken: they are not equal.
    """
    expect(found == wanted, f"{what}: {_short(found)}, and not {_short(wanted)}")


def _short(value: object, most: int = 300) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
