"""Sources, spans, diagnostics and the errors that carry them.

The core raises; only the command line prints and exits. An exit code belongs to the kind of error:
2 the text or the call is wrong, 4 the environment (disk, device, data), 5 a damaged store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the name by which messages call it (a path, ``<spec>`` or ``<stdin>``)."""

    name: str
    text: str

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        start = self.text.rfind("\n", 0, offset) + 1
        return self.text.count("\n", 0, offset) + 1, offset - start + 1


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch ``[start, end)`` of a source."""

    source: Source
    start: int
    end: int

    def to(self, other: Span) -> Span:
        return Span(self.source, self.start, other.end)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement of a span by a text; ``archdsl check --fix`` applies it."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: a stable code, a message, a place, the trail that led there, and a remedy."""

    code: str
    message: str
    span: Span | None = None
    help: str = ""
    severity: Severity = "error"
    trail: tuple[tuple[str, Span], ...] = ()
    fix: Fix | None = None
    notes: tuple[str, ...] = ()

    def within(self, what: str, span: Span) -> Diagnostic:
        """The same finding seen from one level further out: it takes the place if it has none, else joins the trail."""
        if self.span is None:
            return replace(self, span=span)
        if span == self.span or (self.trail and self.trail[-1][1] == span):
            return self
        return replace(self, trail=(*self.trail, (what, span)))

    def render(self) -> str:
        """The message as text, with the line, a caret under the place, the trail and the remedy."""
        lines = [f"{self.severity}[{self.code}]: {lined(self.message)}"]
        if self.span is not None:
            lines += _excerpt(self.span)
        lines += [f"  {lined(note)}" for note in self.notes]
        lines += [f"  in {what} at {span}" for what, span in self.trail]
        if self.help:
            lines.append(f"help: {lined(self.help)}")
        return "\n".join(lines)


def _excerpt(span: Span, most: int = 110) -> list[str]:
    text = span.source.text
    start = text.rfind("\n", 0, span.start) + 1
    stop = text.find("\n", span.start)
    line = text[start : stop if stop >= 0 else len(text)].rstrip("\r")
    at, length = span.start - start, max(1, min(span.end - start, len(line)) - (span.start - start))
    if len(line) > most:  # a long line is shown around the place, not from its beginning
        cut = max(0, min(at - most // 3, len(line) - most))
        line, at = ("…" if cut else "") + line[cut : cut + most], at - cut + (1 if cut else 0)
        length = max(1, min(length, len(line) - at))
    shown = "".join(c if c.isprintable() else "·" for c in line.replace("\t", " "))
    if not shown.isascii():  # wide characters take two cells
        from archdsl.report.text import width

        before, under = shown[:at], shown[at : at + length]
        at, length = at + width(before) - len(before), max(1, length + width(under) - len(under))
    return [f"  {span}", f"    {shown}", "    " + " " * at + "^" * length]


def lined(message: str) -> str:
    """A message in which a line end is kept where the next line is indented, as in ours, and written as an escape where it
    is that of a name from a file or folder, which must not begin a line of its own.
    """
    return re.sub(r"[\n\r](?!  )", lambda end: {"\n": "\\n", "\r": "\\r"}[end[0]], message)


class ArchError(Exception):
    """Anything that archdsl refuses. ``str()`` is a message for a person; ``exit_code`` is for a shell."""

    exit_code = 2

    def __init__(self, message: str, *, help: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        message = lined(self.message)
        return f"{message}\nhelp: {lined(self.help)}" if self.help else message


class InternalError(Exception):
    """A state that cannot be: a fault of archdsl itself, whatever it was given. A shell sees 1."""


class NoSuchClass(ArchError, AttributeError):
    """A name space of classes has none of that name; `hasattr` asks without a fault."""


class EnvError(ArchError):
    """The environment cannot do it: no such device, no data, no space."""

    exit_code = 4


class StoreError(ArchError):
    """A file of a run is damaged."""

    exit_code = 5


class Refusal(Exception):
    """What a word says of its arguments, or of what arrives; whoever asked it says it with the place in the text."""


# Memory that does not suffice, as torch's allocators (CPU, CUDA, Metal), cuBLAS and cuDNN, onnxruntime, and C++ itself say it.
_MEMORY = ("allocate memory", "out of memory", "not enough memory", "ALLOC_FAILED", "bad_alloc", "bad allocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a library says that memory did not suffice: most say it in words alone."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, Exception) and any(word in str(error) for word in _MEMORY)


@dataclass
class SpecError(ArchError):
    """A text that is wrong, with every independent finding."""

    diagnostics: tuple[Diagnostic, ...] = field(default=())
    exit_code = 2

    def __post_init__(self) -> None:
        Exception.__init__(self, self.diagnostics)
        self.message, self.help = str(self), ""

    def __str__(self) -> str:
        return "\n".join(d.render() for d in self.diagnostics)

    def within(self, what: str, span: Span | None) -> SpecError:
        return self if span is None else SpecError(tuple(d.within(what, span) for d in self.diagnostics))


def fail(code: str, message: str, span: Span | None = None, help: str = "", fix: Fix | None = None) -> SpecError:
    """A SpecError with one finding, ready to be raised."""
    return SpecError((Diagnostic(code, message, span, help, fix=fix),))


def suggest(name: str, known: Iterable[str], sign: str = "") -> str:
    """``did you mean `x`?`` for a name that is nearly one of ``known``, or an empty string."""
    known = sorted(set(known) - {name})
    swapped = [n for n in known if sorted(n) == sorted(name)]  # letters in another order: the likeliest slip
    near = swapped or get_close_matches(name, known, n=2, cutoff=0.6)
    return "did you mean " + " or ".join(f"`{sign}{n}`" for n in near) + "?" if near else ""


def suggested(help: str) -> list[str]:
    """The names that a help of ``suggest``, or one that says how a thing is called here, puts forward."""
    said = re.match(r"did you mean (.*?)\?|here it is called (.*)", help)
    return re.findall(r"`([^`]+)`", said.group()) if said else []
