"""A network in a notebook: its drawing with its counts."""

from __future__ import annotations

from pathlib import Path

from archdsl.draw.diagram import boxes
from archdsl.draw.page import scene
from archdsl.draw.svg import svg_text
from archdsl.draw.view import diagram
from archdsl.ir.cost import Cost
from archdsl.ir.trace import Trace
from archdsl.report import compact
from archdsl.report.html import html_picture
from archdsl.report.numbers import many
from archdsl.report.text import printable

MOST = 400  # boxes of a picture; of a larger network modules are closed


def html(trace: Trace, cost: Cost, name: str) -> str:
    """The drawing as an ``img``; its heading has parameters, MACs and depth."""
    counts = f"{many(cost.params, 'parameter')} · {compact(cost.macs)} MACs · depth {cost.depth}"
    title = "" if name == "<spec>" else printable(Path(name).stem)
    drawn = diagram(trace, title, counts)
    if sum(1 for panel in drawn.all for _ in boxes(panel.frame)) > MOST:
        drawn = diagram(trace, title, counts, depth=1)
    return html_picture(svg_text(scene(drawn)), f"{title}: {counts}".removeprefix(": "))
