"""From a trace to a diagram: which modules are opened, which layers share a box, what is shown once.

Where everything open would be more than ``ROOM`` boxes, modules are closed from the inside until it fits, and each kind
of closed module gets a panel, up to ``MOST`` of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl.draw.card import figures
from archdsl.draw.diagram import Diagram, Panel
from archdsl.draw.parts import Drawer, closable, count
from archdsl.errors import ArchError, suggest
from archdsl.ir.fold import MODULES, fold
from archdsl.ir.outline import Leaf, Part, leaves, outline, stem
from archdsl.registry import params

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.ir.fold import Folded
    from archdsl.ir.outline import Outline
    from archdsl.ir.trace import Trace

ROOM = 26  # boxes that a slide can show
PANEL = 40  # boxes of a panel
MOST = 8  # panels
DEEPEST = 64
_SIZES = frozenset({"k", "s", "dilation"})  # arguments that make another kind of block, unlike widths


def diagram(
    trace: Trace,
    title: str = "",
    subtitle: str = "",
    *,
    depth: int | None = None,
    expand: bool = False,
    part: str = "",
    room: int = ROOM,
) -> Diagram:
    """The diagram of a traced network.

    Args:
        part: the path of a module, which is drawn instead of the whole; its figures are put behind the subtitle.
        depth: levels of modules that are opened; None chooses, and draws what is closed in panels.
        expand: open everything, short composite words (``sepconv``, ``se``) too, and fold nothing but equal blocks.
        room: boxes that the overview may have.

    Raises:
        ArchError: there is no such part.
    """
    shape = outline(trace)
    folded = fold(shape)
    if part:
        found = _find(folded.root, part)
        folded = replace(folded, root=replace(found, times=1, wrapper=None))
        drawer = Drawer(shape, folded, {}, True)
        counted = figures(drawer.params(folded.root), drawer.macs(folded.root))
        subtitle = " · ".join(t for t in (subtitle, counted, f"×{found.times}" if found.times > 1 else "") if t)
    if expand or depth is not None:
        main = _panel(shape, folded, folded.root, DEEPEST if expand else depth or 0, units=not expand)
        return Diagram(title, subtitle, main)
    level = _level(shape, folded.root, room)
    letters, without = _letters(shape, folded.root, level) if level < DEEPEST else ({}, 0)
    if without:
        kinds = f"{without} more {'kind of module has' if without == 1 else 'kinds of modules have'} no panel: --part draws one"
        subtitle = " · ".join(text for text in (subtitle, kinds) if text)
    main = _panel(shape, folded, folded.root, level, letters={id(p): x for x, ps in letters.items() for p in ps})
    panels = [_detail(shape, folded, letter, parts) for letter, parts in letters.items()]
    return Diagram(title, subtitle, main, tuple(panels))


def _find(root: Part, path: str) -> Part:
    known = {p.path: p for p in _parts(root) if p.path}
    if path in known:
        return known[path]
    ends = [p for p in known if p.endswith(f".{path}")]
    if ends:
        return known[ends[0]]
    near = suggest(path, known)
    raise ArchError(
        f"unknown module `{path[:80]}` of the drawing",
        help=near or "the paths of modules are those of `archdsl show SPEC`; of equal ones the first is drawn",
    )


def _parts(part: Part) -> Iterator[Part]:
    yield part
    for item in part.items:
        if isinstance(item, Part):
            yield from _parts(item)


def _level(outline: Outline, part: Part, room: int) -> int:
    """How many levels may be open: all, or the most that fit."""
    if count(outline, part, DEEPEST) <= room:
        return DEEPEST
    level = 0
    while level < DEEPEST and count(outline, part, level + 1) <= room:
        level += 1
    return level


def _panel(
    outline: Outline,
    folded: Folded,
    part: Part,
    level: int,
    *,
    units: bool = True,
    letters: dict[int, str] | None = None,
) -> Panel:
    drawer = Drawer(outline, folded, letters or {}, units, part.start)
    frame = drawer.frame(part, level)
    wires, sources, outputs = drawer.wires(part)
    return Panel(frame, wires, tuple((_name(outline, s), outline.shape(s)) for s in sources), outputs)


def _name(outline: Outline, source: int) -> str:
    if source < 0:
        return "input"
    return outline.values[source].row.path.partition(".")[0]


def _letters(outline: Outline, root: Part, level: int) -> tuple[dict[str, list[Part]], int]:
    """A letter for each of the first kinds of closed modules, with the modules in order; and how many kinds have none."""
    kinds: dict[Any, list[Part]] = {}
    for part in _closed(outline, root, level):
        kinds.setdefault(_kind(outline, part), []).append(part)
    found = list(kinds.values())[:MOST]
    return {chr(ord("A") + n): parts for n, parts in enumerate(found)}, len(kinds) - len(found)


def _closed(outline: Outline, part: Part, level: int) -> Iterator[Part]:
    for item in part.items:
        if isinstance(item, Part) and closable(outline, item):
            if level > 0:
                yield from _closed(outline, item, level - 1)
            elif count(outline, item, DEEPEST) > 1:
                yield item


def _kind(outline: Outline, part: Part) -> Any:
    """What two modules share that differ in nothing but widths; how often the whole is there does not matter."""

    def sign(item: Leaf | Part, top: bool) -> Any:
        if isinstance(item, Part):
            return item.times if not top else 0, tuple(sign(i, False) for i in item.items)
        value = outline.values[item.value]
        sizes = tuple(a for p, a in zip(params(value.row.op.entry), value.row.op.args, strict=True) if p.name in _SIZES)
        return value.row.op.name, sizes, tuple(i - item.value if i >= part.start else 0 for i in value.inputs)

    return sign(part, True)


def _detail(outline: Outline, folded: Folded, letter: str, parts: list[Part]) -> Panel:
    """The panel of a kind of module, with the figures of the first one."""
    first = parts[0]
    shown = replace(first, times=1)
    panel = _panel(outline, folded, shown, _level(outline, shown, PANEL))
    note = f"{first.path}, the first of {len(parts)}" if len(parts) > 1 else ""
    if len({_widths(outline, p) for p in parts}) > 1:
        note += "; their widths differ"
    return replace(panel, letter=letter, title="block" if stem(first.name) in MODULES else first.name, note=note)


def _widths(outline: Outline, part: Part) -> tuple[Any, ...]:
    return tuple(outline.values[leaf.value].row.layer.out for leaf in leaves(part))
