"""The features of the protocol, each bound to the function that answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from archdsl.lsp import actions, completion, hints, hover, layout, navigate, outline, renaming
from archdsl.lsp.server import YAML, Server, guarded

if TYPE_CHECKING:
    from archdsl.lsp.document import Version

_LEGEND = types.SemanticTokensLegend(list(outline.TOKENS), list(outline.MODIFIERS))


def register(server: Server) -> None:
    """Bind everything."""
    for method, answer, options in (*_DOCUMENTS, *_REQUESTS):
        server.feature(method, options)(answer)


def _at(ls: Server, params: Any) -> tuple[Version, int] | None:
    version = ls.asked(params.text_document.uri)
    return None if version is None else (version, version.places.offset(params.position))


def _range(version: Version, range: types.Range) -> tuple[int, int]:
    return version.places.offset(range.start), version.places.offset(range.end)


# -- documents


@guarded(None)
def _initialized(ls: Server, params: types.InitializeParams) -> None:
    options = params.initialization_options
    ls.settings = options if isinstance(options, dict) else {}


@guarded(None)
def _opened(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    ls.open(document.uri, document.text, document.version)


@guarded(None)
def _changed(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.open(uri, ls.workspace.get_text_document(uri).source, params.text_document.version)


@guarded(None)
def _closed(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    ls.close(params.text_document.uri)


@guarded(None)
def _ready(ls: Server, params: types.InitializedParams) -> None:
    """Ask to be told of files that change otherwise than in the editor: a checkout, a file that is moved or deleted."""
    space = ls.client_capabilities.workspace
    watched = space.did_change_watched_files if space else None
    if watched and watched.dynamic_registration:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher("**/*.{arch,yaml,yml}")])
        asked = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        ls.client_register_capability(types.RegistrationParams([asked]))


@guarded(None)
def _on_disk(ls: Server, params: types.DidSaveTextDocumentParams | types.DidChangeWatchedFilesParams) -> None:
    for document in ls.documents.values():  # a file on the disk may have changed that another one includes or studies
        if document.uri.endswith(YAML) or ls.included(document):
            document.update(document.now.text, document.now.number)
            ls.soon(document)


@guarded(None)
def _released(ls: Server, params: None) -> None:
    ls.released = True


@guarded(None)
def _left(ls: Server, params: None) -> None:
    ls.code = 0 if ls.released else 1


# -- requests


@guarded(None)
def _hovered(ls: Server, params: types.HoverParams) -> types.Hover | None:
    at = _at(ls, params)
    return hover.hover(*at) if at else None


@guarded(list)
def _completed(ls: Server, params: types.CompletionParams) -> list[types.CompletionItem]:
    at = _at(ls, params)
    return completion.complete(*at, ls.snippets()) if at else []


def _resolved(ls: Server, item: types.CompletionItem) -> types.CompletionItem:
    return guarded(item)(lambda _, i: completion.resolve(i))(ls, item)


@guarded(None)
def _signed(ls: Server, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
    at = _at(ls, params)
    return hints.signature_help(*at) if at else None


@guarded(None)
def _formatted(ls: Server, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    version = ls.asked(params.text_document.uri)
    return layout.formatting(version) if version else None


@guarded(None)
def _range_formatted(ls: Server, params: types.DocumentRangeFormattingParams) -> list[types.TextEdit] | None:
    version = ls.asked(params.text_document.uri)
    return layout.formatting(version, params.range.start.line, params.range.end.line) if version else None


@guarded(list)
def _defined(ls: Server, params: types.DefinitionParams) -> list[types.Location]:
    at = _at(ls, params)
    return navigate.definition(*at) if at else []


@guarded(list)
def _referred(ls: Server, params: types.ReferenceParams) -> list[types.Location]:
    at = _at(ls, params)
    found = navigate.uses(*at) if at else []
    return [
        types.Location(params.text_document.uri, at[0].places.range(u.start, u.end))
        for u in found
        if at and (params.context.include_declaration or not u.defines)
    ]


@guarded(list)
def _highlighted(ls: Server, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
    at = _at(ls, params)
    return navigate.highlights(*at) if at else []


@guarded(None)
def _rename_prepared(ls: Server, params: types.PrepareRenameParams) -> types.Range | None:
    at = _at(ls, params)
    place = renaming.whole_name(*at) if at else None
    if at is None or place is None:
        return None
    old = at[0].text[at[0].places.offset(place.start) : at[0].places.offset(place.end)]
    return None if _refused(ls, *at, old) else place


@guarded(None)
def _renamed(ls: Server, params: types.RenameParams) -> types.WorkspaceEdit | None:
    at = _at(ls, params)
    if at is None:
        return None
    return None if _refused(ls, *at, params.new_name) else renaming.rename(*at, params.new_name)


def _refused(ls: Server, version: Version, offset: int, new: str) -> bool:
    """Whether a name cannot become another one, which is said."""
    reason = renaming.refusal(version, offset, new, lambda: ls.including(version.document))
    if reason:
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Warning, reason))
    return bool(reason)


@guarded(list)
def _outlined(ls: Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    version = ls.asked(params.text_document.uri)
    return outline.symbols(version) if version else []


@guarded(list)
def _folded(ls: Server, params: types.FoldingRangeParams) -> list[types.FoldingRange]:
    version = ls.asked(params.text_document.uri)
    return outline.folds(version) if version else []


@guarded(lambda: types.SemanticTokens([]))
def _coloured(ls: Server, params: types.SemanticTokensParams) -> types.SemanticTokens:
    version = ls.asked(params.text_document.uri)
    return types.SemanticTokens(outline.colours(version) if version else [])


@guarded(list)
def _hinted(ls: Server, params: types.InlayHintParams) -> list[types.InlayHint]:
    version = ls.asked(params.text_document.uri)
    return hints.hints(version, *_range(version, params.range)) if version and ls.settings.get("hints", True) else []


@guarded(list)
def _helped(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    version = ls.asked(params.text_document.uri)
    only = [str(k) for k in params.context.only] if params.context.only else None
    return actions.actions(version, *_range(version, params.range), only) if version else []


_DOCUMENTS: tuple[tuple[str, Any, Any], ...] = (
    (types.INITIALIZE, _initialized, None),
    (types.INITIALIZED, _ready, None),
    (types.TEXT_DOCUMENT_DID_OPEN, _opened, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, _changed, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
    (types.TEXT_DOCUMENT_DID_SAVE, _on_disk, None),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _on_disk, None),
    (types.SHUTDOWN, _released, None),
    (types.EXIT, _left, None),
)
_REQUESTS: tuple[tuple[str, Any, Any], ...] = (
    (types.TEXT_DOCUMENT_HOVER, _hovered, None),
    (
        types.TEXT_DOCUMENT_COMPLETION,
        _completed,
        types.CompletionOptions(trigger_characters=["+", "@", "(", ",", "=", "["], resolve_provider=True),
    ),
    (types.COMPLETION_ITEM_RESOLVE, _resolved, None),
    (types.TEXT_DOCUMENT_SIGNATURE_HELP, _signed, types.SignatureHelpOptions(["(", ","], ["="])),
    (types.TEXT_DOCUMENT_FORMATTING, _formatted, None),
    (types.TEXT_DOCUMENT_RANGE_FORMATTING, _range_formatted, None),
    (types.TEXT_DOCUMENT_DEFINITION, _defined, None),
    (types.TEXT_DOCUMENT_REFERENCES, _referred, None),
    (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, _highlighted, None),
    (types.TEXT_DOCUMENT_PREPARE_RENAME, _rename_prepared, None),
    (types.TEXT_DOCUMENT_RENAME, _renamed, types.RenameOptions(prepare_provider=True)),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _outlined, None),
    (types.TEXT_DOCUMENT_FOLDING_RANGE, _folded, None),
    (types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, _coloured, _LEGEND),
    (types.TEXT_DOCUMENT_INLAY_HINT, _hinted, None),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _helped,
        types.CodeActionOptions([types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]),
    ),
)
