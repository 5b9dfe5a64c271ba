"""A headless Chromium of the distribution, for tests of pages: driven by Playwright, skipped with the reason without it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")

# Everything that a reader could find cut: glyphs beyond their drawing, text beyond the page that no box of its own scrolls.
CUT = """() => {
  const wide = document.documentElement.clientWidth, cut = [];
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    for (const part of svg.querySelectorAll('use, path')) {
      if (part.closest('[clip-path], defs, clipPath')) continue;
      const box = part.getBoundingClientRect();
      if (box.width + box.height && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
          || box.bottom > frame.bottom + 1)) cut.push(svg.getAttribute('aria-label') + ': ' + JSON.stringify([box, frame]));
    }
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!node.data.trim() || node.parentElement.closest('svg, script, style')) continue;
    let box = node.parentElement;
    while (box && !(box.matches('.wide, .card, pre, table') && getComputedStyle(box).overflowX === 'auto'))
      box = box.parentElement;
    if (box) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.left < -1 || box.right > wide + 1) cut.push(node.data.slice(0, 60) + ': ' + box.left + ' to ' + box.right);
  }
  if (document.documentElement.scrollWidth > wide) cut.push('the page scrolls: ' + document.documentElement.scrollWidth);
  return cut;
}"""

# The least contrast of text with the page behind it (WCAG 2.2, 1.4.3), and of the letters of the figures with their cards.
CONTRAST = """() => {
  const light = colour => {
    const linear = x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.match(/[\\d.]+/g).map(x => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const back = getComputedStyle(document.body).backgroundColor;
  const words = [...document.querySelectorAll('h1, h2, p, .word, .note, td, dt, dd, figcaption')];
  const cards = [...document.querySelectorAll('.card')];
  return Math.min(...words.map(e => ratio(getComputedStyle(e).color, back)),
    ...cards.map(e => ratio(getComputedStyle(e.querySelector('svg')).fill, getComputedStyle(e).backgroundColor)));
}"""


@dataclass
class Watched:
    """A page with what it said and asked for."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def cut(self) -> list[str]:
        """What a reader would find cut."""
        return self.page.evaluate(CUT)

    def contrast(self) -> float:
        """The least contrast of letters."""
        return self.page.evaluate(CONTRAST)


class Browser:
    """Opens pages and listens to them."""

    def __init__(self, chromium: Any) -> None:
        self.chromium = chromium

    @contextmanager
    def open(self, address: str, width: int = 1440, scheme: str = "light", media: str = "screen") -> Iterator[Watched]:
        """The page at an address."""
        page = self.chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        watched = Watched(page)
        page.on("console", lambda said: watched.console.append(said.text))
        page.on("pageerror", lambda error: watched.console.append(str(error)))
        page.on("request", lambda request: watched.requests.append(request.url))
        page.emulate_media(media=media, color_scheme=scheme)
        page.goto(address)
        try:
            yield watched
        finally:
            page.close()


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser, or a skipped test with what is missing."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make browser")
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed (apt-get install chromium)")
    with driver.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
