"""The server: requests of an editor come in, answers of the other modules go out.

Everything runs on one thread, one request after the other: an analysis of a long text takes less time than handing it to
another thread would cost in thought. Findings are published a moment after the last keystroke. Whatever goes wrong while
answering is written to the log, and the answer is an empty one; what goes wrong while checking is a finding.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from archdsl.errors import ArchError, Diagnostic, Source, SpecError
from archdsl.expand.include import library
from archdsl.files import below
from archdsl.lsp import actions, completion, findings, hints, hover, layout, navigate, outline
from archdsl.lsp.document import Document, Version
from archdsl.study.plan.findings import file_findings
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.read import read_text
from archdsl.version import __version__

LOG = logging.getLogger("archdsl.lsp")
DELAY = 0.005  # seconds of quiet before findings are published: keystrokes that are waiting already come first
PATIENT = 0.1  # texts that take longer than this wait as long as they take
YAML = (".yaml", ".yml")
R = TypeVar("R")
CheckStudy = Callable[[str, Path], Iterable[Diagnostic]]


class Server(LanguageServer):
    """A language server for specs."""

    def __init__(self, check_study: CheckStudy | None = None) -> None:
        # The whole text with each change: a spec has at most 64 KiB, and no two sides can come to differ.
        super().__init__("archdsl", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.documents: dict[str, Document] = {}
        self.files: dict[Path, tuple[object, ast.File]] = {}  # included files as they were read last
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        self.settings: dict[str, Any] = {}
        self.took = 0.0
        self.code = 0
        self.check_study: CheckStudy = check_study or file_findings
        self.released = False  # the editor has said that it will leave

    # -- documents

    def open(self, uri: str, text: str, number: int | None) -> None:
        """A new text, or a new version of one."""
        if uri not in self.documents:
            self.documents[uri] = Document(uri, _path(uri), str(self.workspace.position_encoding), self.include)
        document = self.documents[uri]
        document.update(text, number)
        self.soon(document)
        self.look_again(document)

    def close(self, uri: str) -> None:
        document = self.documents.pop(uri, None)
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        if document is not None:
            self.look_again(document)

    def look_again(self, changed: Document) -> None:
        """What includes a text that is another one now, or that is read from the disk again, may mean something else."""
        for other in self.documents.values():
            if other is not changed and changed.path and changed.path.resolve() in self.included(other):
                other.update(other.now.text, other.now.number)
                self.soon(other)

    def included(self, document: Document) -> set[Path]:
        """The files that a text includes, and what these include, as far as they can be read."""
        reading = None if document.uri.endswith(YAML) else document.now.reading
        found: set[Path] = set()
        waiting = [(document.path.parent if document.path else Path(), reading.file)] if reading else []
        while waiting:
            folder, file = waiting.pop()
            for item in file.items:
                if isinstance(item, ast.Include):
                    with suppress(ArchError, OSError, RuntimeError):  # said where the text is expanded
                        place = folder / item.path
                        if (path := place.resolve()) not in found:
                            found.add(path)
                            if path.is_file():
                                waiting.append((place.parent, self.read(path, str(place))))
        return found

    def include(self, item: ast.Include) -> list[ast.Let]:
        """The lets of an included file, as an editor shows it where it is open, else as it is on the disk."""
        return library(item, read=self.read)

    def read(self, path: Path, name: str) -> ast.File:
        for document in self.documents.values():
            if document.path is not None and document.path.resolve() == path:
                reading = document.now.reading
                if reading is None or reading.errors:
                    raise SpecError(document.now.findings)
                return reading.file
        stat = path.stat()
        key = stat.st_mtime_ns, stat.st_size, name
        if path not in self.files or self.files[path][0] != key:
            self.files[path] = key, parse(Source(name, read_text(path)))
        return self.files[path][1]

    def including(self, document: Document) -> list[tuple[str, Version]]:
        """The texts that include one, each with the name of its file: those that are open, and those on the disk in the
        folders of the editor, or else beside it."""
        if document.path is None:
            return []
        path = document.path.resolve()
        own = [d for d in self.documents.values() if d is not document]
        found = [(d.path.name if d.path else d.uri, d.now) for d in own if path in self.included(d)]
        seen = {d.path.resolve() for d in self.documents.values() if d.path is not None}
        root = self.root(path)
        for file in below(root, ".arch") if root is not None else path.parent.glob("*.arch"):
            if file.resolve() in seen:
                continue
            with suppress(ArchError, OSError):
                if "include" in (text := read_text(file)):
                    other = Document(file.as_uri(), str(file), document.encoding, self.include)
                    other.update(text, None)
                    if path in self.included(other):
                        found.append((file.name, other.now))
        return found

    def root(self, path: Path) -> Path | None:
        """The folder of the editor in which a file is; None where it is in none."""
        roots = [Path(to_fs_path(uri) or "").resolve() for uri in self.workspace.folders if uri.startswith("file:")]
        return next((root for root in roots if path.is_relative_to(root)), None)

    # -- findings

    def soon(self, document: Document) -> None:
        """Publish the findings of a text, unless it changes again at once."""
        if document.uri in self.waiting:
            self.waiting.pop(document.uri).cancel()
        delay = DELAY if self.took < PATIENT else min(0.5, self.took)
        self.waiting[document.uri] = asyncio.get_running_loop().call_later(delay, self.publish, document)

    def publish(self, document: Document) -> None:
        self.waiting.pop(document.uri, None)
        version, begun = document.now, time.process_time()
        try:
            if document.uri.endswith(YAML):
                found = findings.study_diagnostics(
                    version.text, document.path or Path("study.yaml"), document.encoding, self.check_study
                )
            else:
                found = findings.diagnostics(version)
        except Exception as error:  # an editor must not lose its server to one text, nor show it as sound
            LOG.exception("the findings of %s", document.uri)
            found = findings.failure(version.text, document.encoding, error)
        self.took = time.process_time() - begun
        LOG.info("%s: %d findings in %.0f ms", document.uri, len(found), 1000 * self.took)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(document.uri, found, version.number))

    def asked(self, uri: str) -> Version | None:
        """The text that a request speaks of; None if it is closed or no spec."""
        document = self.documents.get(uri)
        return None if document is None or uri.endswith(YAML) else document.now

    def snippets(self) -> bool:
        """Whether the editor takes completions with holes to fill."""
        text = self.client_capabilities.text_document
        item = text.completion.completion_item if text and text.completion else None
        return bool(item and item.snippet_support)


def _path(uri: str) -> str | None:
    return to_fs_path(uri) if uri.startswith("file:") else None


def guarded(empty: Any) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """An answer whatever happens: an empty one if something breaks."""

    def decorate(answer: Callable[..., R]) -> Callable[..., R]:
        @wraps(answer)
        def safely(ls: Server, params: Any) -> R:
            begun = time.perf_counter()
            try:
                return answer(ls, params)
            except Exception:
                LOG.exception("%s", answer.__name__)
                result: R = empty() if callable(empty) else empty
                return result
            finally:
                LOG.debug("%s: %.1f ms", answer.__name__, 1000 * (time.perf_counter() - begun))

        return safely

    return decorate


def make(check_study: CheckStudy | None = None) -> Server:
    """A server with all its features."""
    from archdsl.lsp import features

    server = Server(check_study)
    features.register(server)
    return server


def warm() -> None:
    """Load what the first answer would wait for, and leave it out of every later garbage collection."""
    document = Document("", None, "utf-16", library)
    document.update("let f(c) = conv(c) +bn\nnet f(8) vgg[8] gap linear(10)\ndata fashion-mini flip\ntrain adam", 0)
    version = document.now
    completion.complete(version, len(version.text))
    completion.complete(version, version.text.index("gap"))
    hover.hover(version, version.text.index("vgg"))
    findings.diagnostics(version)
    outline.colours(version)
    hints.hints(version, 0, len(version.text))
    layout.formatting(version)
    actions.actions(version, 0, 1)
    navigate.uses(version, 4)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def serve(check_study: CheckStudy | None = None) -> int:
    """Speak with an editor over standard input and output until it leaves. The exit code is 0, or 1 if it leaves without
    the farewell that the protocol asks for.

    Args:
        check_study: gives the findings of a study file; without it, only the file itself is looked at.
    """
    # The stream belongs to the protocol; whatever else is printed goes where the log goes.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stream:
        sys.stdout = sys.stderr
        server = make(check_study)
        warm()
        server.start_io(stdout=stream)
    return server.code
