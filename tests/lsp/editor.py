"""An editor for tests: pygls's client, with the server as a process on the other end of its streams."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types as t
from pygls.lsp.client import LanguageClient

from archdsl.lsp.places import Places
from tests.conftest import REPO

T = TypeVar("T")
SECONDS = 6  # a hang ends; no test asserts a time


class Editor:
    """Opens texts, edits them, asks. Positions are given as a piece of the text, and a shift behind its begin."""

    def __init__(
        self,
        *,
        encodings: list[str] | None = None,
        snippets: bool = False,
        options: Any = None,
        packages: Path | None = None,
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = LanguageClient("tests", "1")
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.published: dict[str, t.PublishDiagnosticsParams] = {}
        self.messages: list[str] = []
        self.errors = ""  # what the server wrote to its log
        self.client.feature(t.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(self._publish())
        self.client.feature(t.WINDOW_SHOW_MESSAGE)(lambda p: self.messages.append(p.message))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, filter(None, (packages, REPO))))}
        self.wait(self.client.start_io(sys.executable, "-m", "archdsl", "lsp", env=env))
        general = t.GeneralClientCapabilities(position_encodings=encodings) if encodings else None  # type: ignore[arg-type]
        item = t.ClientCompletionItemOptions(snippet_support=snippets)
        text = t.TextDocumentClientCapabilities(completion=t.CompletionClientCapabilities(completion_item=item))
        self.answer = self.ask(
            "initialize",
            t.InitializeParams(
                t.ClientCapabilities(general=general, text_document=text), initialization_options=options
            ),
        )
        self.encoding = str(self.answer.capabilities.position_encoding or "utf-16")
        self.client.initialized(t.InitializedParams())

    def _publish(self) -> Callable[[t.PublishDiagnosticsParams], None]:
        def published(params: t.PublishDiagnosticsParams) -> None:
            self.published[params.uri] = params

        return published

    def wait(self, what: Awaitable[T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(what, SECONDS))

    def ask(self, method: str, params: Any) -> Any:
        async def asked() -> Any:
            return await self.client.protocol.send_request_async(method, params)

        return self.wait(asked())

    def quit(self) -> int | None:
        self.ask("shutdown", None)
        self.client.exit(None)
        server = self.client._server
        assert server is not None
        assert server.stderr is not None
        self.errors = self.wait(server.stderr.read()).decode()
        code = self.wait(server.wait())
        self.wait(self.client.stop())
        self.loop.close()
        return code

    # -- texts

    def open(self, text: str, uri: str | Path = "") -> str:
        uri = uri.as_uri() if isinstance(uri, Path) else uri or f"file:///tests/{len(self.versions)}.arch"
        self.published.pop(uri, None)
        self.texts[uri], self.versions[uri] = text, 1
        self.client.text_document_did_open(t.DidOpenTextDocumentParams(t.TextDocumentItem(uri, "archdsl", 1, text)))
        return uri

    def edit(self, uri: str, text: str) -> None:
        self.texts[uri] = text
        self.versions[uri] += 1
        self.client.text_document_did_change(
            t.DidChangeTextDocumentParams(
                t.VersionedTextDocumentIdentifier(self.versions[uri], uri),
                [t.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def close(self, uri: str) -> None:
        self.client.text_document_did_close(t.DidCloseTextDocumentParams(t.TextDocumentIdentifier(uri)))
        self.texts.pop(uri)

    def findings(self, uri: str) -> list[t.Diagnostic]:
        """What was published of the version that is open."""

        async def published() -> list[t.Diagnostic]:
            while (got := self.published.get(uri)) is None or got.version != self.versions[uri]:
                await asyncio.sleep(0.01)
            return list(got.diagnostics)

        return self.wait(published())

    def until(self, uri: str, codes: list[str]) -> None:
        """Wait until the last findings that were published have these codes."""

        async def published() -> None:
            while (got := self.published.get(uri)) is None or [str(d.code) for d in got.diagnostics] != codes:
                await asyncio.sleep(0.01)

        self.wait(published())

    def codes(self, uri: str) -> list[str]:
        return [str(d.code) for d in self.findings(uri)]

    def apply(self, uri: str, edits: list[t.TextEdit] | None) -> str:
        """The text with edits applied, from the last to the first."""
        text = self.texts[uri]
        places = Places(text, self.encoding)
        spans = [(places.offset(e.range.start), places.offset(e.range.end), e.new_text) for e in edits or []]
        for start, end, new in sorted(spans, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    # -- questions

    def at(self, uri: str, piece: str, shift: int = 0) -> dict[str, Any]:
        offset = self.texts[uri].index(piece) + shift
        return {
            "text_document": t.TextDocumentIdentifier(uri),
            "position": Places(self.texts[uri], self.encoding).position(offset),
        }

    def hover(self, uri: str, piece: str, shift: int = 0) -> str:
        found = self.ask("textDocument/hover", t.HoverParams(**self.at(uri, piece, shift)))
        return found.contents.value if found else ""

    def complete(self, uri: str, piece: str, shift: int | None = None) -> dict[str, t.CompletionItem]:
        """Items by label; behind a piece of the text, or so far behind its begin."""
        where = self.at(uri, piece, len(piece) if shift is None else shift)
        found = self.ask("textDocument/completion", t.CompletionParams(**where))
        items = found.items if isinstance(found, t.CompletionList) else found
        return {i.label: i for i in sorted(items or (), key=lambda i: i.sort_text or i.label)}

    def format(self, uri: str) -> list[t.TextEdit] | None:
        where = t.TextDocumentIdentifier(uri)
        return self.ask("textDocument/formatting", t.DocumentFormattingParams(where, t.FormattingOptions(4, True)))

    def actions(self, uri: str, piece: str, only: list[str] | None = None) -> dict[str, t.CodeAction]:
        places = Places(self.texts[uri], self.encoding)
        start = self.texts[uri].index(piece)
        asked = t.CodeActionParams(
            t.TextDocumentIdentifier(uri),
            places.range(start, start + len(piece)),
            t.CodeActionContext(self.findings(uri), only=only),
        )
        return {a.title: a for a in self.ask("textDocument/codeAction", asked) or ()}

    def hints(self, uri: str) -> list[tuple[int, str]]:
        """Line and text of each hint."""
        text = self.texts[uri]
        whole = Places(text, self.encoding).range(0, len(text))
        found = self.ask("textDocument/inlayHint", t.InlayHintParams(t.TextDocumentIdentifier(uri), whole))
        return [(h.position.line, str(h.label)) for h in found or ()]
