"""Any number of threads may read texts at once: each tree has the spans of its own text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from archdsl import api
from archdsl.errors import SpecError
from archdsl.expand.include import library
from archdsl.syntax import parse
from archdsl.syntax.ast import Word
from archdsl.syntax.format import format
from archdsl.syntax.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXTS = [
    f"let stem{n} = conv({n + 4}) bn relu\ninput 3x16x16\nclasses {n + 2}\n"
    f"net stem{n} {'conv(8) relu ' * (20 + n)} vgg[8x{n % 3 + 1}] +res  # {n}\n"
    for n in range(24)
]
BROKEN = [f"net {'relu ' * n} (conv(8) relu" for n in range(1, 25)]


@pytest.fixture
def small_slices() -> Iterator[None]:
    """Threads that give way to each other in the middle of everything."""
    import sys

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[str], object], texts: list[str]) -> list[object]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(work, texts))


def own_spans(text: str) -> bool:
    words = [n for n in walk(parse.parse(text)) if isinstance(n, Word)]
    return len(words) > 10 and all(w.span.source.text == text and w.span.text.startswith(w.name) for w in words)


def refusal(text: str) -> str:
    try:
        parse.parse(text)
    except SpecError as error:
        return str(error)
    return "read"


def _counted(text: str) -> object:
    spec = api.load(text)
    return spec.hash, spec.cost, spec.canonical, [str(n) for n in spec.notes]


def _in_an_editor(text: str) -> object:
    from archdsl.lsp import findings, hints, hover, outline
    from archdsl.lsp.document import Document

    document = Document("", None, "utf-16", library)
    found: list[object] = []
    for version, shown in enumerate((text[: len(text) // 2], text)):
        document.update(shown, version)
        now = document.now
        found += [
            findings.diagnostics(now),
            hover.hover(now, text.index("conv")),
            hints.hints(now, 0, len(text)),
            outline.colours(now),
        ]
    return found


@pytest.mark.usefixtures("small_slices")
def test_each_tree_has_the_spans_of_its_text() -> None:
    assert all(at_once(own_spans, TEXTS))
    assert at_once(refusal, BROKEN) == [refusal(t) for t in BROKEN]


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("work", [_counted, _in_an_editor, format])
def test_answers_are_those_of_one_thread(work: Callable[[str], object]) -> None:
    assert at_once(work, TEXTS) == [work(t) for t in TEXTS]
