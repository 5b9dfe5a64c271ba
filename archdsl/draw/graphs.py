"""A diagram in the languages of other tools: Graphviz's dot, and mermaid as code hosts draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.draw.card import dims, figures
from archdsl.draw.diagram import Box, boxes, named
from archdsl.draw.palette import LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.draw.diagram import Diagram, Frame, Panel


def dot_text(diagram: Diagram) -> str:
    """A graph for ``dot``: a cluster for each frame, and one for each panel."""
    title, subtitle = _dot(diagram.title), _dot(diagram.subtitle)
    lines = [
        f'digraph "{title}" {{',
        f'  label="{title}\\l{subtitle}\\l"; labelloc=t; labeljust=l; fontname="Helvetica"',
        "  rankdir=TB; nodesep=0.3; ranksep=0.35",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11]',
        '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7]',
    ]
    for panel in diagram.all:
        lines += _dot_panel(panel)
    return "\n".join([*lines, "}"]) + "\n"


def _dot_panel(panel: Panel) -> list[str]:
    key, arriving = panel.letter or "net", named(panel)
    inner = [
        f'  {key}_in{n} [label="{_dot(name)} {dims(shape)}", shape=oval, fillcolor="{LIGHT["input"][0]}"]'
        for n, (name, shape) in enumerate(arriving, 1)
    ]

    def node(box: Box, indent: str) -> str:
        fill, stroke = LIGHT[box.kind]
        label = _BREAK.join(map(_dot, _label(box)))
        return f'{indent}{key}_{box.id} [label="{label}", fillcolor="{fill}", color="{stroke}"]'

    def cluster(frame: Frame, indent: str, path: str) -> list[str]:
        return [
            f"{indent}subgraph cluster_{path} {{",
            f'{indent}  label="{_dot(_heading(frame))}"; style=rounded; color=grey',
            *_inside(frame, indent + "  ", path, node, cluster),
            f"{indent}}}",
        ]

    inner += _inside(panel.frame, "  ", key, node, cluster)
    shapes = {b.id: b.shape for b in boxes(panel.frame)}
    for wire in panel.wires:
        source = f"{key}_in{-wire.source}" if wire.source < 0 else f"{key}_{wire.source}"
        label = f' [label="{dims(shapes[wire.source])}"]' if wire.source >= 0 else ""
        inner.append(f"  {source} -> {key}_{wire.target}{label}")
    if not panel.letter:
        return inner
    heading = f"{panel.letter}: {panel.title}" + (f" ({panel.note})" if panel.note else "")
    return [
        f"  subgraph cluster_{key} {{",
        f'    label="{_dot(heading)}"; style=solid; color=grey',
        *["  " + i for i in inner],
        "  }",
    ]


def mermaid_text(diagram: Diagram) -> str:
    """A flow chart: a subgraph for each frame, and one for each panel."""
    lines = ["---", f"title: {_yaml(diagram.title)}", "---", "flowchart TB"]
    used: set[str] = set()
    for panel in diagram.all:
        lines += _mermaid_panel(panel)
        used |= {b.kind for b in boxes(panel.frame)}
    for kind in LIGHT:
        if kind in used or kind == "input":
            fill, stroke = LIGHT[kind]
            lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke},color:#1c2430")
    return "\n".join(lines) + "\n"


def _mermaid_panel(panel: Panel) -> list[str]:
    key, arriving = panel.letter or "net", named(panel)
    inner = [
        f'  {key}_in{n}(["{_html(f"{name} {dims(shape)}")}"]):::input' for n, (name, shape) in enumerate(arriving, 1)
    ]

    def node(box: Box, indent: str) -> str:
        return f'{indent}{key}_{box.id}["{"<br/>".join(map(_html, _label(box)))}"]:::{box.kind}'

    def cluster(frame: Frame, indent: str, path: str) -> list[str]:
        return [
            f'{indent}subgraph {path}_frame ["{_html(_heading(frame)) or " "}"]',
            *_inside(frame, indent + "  ", path, node, cluster),
            f"{indent}end",
        ]

    inner += _inside(panel.frame, "  ", key, node, cluster)
    shapes = {b.id: b.shape for b in boxes(panel.frame)}
    for wire in panel.wires:
        source = f"{key}_in{-wire.source}" if wire.source < 0 else f"{key}_{wire.source}"
        label = f'|"{dims(shapes[wire.source])}"|' if wire.source >= 0 else ""
        inner.append(f"  {source} -->{label} {key}_{wire.target}")
    if not panel.letter:
        return inner
    heading = f"{panel.letter}: {panel.title}" + (f" ({panel.note})" if panel.note else "")
    return [f'  subgraph {key}_panel ["{_html(heading)}"]', *["  " + i for i in inner], "  end"]


def _inside(
    frame: Frame, indent: str, path: str, node: Callable[[Box, str], str], inner: Callable[[Frame, str, str], list[str]]
) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(frame.items):
        lines += [node(item, indent)] if isinstance(item, Box) else inner(item, indent, f"{path}_{number}f")
    return lines


def _label(box: Box) -> list[str]:
    times = f" ×{box.times}" if box.times > 1 else ""
    letter = f"{box.letter}: " if box.letter else ""
    lines = [f"{letter}{f'{box.tag}: ' if box.tag else ''}{box.text}{times}", figures(box.params, box.macs), box.note]
    return [line for line in lines if line]


def _heading(frame: Frame) -> str:
    times = f"×{frame.times}" if frame.times > 1 else ""
    return " · ".join(
        part for part in (f"{frame.title} {times}".strip(), figures(frame.params, frame.macs), frame.note) if part
    )


_BREAK = "\\n"  # as dot writes a new line


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _dot(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace('"', '\\"')


def _html(text: str) -> str:
    """Mermaid reads HTML, and entities by ``#name;``."""
    signs = {"&": "#amp;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "#": "#35;", ";": "#59;", "`": "#96;"}
    return "".join(signs.get(c, c) for c in _line(text))


def _yaml(text: str) -> str:
    return '"' + _line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
