"""A scene as PNG or PDF, through matplotlib, which brings its own letters: no fonts of the machine are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.draw.palette import DARK, LIGHT
from archdsl.draw.scene import Line, Rect, Scene, Text
from archdsl.draw.svg import BEND, corners

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("png", "pdf")
DPI = 144  # two pixels a point of the drawing
MOST = 20_000  # pixels of a side that anything can show
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def picture(scene: Scene, target: Path, kind: str, dark: bool = False) -> None:
    """Write a scene as a picture of a kind of ``KINDS``; the same scene gives the same bytes.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    palette = DARK if dark else LIGHT
    dpi = min(DPI, MOST / max(scene.w, scene.h) * 72)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(scene.w / 72, scene.h / 72), facecolor=palette["paper"][0])
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, scene.w), ylim=(scene.h, 0))
        for place, mark in enumerate(scene.marks):
            _draw(axes, mark, palette, place)
        figure.savefig(target, format=kind, dpi=dpi, metadata=_METADATA[kind])


def _draw(axes: Axes, mark: Rect | Text | Line, palette: dict[str, tuple[str, str]], place: int) -> None:
    from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon

    if isinstance(mark, Rect):
        fill, stroke = palette[mark.style.split()[-1]]
        style = f"round,pad=0,rounding_size={min(mark.radius, mark.h / 2)}"
        axes.add_artist(
            FancyBboxPatch(
                (mark.x, mark.y),
                mark.w,
                mark.h,
                boxstyle=style,
                facecolor=fill,
                edgecolor=stroke,
                linewidth=1,
                zorder=place,
            )
        )
    elif isinstance(mark, Text):
        axes.add_artist(PathPatch(_letters(mark), facecolor=palette[mark.style][0], linewidth=0, zorder=place))
    else:
        colour = palette["wire"][1]
        path = PathPatch(_path(mark), facecolor="none", edgecolor=colour, linewidth=1.4, zorder=place, capstyle="butt")
        axes.add_artist(path)
        if mark.head:
            x, y = mark.points[-1]
            axes.add_artist(
                Polygon([(x, y), (x - 3.6, y - 6.5), (x + 3.6, y - 6.5)], facecolor=colour, linewidth=0, zorder=place)
            )


def _letters(mark: Text) -> Any:
    """The outlines of a text, as wide as the layout takes it to be; its font is a little wider than that."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(family="DejaVu Sans", weight="bold" if mark.bold else "normal")
    path = TextPath((0, 0), mark.text.replace("$", "\\$"), size=mark.size * 0.92, prop=font, usetex=False)
    drawn = path.get_extents().x1 if len(path.vertices) else 0.0
    squeeze = min(1.0, mark.width / drawn) if drawn > 0 else 1.0
    left = mark.x - (drawn * squeeze / 2 if mark.anchor == "middle" else 0)
    return Affine2D().scale(squeeze, -1).translate(left, mark.y).transform_path(path)


def _path(line: Line) -> Any:
    from matplotlib.path import Path as Outline

    points = line.points
    if line.head:  # the stroke ends inside the head, not at its point
        (x, y), before = points[-1], points[-2]
        points = (*points[:-1], (x, y - 3.0 if abs(before[1] - y) > 3 else y))
    vertices, codes = [], []
    for op, *ps in corners(points, BEND):
        vertices += ps
        codes += [{"M": Outline.MOVETO, "L": Outline.LINETO, "Q": Outline.CURVE3}[op]] * len(ps)
    return Outline(vertices, codes)
