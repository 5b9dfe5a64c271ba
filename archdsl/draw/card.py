"""A box as marks: its name, the layers that share it as chips, its figures, and below it the shape of what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.draw.metrics import width
from archdsl.draw.scene import Rect, Scene, Text
from archdsl.registry.shapes import dims as shown
from archdsl.report.numbers import compact, exact, many

if TYPE_CHECKING:
    from archdsl.draw.diagram import Box, Chip
    from archdsl.registry.types import Shape

TITLE, CHIP, SMALL = 12.5, 10.0, 9.5  # font sizes in points
PAD = 9.0
LEAST = 112.0  # width
STUB = 17.0  # below a box, for the shape
STACK = 3.5  # by how much the cards of a repetition stand out


@dataclass(frozen=True, slots=True)
class Card:
    """A box drawn round x = 0, its top at y = 0. ``height`` is that of the box, ``left`` and ``right`` what it takes."""

    scene: Scene
    left: float
    right: float
    height: float


def figures(params: int, macs: int) -> str:
    """Parameters and MACs in short."""
    found = [f"{compact(params)} params"] if params else []
    found += [f"{compact(macs)} MACs"] if macs else []
    return " · ".join(found)


def dims(shape: Shape) -> str:
    """A shape as a drawing writes it."""
    return shown(shape).replace("x", "×")


def card(box: Box) -> Card:
    """A box as marks."""
    before, after = box.chips[: box.main], box.chips[box.main + 1 :]
    stats = figures(box.params, box.macs)
    notes = [box.note] if box.note else []
    times = f"×{box.times}" if box.times > 1 else ""
    head = width(box.title, TITLE, True) + (22 if box.letter else 0) + (width(times, TITLE, True) + 10 if times else 0)
    inner = max(
        [
            head,
            _strip(before),
            _strip(after),
            width(stats, SMALL),
            *(width(n, SMALL) for n in notes),
            width(box.tag, SMALL),
            LEAST - 2 * PAD,
        ]
    )
    w = inner + 2 * PAD
    scene, y = Scene(), 7.0
    if box.tag:
        scene.marks.append(Text(0, y + 8, box.tag, SMALL, "soft", anchor="middle"))
        y += 13
    if before:
        _put_strip(scene, before, y)
        y += 19
    _put_head(scene, box, times, head, y)
    y += 18
    if after:
        _put_strip(scene, after, y)
        y += 19
    for line in [stats, *notes] if stats else notes:
        scene.marks.append(Text(0, y + 9, line, SMALL, "soft", anchor="middle"))
        y += 13
    h = y + 5
    body = [Rect(-w / 2, 0, w, h, box.kind, tip=_tip(box))]
    if times:
        body = [Rect(-w / 2 + n * STACK, n * STACK, w, h, box.kind) for n in (2, 1)] + body
    scene.marks[:0] = body
    more = 2 * STACK if times else 0.0
    label = width(dims(box.shape), SMALL) + 8
    scene.marks.append(Text(6, h + more + 12, dims(box.shape), SMALL, "soft"))
    return Card(scene, w / 2, max(w / 2 + more, label), h + more)


def pill(name: str, shape: Shape) -> Card:
    """What arrives from outside."""
    text = f"{name} {dims(shape)}"
    w = width(text, 11, True) + 24
    scene = Scene([Rect(-w / 2, 0, w, 24, "input", 12), Text(0, 16, text, 11, "ink", True, "middle")])
    return Card(scene, w / 2, w / 2, 24)


def _put_head(scene: Scene, box: Box, times: str, head: float, y: float) -> None:
    x = -head / 2
    if box.letter:
        scene.marks += badge(box.letter, x + 8, y + 8)
        x += 22
    scene.marks.append(Text(x, y + 12.5, box.title, TITLE, "ink", True))
    if times:
        scene.marks.append(Text(head / 2 - width(times, TITLE, True), y + 12.5, times, TITLE, "accent", True))


def badge(letter: str, x: float, y: float) -> list[Rect | Text]:
    """A letter in a disc round a point: it leads from a box to its panel."""
    return [Rect(x - 8, y - 8, 16, 16, "badge", 8), Text(x, y + 3.8, letter, 10.5, "inverse", True, "middle")]


def _strip(chips: tuple[Chip, ...]) -> float:
    return sum(width(c.text, CHIP) + 16 for c in chips) - (4 if chips else 0)


def _put_strip(scene: Scene, chips: tuple[Chip, ...], y: float) -> None:
    x = -_strip(chips) / 2
    for chip in chips:
        w = width(chip.text, CHIP) + 12
        scene.marks.append(Rect(x, y, w, 15, f"chip {chip.kind}", 3.5))
        scene.marks.append(Text(x + w / 2, y + 11, chip.text, CHIP, "ink", anchor="middle"))
        x += w + 4


def _tip(box: Box) -> str:
    times = f" ×{box.times}" if box.times > 1 else ""
    parts = [f"{box.path}{times}: {box.text}"]
    parts += [f"{many(box.params, 'parameter')}"] if box.params else []
    parts += [f"{exact(box.macs)} MACs"] if box.macs else []
    return ", ".join([*parts, f"gives {dims(box.shape)}"])
