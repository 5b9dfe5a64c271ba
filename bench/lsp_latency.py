"""Answers of the language server on a spec of 500 lines, as an editor gets them.

A real client on the other end of the server's streams makes an edit, then asks, so that each answer is of a text that the
server has not seen before. Counted are the time until the answer is there, and the processor time that the server took for
edit and answer together; the second says what a machine with nothing else to do would show.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _timing import REPO, options, publish, spread

sys.path.insert(0, str(REPO))

from lsprotocol import types as t
from pygls.lsp.client import LanguageClient

from archdsl.api import load
from archdsl.report import Column, Table

URI = "file:///bench/large.arch"
LIMIT = 50  # milliseconds


def large(lines: int = 500) -> str:
    """A residual network written out block by block: two dozen units as lets, then a block a line."""
    out = ["# A residual network, written out block by block.", "input 3x224x224", "classes 1000", ""]
    for i in range(24):
        out += [
            f"# unit {i}",
            f"let unit{i}(c, s=1) = add(",
            f"    conv(c, {1 + 2 * (i % 2)}, s=s) bn relu",
            f"    conv(c, 3{', groups=8' if i % 3 else ''}) bn",
            "    | shortcut",
            ") relu",
            "",
        ]
    out.append("net stem: (conv(64, 7, s=2) bn relu maxpool(3, s=2, p=1))")
    width, block = 64, 0
    while len(out) < lines - 4:
        stride = ", s=2" if block and block % 80 == 0 else ""
        width *= 2 if stride else 1
        if block % 10 == 9:
            out.append(f"    # stage {block // 80}, block {block}")
        elif block % 10 == 4:
            out.append(f"    (conv({width}) bn relu conv({width}) bn) +res relu")
        else:
            out.append(f"    block{block}: unit{block % 24}({width}{stride})")
        block += 1
    out += [
        "    gap linear(classes)",
        "",
        "data cifar10 valid(10%) flip crop(4)",
        "train sgd(0.1, nesterov) epochs(90) batch(256) cosine warmup(5) wd(1e-4)",
    ]
    return "\n".join(out) + "\n"


class Client:
    """A client that edits and asks."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = LanguageClient("bench", "1")
        self.number = 0
        self.published: dict[int, float] = {}
        self.client.feature(t.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(self.publishing())
        env = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
        self.run(self.client.start_io(sys.executable, "-m", "archdsl", "lsp", env=env))
        self.ask("initialize", t.InitializeParams(t.ClientCapabilities()))
        self.client.initialized(t.InitializedParams())

    def publishing(self) -> Callable[[t.PublishDiagnosticsParams], None]:
        def published(params: t.PublishDiagnosticsParams) -> None:
            self.published[params.version or 0] = time.perf_counter()

        return published

    def run(self, what: Any) -> Any:
        return self.loop.run_until_complete(what)

    def ask(self, method: str, params: Any) -> Any:
        async def asked() -> Any:
            return await self.client.protocol.send_request_async(method, params)

        return self.run(asked())

    def open(self, text: str) -> None:
        self.client.text_document_did_open(t.DidOpenTextDocumentParams(t.TextDocumentItem(URI, "archdsl", 0, text)))
        self.settled()

    def edit(self, text: str) -> None:
        self.number += 1
        self.client.text_document_did_change(
            t.DidChangeTextDocumentParams(
                t.VersionedTextDocumentIdentifier(self.number, URI), [t.TextDocumentContentChangeWholeDocument(text)]
            )
        )

    def settled(self) -> None:
        """Wait for the findings of the text as it is."""

        async def waiting() -> None:
            while self.number not in self.published:
                await asyncio.sleep(0)

        self.run(waiting())

    def processor(self) -> float:
        """Milliseconds that the server's threads have run so far."""
        assert self.client._server is not None
        tasks = Path(f"/proc/{self.client._server.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def close(self) -> None:
        self.ask("shutdown", None)
        self.client.exit(None)
        self.run(self.client.stop())


def questions(text: str) -> dict[str, tuple[str, Callable[[str], Any]]]:
    """Method and parameters of each question about a text; ``findings`` come by themselves."""
    lines = text.count("\n")
    whole, document = t.Range(t.Position(0, 0), t.Position(lines, 0)), t.TextDocumentIdentifier(URI)

    def at(piece: str, shift: int = 0) -> Callable[[str], t.Position]:
        def position(now: str) -> t.Position:
            offset = now.index(piece) + shift
            return t.Position(now.count("\n", 0, offset), offset - now.rfind("\n", 0, offset) - 1)

        return position

    block, unit = at("block200:", 12), at("unit7(", 1)
    layout = t.FormattingOptions(4, True)
    return {
        "findings": ("", lambda now: None),
        "hover (help and shape)": ("textDocument/hover", lambda now: t.HoverParams(document, block(now))),
        "completion": ("textDocument/completion", lambda now: t.CompletionParams(document, block(now))),
        "signature help": (
            "textDocument/signatureHelp",
            lambda now: t.SignatureHelpParams(document, at("unit5(64", 8)(now)),
        ),
        "formatting": ("textDocument/formatting", lambda now: t.DocumentFormattingParams(document, layout)),
        "inlay hints, 60 lines": (
            "textDocument/inlayHint",
            lambda now: t.InlayHintParams(document, t.Range(t.Position(220, 0), t.Position(280, 0))),
        ),
        "inlay hints, all lines": ("textDocument/inlayHint", lambda now: t.InlayHintParams(document, whole)),
        "colours": ("textDocument/semanticTokens/full", lambda now: t.SemanticTokensParams(document)),
        "outline": ("textDocument/documentSymbol", lambda now: t.DocumentSymbolParams(document)),
        "folding": ("textDocument/foldingRange", lambda now: t.FoldingRangeParams(document)),
        "definition": ("textDocument/definition", lambda now: t.DefinitionParams(document, block(now))),
        "references": (
            "textDocument/references",
            lambda now: t.ReferenceParams(t.ReferenceContext(True), document, unit(now)),
        ),
        "rename": ("textDocument/rename", lambda now: t.RenameParams(document, unit(now), "piece")),
        "actions": (
            "textDocument/codeAction",
            lambda now: t.CodeActionParams(document, whole, t.CodeActionContext([])),
        ),
    }


def turns(names: list[str], edits: int, place: int) -> list[tuple[str, int]]:
    """The questions of a round, each with the number of its edit. No two in a row have the same edit, so that each is asked
    after a change of the network; over the rounds a question meets every edit.
    """
    numbered = [(name, (number + place) % edits) for number, name in enumerate(names)]
    return numbered if place % 2 == 0 else numbered[::-1]


def main() -> None:
    """Measure and publish."""
    args = options(__doc__, rounds=21).parse_args()
    text = large()
    spec = load(text)
    client = Client()
    client.open(text)
    raw: dict[str, dict[str, list[float]]] = {}
    asked = questions(text)
    edits = (
        text.replace("block200: unit", "block200: conv(256) unit"),
        text.replace("    # stage 1", "    relu  # stage 1", 1),
        text.replace("let unit3(c, s=1) = add(", "let unit3(c, s=1) = add(relu "),
        text,
    )
    for place in range(-2, args.rounds):
        for name, edit in turns(list(asked), len(edits), place):
            method, params = asked[name]
            now = edits[edit].replace("epochs(90)", f"epochs({100 + client.number})")
            before, begun = client.processor(), time.perf_counter()
            client.edit(now)
            if method:
                client.ask(method, params(now))
                ended = time.perf_counter()
            else:
                client.settled()
                ended = client.published[client.number]
            used = client.processor() - before
            client.settled()
            if place >= 0:
                times = raw.setdefault(name, {"wall_ms": [], "processor_ms": []})
                times["wall_ms"].append(1000 * (ended - begun))
                times["processor_ms"].append(used)
    client.close()
    rows = tuple(
        (
            name,
            statistics.median(times["processor_ms"]),
            spread(times["processor_ms"]),
            statistics.median(times["wall_ms"]),
            spread(times["wall_ms"]),
        )
        for name, times in raw.items()
    )
    columns = (
        Column("answer"),
        Column("processor ms", "float"),
        Column("middle half", align="right"),
        Column("wall ms", "float"),
        Column("of wall", align="right"),
    )
    size = f"{text.count(chr(10))} lines, {len(text):,} bytes, {spec.cost.layers:,} layers"
    load_average, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    crowd = f"{load_average:.0f} processes wanted to run on {cores} cores: the wall time is theirs too"
    notes = (f"n = {args.rounds}, each after an edit of its own; {size}", f"must: below {LIMIT} ms", crowd)
    table = Table(columns, rows, "Answers of the language server, 500 lines", notes=notes)
    publish("lsp_latency", [table], raw, ["pygls", "lsprotocol"], args.out)


if __name__ == "__main__":
    main()
