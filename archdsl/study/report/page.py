"""The parts of an HTML page: escaped text, tables, figures, and a style for light, dark and paper."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from archdsl.report.text import printable_lines

FEW = 3  # columns that fit a telephone

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #5f5f5f; --line: #d9d9d9; --back: #fff; --row: #f6f6f4;
  --card: #fff; --grey: #767676; --pale: #e3e3e3; --blue: #0072b2; --orange: #d55e00; --green: #009e73; --pink: #cc79a7;
  --amber: #e69f00; --sky: #56b4e9; --shade: #0003; --better: #00659e; --worse: #b84f00; --same: #007a59; --open: #636363; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a8a8a8; --line: #3d3d3d; --back: #161616; --row: #1f1f1f; --card: #1b1b1b;
    --grey: #9a9a9a; --pale: #3a3a3a; --blue: #4ba9e3; --orange: #f0854a; --green: #2fc195; --pink: #dd94bd;
    --amber: #f0b429; --sky: #8fd0f5; --shade: #fff4; --better: #5db4ea; --worse: #f3935e; --same: #3fc99f; --open: #b0b0b0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.2rem 4rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .6rem; break-after: avoid; }
p { margin: .5rem 0; }
p, figcaption, .answers { max-width: 66rem; }
.verdict { font-size: 1.08rem; overflow-wrap: anywhere; }
.better { --hue: var(--better); } .worse { --hue: var(--worse); } .same { --hue: var(--same); }
.open, .reference { --hue: var(--open); } .holds { --hue: var(--same); } .refuted { --hue: var(--worse); }
.word { color: var(--hue); font-weight: 600; }
.answers { list-style: none; margin: .9rem 0; padding: 0; }
.answers li { border-left: 4px solid var(--hue); padding: .3rem 0 .3rem .8rem; margin: .35rem 0; break-inside: avoid;
  display: grid; grid-template-columns: 4.2rem minmax(0, 1fr) auto; column-gap: .8rem; overflow-wrap: anywhere; }
.answers .size { text-align: right; font-variant-numeric: tabular-nums; }
.answers .note { grid-column: 2 / -1; }
.wide { overflow-x: auto; background: linear-gradient(to right, var(--back) 40%, transparent) left / 2.4rem 100%,
  linear-gradient(to left, var(--back) 40%, transparent) right / 2.4rem 100%,
  linear-gradient(to right, var(--shade), transparent) left / .9rem 100%,
  linear-gradient(to left, var(--shade), transparent) right / .9rem 100%;
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .6rem .28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; }
.right { text-align: right; white-space: nowrap; }
tbody tr.reference { background: var(--row); }
td.name { min-width: 9rem; max-width: 24rem; overflow-wrap: anywhere; }
.bar { display: block; width: 9rem; height: .7rem; margin-top: .3rem; border: 1px solid var(--hue); }
.bar span { display: block; height: 100%; background: var(--hue); print-color-adjust: exact; }
.note, figcaption { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
figure { margin: .6rem 0 1rem; }
figure .card { background: var(--card); border-radius: 6px; padding: .4rem 0; overflow-x: auto; }
figure .drawn { width: calc(1.25 * var(--wide)); max-width: 100%; margin: 0 auto; }
figure svg { display: block; width: 100%; height: auto; fill: var(--ink); }
figcaption { margin-top: .35rem; }
.slim { display: none; }
code, pre { font: .85em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: var(--row); padding: .7rem; border-radius: 6px; margin: .4rem 0; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1.2rem; font-size: .9rem; margin: .6rem 0; }
dt { color: var(--soft); max-width: 10rem; overflow-wrap: anywhere; } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: 1.2rem .9rem 3rem; }
  .broad { display: none; } .slim { display: block; }
  .answers li { grid-template-columns: minmax(0, 1fr); }
  .answers .size { text-align: left; } .answers .note { grid-column: 1; }
  figure .scrolls .drawn { width: var(--wide); max-width: none; }
  .scrolls::before { content: "scroll sideways →"; position: sticky; left: 0; display: block; width: max-content;
    color: var(--soft); font-size: .75rem; }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; } figure, tr { break-inside: avoid; }
  .broad { display: block; } .slim, .scrolls::before { display: none; }
  .wide { background: none; } .wide, figure .card { overflow: visible; }
  table { font-size: 6.5pt; } figure .drawn { max-width: 100%; }
  details::details-content { content-visibility: visible; block-size: auto; }
  #live { display: none; } th.right { white-space: normal; }
  th, td { padding-right: .15rem; } td.name { min-width: 3.5rem; } .bar { width: 4rem; }
}
"""

