"""What options of a command state of a study: one of several words, and its seeds."""

from __future__ import annotations

from typing import Any

from archdsl.errors import ArchError, suggest
from archdsl.study.amounts import MAX_SEEDS
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.reader import AUTO, MOST_SEEDS, UNTIL

Seeds = int | str | tuple[int, ...]


def known(option: str, value: str | None, words: tuple[str, ...]) -> str | None:
    """The value of an option that is one of several words.

    Raises:
        ArchError: it is none of them.
    """
    if value is not None and value not in words:
        raise ArchError(f"`{option} {value}`: one of {', '.join(words)}", help=suggest(value, words))
    return value


def seeds_of(study: StudyFile, given: Seeds | None, until: str | None, most: int | None) -> dict[str, Any]:
    """The seeds and the kind of design that ``--seeds``, ``--until`` and ``--max-seeds`` ask for.

    Raises:
        ArchError: they contradict each other, or the study.
    """
    until = known("--until", until, (UNTIL,))
    listed = given if isinstance(given, tuple) else None
    text = None if given is None else str(len(listed) if listed else given)
    if text not in (None, AUTO) and not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_SEEDS):
        raise ArchError(f"`--seeds {text}`: a number from 1 to {MOST_SEEDS:,}, or auto", help="for example --seeds 5")
    stated = text not in (None, AUTO)
    sequential = until is not None or text == AUTO or (study.sequential and not stated)
    if most is not None and not sequential:
        raise ArchError(
            "--max-seeds is of sequential designs, and the study states its number of seeds",
            help="add --until decided, or take --seeds N",
        )
    if stated:
        seeds = listed or tuple(range(int(text or 0)))
    elif text == AUTO and not study.sequential:
        seeds = tuple(range(MAX_SEEDS))
    else:
        seeds = study.seeds
    return {
        "seeds": seeds if most is None else _most(seeds, most),
        "sequential": sequential,
        "seeds_stated": stated or (study.seeds_stated and text is None),
    }


def _most(seeds: tuple[int, ...], most: int) -> tuple[int, ...]:
    """So many seeds at most: the first numbers, or the first ones of a list of others."""
    if seeds == tuple(range(len(seeds))):
        return tuple(range(most))
    if most > len(seeds):
        raise ArchError(
            f"--max-seeds {most}, and the study has a list of {len(seeds)} seeds", help="add seeds to the list `seeds:`"
        )
    return seeds[:most]
