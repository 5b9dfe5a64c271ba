"""The pages of the lecture as one HTML file, with a list of contents and the figures inside: it needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from archdsl.study.report.page import STYLE

MORE = """
main > section { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1rem; }
nav ol { columns: 2; padding-left: 1.4rem; } nav li { break-inside: avoid; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; display: block; background: #fff; border-radius: 6px; }
figcaption { font-size: .92rem; max-width: 62rem; margin-top: .4rem; }
@media (min-width: 110rem) { html { font-size: 135%; } body { font-size: 1rem; } }
table { display: block; overflow-x: auto; margin: .8rem 0; font-size: 1rem; } td, th { padding-right: 1rem; }
td code { font-size: 1em; }
h2 { font-size: 1.35rem; } h3 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
@media (max-width: 40rem) { nav ol { columns: 1; } }
@media print { main > section { break-before: page; border: 0; } nav { break-after: page; } }
"""
PICTURE = re.compile(r'<p><img src="([^"]+\.svg)" alt="([^"]*)"\s*/?></p>\s*<p><em>(Figure .*?)</em></p>', re.DOTALL)
WIDTH = re.compile(r'<svg[^>]* width="([0-9.]+)pt"')
SCALE = 1.9 / 16  # rem for each point of a figure: letters of 8 points are as large as those of the text
LINK = re.compile(r'href="(?:lecture/)?([0-9]{2}-[a-z-]+)\.md"')


FENCED = re.compile(r"(^```.*?^```)|^#", re.DOTALL | re.MULTILINE)


def whole(index: Path, pages: Sequence[Path]) -> str:
    """The document.

    Args:
        index: the page before the others.
        pages: a section each, in order.
    """
    parts = [_html(index).replace("</h1>", f"</h1>\n{_contents(pages)}", 1)]
    parts += [f'<section id="{page.stem}">\n{_html(page)}</section>' for page in pages]
    title = _title(index)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f'<link rel="icon" href="data:,">\n<style>{STYLE}{MORE}</style>\n</head>\n<body>\n<main>\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _title(page: Path) -> str:
    return page.read_text("utf-8").partition("\n")[0].lstrip("# ")


def _contents(pages: Sequence[Path]) -> str:
    entries = "".join(
        f'<li><a href="#{page.stem}">{escape(_title(page).split(". ", 1)[-1])}</a></li>' for page in pages
    )
    return f"<nav><h2>Contents</h2>\n<ol>{entries}</ol></nav>"


def _html(page: Path) -> str:
    """A page as HTML: its comments go, its headings are one level down, and each figure is in the text."""
    text = re.sub(r"<!--.*?-->\n?", "", page.read_text("utf-8"), flags=re.DOTALL)
    if page.parent.name == "lecture":
        text = FENCED.sub(lambda m: m[0] if m[1] else "##", text)  # comments in code are no headings
    made = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    made = LINK.sub(r'href="#\1"', made)
    made = re.sub(r'href="\.\./([^"]+)"', r'href="\1"', made)
    return PICTURE.sub(lambda m: _picture(page.parent / m[1], m[2], m[3]), made)


def _picture(path: Path, words: str, caption: str) -> str:
    """A figure in the text, as large as its letters ask for, with its caption, which is HTML already."""
    from base64 import b64encode

    content = path.read_bytes()
    width = WIDTH.search(content.decode("utf-8"))
    style = f' style="width: {SCALE * float(width[1]):.1f}rem"' if width else ""
    data = b64encode(content).decode("ascii")
    image = f'<img src="data:image/svg+xml;base64,{data}" alt="{words}"{style}>'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