# Colours of the figures, which are made for paper, and what takes their place on a page in dark mode.
FOLLOWING = {
    "#1a1a1a": "ink",
    "#000000": "ink",
    "#ffffff": "card",
    "#767676": "grey",
    "#8a8a8a": "grey",
    "#b5b5b5": "grey",
    "#e3e3e3": "pale",
    "#ececec": "pale",
    "#f7f7f7": "row",
    "#0072b2": "blue",
    "#d55e00": "orange",
    "#009e73": "green",
    "#cc79a7": "pink",
    "#e69f00": "amber",
    "#56b4e9": "sky",
}
COLOUR = re.compile(r"\b(fill: |stroke: )(#[0-9a-f]{6})\b")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def page(title: str, body: Iterable[str], description: str = "", script: str = "") -> str:
    """A whole document.

    Args:
        description: a short text about it, for previews of links.
        script: an element that the document ends with; none in a written file.
    """
    content = "\n".join(body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="description" content="{_shown(description)}">\n'
        f'<title>{_shown(title)}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{content}\n</main>\n{script}</body>\n</html>\n"
    )


def tag(name: str, text: str, kind: str = "") -> Markup:
    """An element with this text, which is escaped."""
    return Markup(f"<{name}{_kind(kind)}>{_shown(text)}</{name}>")


def quoted(text: str) -> str:
    """A note with its names in quotation marks, as a page has them."""
    return re.sub("`([^`]+)`", "“\\1”", text)


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("".join(parts))


def bar(fraction: float, kind: str) -> Markup:
    """A bar of which this fraction is filled."""
    return Markup(f'<span class="bar {kind}"><span style="width: {100 * fraction:.3g}%"></span></span>')


def figure(svg: str, caption: str, *more: str, slim: Sequence[str] = ()) -> str:
    """A drawing, or several with one caption. Their colours follow the page: dark where that is dark, those of paper in
    print. On a narrow page ``slim`` drawings take their place; where there are none, they scroll by themselves, and say so.
    """
    kinds = [("card broad" if slim else "card scrolls", each) for each in (svg, *more)] + [
        ("card slim", s) for s in slim
    ]
    cards = "\n".join(f'<div class="{kind}">{_drawn(each)}</div>' for kind, each in kinds)
    return f"<figure>\n{cards}\n{tag('figcaption', caption)}\n</figure>"


def _drawn(svg: str) -> str:
    wide = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    size = f' style="--wide: {wide[1]}pt"' if wide else ""
    return f'<div class="drawn"{size}>{re.sub(COLOUR, _following, svg)}</div>'


def _following(colour: re.Match[str]) -> str:
    name = FOLLOWING.get(colour[2])
    return colour[0] if name is None else f"{colour[1]}var(--{name})"


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
    scrolls = " scrolls" if len(heads) > FEW else ""
    return (
        f'<div class="wide{scrolls}"><table>\n<thead><tr>{lines[0]}</tr></thead>\n<tbody>\n'
        + "\n".join(body)
        + "\n</tbody>\n</table></div>"
    )


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they are; those without a text are left out."""
    return "<dl>" + "".join(tag("dt", term) + tag("dd", text) for term, text in pairs if text) + "</dl>"


def folded(summary: str, content: str) -> str:
    """Content that opens on a click, without a script."""
    return f"<details>{tag('summary', summary)}{content}</details>"


def _shown(text: str) -> str:
    """Text as HTML shows it; what no page may hold, or what would turn the order of its letters round, as an escape."""
    return text if isinstance(text, Markup) else escape(printable_lines(text, keep="\n\t"))


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
