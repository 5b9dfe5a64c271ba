"""What a text may ask for: every bound in one place, checked before anything is allocated.

Each can be raised by an environment variable, ``ARCHDSL_MAX_LAYERS=50000`` and so on.
"""

from __future__ import annotations

import os

from archdsl.errors import ArchError


def _limit(name: str, default: int) -> int:
    text = os.environ.get(f"ARCHDSL_MAX_{name}", "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text)):
        raise ArchError(
            f"ARCHDSL_MAX_{name}={text!r} is not a positive whole number of at most 12 digits",
            help=f"unset it for the default, {default:,}",
        )
    return int(text)


class Limits:
    """The bounds of reliability: read from the environment when the process starts."""

    SOURCE = _limit("SOURCE", 64 * 1024)  # bytes of one text
    NESTING = _limit("NESTING", 64)  # brackets, or operators in one chain
    REPEAT = _limit("REPEAT", 1000)  # one repetition, or the depth of one stage
    LAYERS = _limit("LAYERS", 10_000)  # layers after expansion
    MACROS = _limit("MACROS", 32)  # lets inside lets, includes inside includes
    DIGITS = _limit("DIGITS", 9)  # digits of an integer
    VALUES = _limit("VALUES", 1 << 40)  # elements of one value or weight
    ARMS = _limit("ARMS", 1_000_000)  # arms of a space
    LISTED = _limit("LISTED", 200_000)  # arms of a space that `params` counts and lists: some 20 s and 300 MB
    FACTORS = _limit("FACTORS", 128)  # factors of a study
    LEVELS = _limit("LEVELS", 1_000)  # levels of a factor
    STUDY = _limit("STUDY", 4_096)  # arms of a study, each of which is checked, counted and trained
    RUNS = _limit("RUNS", 100_000)  # arms times seeds of a study
    PIXELS = _limit("PIXELS", 90_000_000)  # of one picture; a telephone makes 50 million, four bytes each in memory
