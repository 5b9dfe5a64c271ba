"""What is drawn, as plain frozen data: boxes in frames, wires between boxes, and panels for what is shown once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from archdsl.registry.types import Shape


@dataclass(frozen=True, slots=True)
class Chip:
    """A word in a box: its text and the kind of op that it is, see ``archdsl.draw.kinds``."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Box:
    """One or several layers in a row, or a whole module told by its name.

    id: unique in the diagram. chips: its layers in order; ``main`` is the place of the one that gives it its name.
    tag: the author's name of it. params, macs: of all copies. shape: of what comes out. letter: of the panel that shows
    what is inside. path: its module.
    """

    id: int
    chips: tuple[Chip, ...]
    main: int
    path: str
    params: int
    macs: int
    shape: Shape
    tag: str = ""
    times: int = 1
    letter: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        return self.chips[self.main].text

    @property
    def kind(self) -> str:
        return self.chips[self.main].kind

    @property
    def text(self) -> str:
        """All its words in order."""
        return " ".join(c.text for c in self.chips)


@dataclass(frozen=True, slots=True)
class Frame:
    """A module with its inside. ``params`` and ``macs`` are those of all copies."""

    title: str
    path: str
    items: tuple[Thing, ...]
    params: int = 0
    macs: int = 0
    times: int = 1
    note: str = ""


Thing: TypeAlias = Box | Frame


@dataclass(frozen=True, slots=True)
class Wire:
    """A value on its way from a box to a box; -1 is what arrives from outside first, -2 second."""

    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawing of its own. ``arriving`` are names and shapes of the values that come from outside: sources -1, -2, …"""

    frame: Frame
    wires: tuple[Wire, ...]
    arriving: tuple[tuple[str, Shape], ...]
    outputs: tuple[int, ...]
    letter: str = ""
    title: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Diagram:
    """The overview, and a panel for each kind of module that it shows as one box."""

    title: str
    subtitle: str
    main: Panel
    panels: tuple[Panel, ...] = ()

    @property
    def all(self) -> tuple[Panel, ...]:
        return (self.main, *self.panels)


def boxes(frame: Frame) -> Iterator[Box]:
    """The boxes of a frame in order, those of frames inside too."""
    for item in frame.items:
        if isinstance(item, Box):
            yield item
        else:
            yield from boxes(item)


def named(panel: Panel) -> list[tuple[str, Shape]]:
    """What arrives, with the names that a reader needs: a single value is the input."""
    return [(name if len(panel.arriving) > 1 else "input", shape) for name, shape in panel.arriving]
