"""An open text, and everything that is worked out of it: at most once a version, and only what changed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from archdsl.errors import Diagnostic, SpecError
from archdsl.expand.inspect import Inspection, inspect
from archdsl.expand.memo import Memo
from archdsl.lsp.names import Name, names_of
from archdsl.lsp.places import Places
from archdsl.lsp.shapes import Shapes
from archdsl.settings.checks import setting_diagnostics
from archdsl.syntax import ast
from archdsl.syntax.parts import Part, Reader, Reading, Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.errors import Span
    from archdsl.expand.graph import Graph
    from archdsl.ir.trace import Trace

T = TypeVar("T")


def _settings(graph: Graph, trace: Trace, classes: int) -> tuple[Diagnostic, ...]:
    """What training would refuse, and words without effect. The weights of ``init`` are not looked for: that reads files."""
    return setting_diagnostics(graph.data, graph.train, trace, classes)


class PerUnit(Generic[T]):
    """A fact of each part of a text, worked out once a part."""

    def __init__(self, make: Callable[[Unit, str], T]) -> None:
        self.make = make
        self.known: dict[tuple[int, str], tuple[Unit, T]] = {}

    def __call__(self, reading: Reading) -> list[tuple[Unit, T]]:
        fresh = {}
        for unit, kind in zip(reading.units, reading.kinds, strict=True):
            key = id(unit), kind
            fresh[key] = self.known.get(key) or (unit, self.make(unit, kind))
        self.known = fresh
        return [fresh[id(u), k] for u, k in zip(reading.units, reading.kinds, strict=True)]


class Version:
    """One version of a text. What is asked for is worked out then, and kept."""

    def __init__(self, document: Document, text: str, number: int | None) -> None:
        self.document, self.text, self.number = document, text, number

    @cached_property
    def places(self) -> Places:
        return Places(self.text, self.document.encoding)

    @cached_property
    def _read(self) -> tuple[Reading | None, tuple[Diagnostic, ...]]:
        try:
            reading = self.document.reader.read(self.text)
        except SpecError as error:
            return None, error.diagnostics
        return reading, reading.errors

    @property
    def reading(self) -> Reading | None:
        """The parts of the text; None where it is not a text that anything should be told of."""
        return self._read[0]

    @cached_property
    def inspection(self) -> Inspection | None:
        reading = self.reading
        return None if reading is None else inspect(reading.file, self.document.memo, _settings)

    @cached_property
    def findings(self) -> tuple[Diagnostic, ...]:
        """What `check` would say: what does not parse, else what does not make sense, else notes."""
        refused = self._read[1]
        if refused:
            return refused
        inspection = self.inspection
        return inspection.findings if inspection else ()

    @cached_property
    def shapes(self) -> Shapes:
        """What is known of shapes. Where the text is broken, what the last whole version knew of the same lines goes
        before what can be told of the rest."""
        inspection, document = self.inspection, self.document
        fresh = Shapes(inspection.visits if inspection else [])
        broken = any(d.severity == "error" and d.code[:2] != "A3" for d in self.findings)
        if not broken:
            document.whole = fresh
            return fresh
        return Shapes([], (document.whole, fresh))

    @cached_property
    def names(self) -> list[tuple[Unit, tuple[Name, ...]]]:
        """The names in each part."""
        return self.document.units(self.reading) if self.reading else []

    @cached_property
    def lets(self) -> dict[str, ast.Let]:
        """The lets that can be used: those of the text and of its includes."""
        found: dict[str, ast.Let] = {}
        for item in self.reading.file.items if self.reading else ():
            if isinstance(item, ast.Let):
                found[item.name] = item
            elif isinstance(item, ast.Include):
                try:
                    found |= {let.name: let for let in self.document.memo.include(item)}
                except SpecError:
                    continue
        document = self.document
        if not self._read[1]:
            document.lets = found
            return found
        for unit in self.reading.units if self.reading else ():  # one that is being written is as it was before
            if (
                unit.error
                and len(unit.tokens) > 1
                and unit.tokens[0].kind == "LET"
                and unit.tokens[1].text in document.lets
            ):
                found.setdefault(unit.tokens[1].text, document.lets[unit.tokens[1].text])
        return found

    def place(self, span: Span) -> tuple[int, int] | None:
        """A span of this text as offsets; None if it is of another one."""
        source = span.source
        if isinstance(source, Part):
            alive = any(u.part is source for u in (self.reading.units if self.reading else ()))
            return (source.offset + span.start, source.offset + span.end) if alive else None
        return (span.start, span.end) if source.text == self.text else None


class Document:
    """An open text over all its versions.

    Args:
        uri: as the editor names it.
        path: where it is; None if it has not been saved.
        include: finds the lets of what it includes.
    """

    def __init__(
        self, uri: str, path: str | None, encoding: str, include: Callable[[ast.Include], list[ast.Let]]
    ) -> None:
        self.uri, self.encoding = uri, encoding
        self.path = None if path is None else Path(path)
        self.reader = Reader(path or "<unsaved>")
        self.memo = Memo(include)
        self.units: PerUnit[tuple[Name, ...]] = PerUnit(names_of)
        self.whole = Shapes([])
        self.lets: dict[str, ast.Let] = {}
        self.now = Version(self, "", None)

    def update(self, text: str, number: int | None) -> None:
        """The next version of the text, or the same again where something that it includes has changed."""
        self.now = Version(self, text, number)
