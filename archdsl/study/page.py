"""The parts of an HTML page: escaped text, tables, figures on white cards, and a style for light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from archdsl.report.text import printable_lines

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #5f5f5f; --line: #d9d9d9; --back: #fff; --row: #f6f6f4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a3a3a3; --line: #3d3d3d; --back: #161616; --row: #1f1f1f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .6rem; }
p { margin: .5rem 0; }
.verdict { font-size: 1.08rem; border-left: 3px solid #0072b2; padding-left: .9rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .7rem .28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; }
.right { text-align: right; white-space: nowrap; }
tbody tr.reference { background: var(--row); }
td.name { min-width: 9rem; max-width: 24rem; overflow-wrap: anywhere; }
.note, figcaption { color: var(--soft); font-size: .85rem; }
figure { margin: .6rem 0 1rem; }
figure .card { background: #fff; border-radius: 6px; padding: .7rem; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: .35rem; }
code, pre { font: .85em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: var(--row); padding: .7rem; border-radius: 6px; margin: .4rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; font-size: .9rem; margin: .6rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole document."""
    content = "\n".join(body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_shown(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{content}\n</body>\n</html>\n"
    )


def tag(name: str, text: str, kind: str = "") -> str:
    """An element with this text, which is escaped."""
    return f"<{name}{_kind(kind)}>{_shown(text)}</{name}>"


def figure(svg: str, caption: str) -> str:
    """A figure on a white card: its colours are made for paper."""
    return f'<figure>\n<div class="card">{svg}</div>\n{tag("figcaption", caption)}\n</figure>'


def table(heads: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], marked: int | None = None) -> str:
    """A table that scrolls by itself where the page is narrow.

    Args:
        heads: the text of each column and its class, ``right`` for numbers.
        marked: the row that is the reference.
    """
    kinds = [kind for _, kind in heads]
    lines = ["".join(f'<th scope="col"{_kind(kind)}>{_shown(text)}</th>' for text, kind in heads)]
    body = []
    for n, row in enumerate(rows):
        cells = "".join(tag("td", text, kind) for text, kind in zip(row, kinds, strict=True))
        body.append(f"<tr{_kind('reference' if n == marked else '')}>{cells}</tr>")
    return (f'<div class="wide"><table>\n<thead><tr>{lines[0]}</tr></thead>\n<tbody>\n' + "\n".join(body)
            + "\n</tbody>\n</table></div>")  # fmt: skip


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they are; those without a text are left out."""
    return "<dl>" + "".join(tag("dt", term) + tag("dd", text) for term, text in pairs if text) + "</dl>"


def folded(summary: str, content: str) -> str:
    """Content that opens on a click, without a script."""
    return f"<details>{tag('summary', summary)}{content}</details>"


def _shown(text: str) -> str:
    """Text as HTML shows it; what no page may hold, or what would turn the order of its letters round, as an escape."""
    return escape(printable_lines(text, keep="\n\t"))


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
