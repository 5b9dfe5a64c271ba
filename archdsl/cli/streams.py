"""The standard streams of a command: what standard error does not take is dropped, since it is talk and not the work."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from types import TracebackType


class Lenient:
    """A stream to which a write never fails: its reader may have gone, its disk may be full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._lost(error)
            return len(text)

    def flush(self) -> None:
        """Write what is held back, as far as it can be written."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lost(error)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def _lost(self, error: Exception) -> None:
        if isinstance(
            error, BrokenPipeError
        ):  # nobody will ever read it; what libraries write to the number goes nowhere, too
            nowhere(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def nowhere(stream: Any) -> None:
    """Let a stream's file number lead to the null device: without this the interpreter complains, with an exit code of its
    own, about what is left in the buffer at its end.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def settle() -> None:
    """Before the end of the process: what standard error still holds is written or dropped."""
    stream = sys.__stderr__
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        nowhere(stream)


def guard() -> None:
    """Let standard error fail without harm, and show warnings and tracebacks without control characters in them."""
    if sys.stderr is not None:
        sys.stderr = cast(TextIO, Lenient(sys.stderr))
    warnings.showwarning = _warn
    sys.excepthook = _trace


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    from archdsl.cli.output import tell

    text = warnings.formatwarning(message, category, filename, lineno, line)
    tell(file or sys.stderr, text, end="")


def _trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from archdsl.cli.output import say

    say("".join(traceback.format_exception(kind, error, trace)), end="", lines=True)
