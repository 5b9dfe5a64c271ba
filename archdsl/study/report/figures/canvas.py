"""From a drawing to inline SVG: matplotlib without pyplot, nobody's own settings, the same bytes for the same data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings
from xml.sax.saxutils import escape, quoteattr

from archdsl.extras import require
from archdsl.report.text import on_one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREY, PALE, INK = "#0072B2", "#767676", "#e3e3e3", "#1a1a1a"
WIDTH = 7.2  # inches: two columns of a paper
SLIM = 3.7  # inches: the page of a telephone
ROW = 0.27  # inches of an arm's row
LINE = 0.15  # inches of a name above its row
LABEL = 40  # letters of an arm's name in a figure
SMALL, WIDE = 4.4, 4.8  # points of a letter of a name or a legend, and of the label of an axis
LEGEND = 0.155  # inches of a line of a legend
HANDLE = 34.0  # points of a mark of a legend with what is around it
BESIDE = 45.0  # points of a panel that are beside its axes

# Lines that cross or lie close are told apart without colour, too: by dashes, and by the shape of their points.
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.3, 1.3)),
    (0, (5, 1.3, 1.3, 1.3)),
    (0, (2.5, 1)),
    (0, (7, 1.2, 1.2, 1.2, 1.2, 1.2)),
    (0, (8, 3)),
)
SHAPES = ("o", "s", "^", "D", "v", "P", "X")

_STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "archdsl",
}


def render(size: tuple[float, float], draw: Callable[[Figure], None], key: str, title: str) -> str:
    """An ``<svg>`` element that is ``size`` inches wide and high; letters are paths, so that it is the same everywhere.

    Args:
        key: begins every id, so that several figures fit into one document.
        title: what a screen reader says.

    Raises:
        EnvError: matplotlib is not installed.
    """
    text = StringIO()
    paint(size, draw, text, "svg")
    return clean(text.getvalue(), key, title)


def paint(size: tuple[float, float], draw: Callable[[Figure], None], target: Any, kind: str) -> None:
    """Draw into a file or a stream of a kind that matplotlib knows.

    Raises:
        EnvError: matplotlib is not installed.
    """
    require("matplotlib")
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), catch_warnings():
        filterwarnings("ignore", "Glyph")  # a letter that the font lacks becomes a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)  # which can measure letters
        draw(figure)
        if kind != "svg":
            figure.savefig(target, format=kind, dpi=150)
            return
        figure.set_dpi(150)
        # What `savefig` would call, which draws everything once more before.
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None, "Creator": None})


def clean(text: str, key: str, title: str) -> str:
    """The ``<svg>`` element alone: no prolog, comment, metadata or foreign namespace; ids that nothing refers to go,
    the others begin with ``key``.
    """
    text, title = text[text.index("<svg") :], on_one_line(title)
    text = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\s+xmlns:xlink="[^"]*"', "", text).replace("xlink:href=", "href=")
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    names = {name for pair in used for name in pair if name}
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in names else "", text)
    text = re.sub(r'href="#', f'href="#{key}-', text).replace("url(#", f"url(#{key}-")
    text = re.sub(r"<defs>\s*</defs>\s*", "", text)
    head, rest = text.split(">", 1)
    return f'{head} role="img" aria-label={quoteattr(title)}><title>{escape(title)}</title>{rest.rstrip()}'


def lines_left_out(panels: Mapping[str, int], most: int) -> Iterator[str]:
    """A sentence for each panel that has more lines than are drawn; ``panels``: how many each has, by its name."""
    for name, count in panels.items():
        if count > most:
            yield f"of the {count} lines of {name} the first {most} are drawn"


def legend(axes: Axes, above: bool = False, across: int = 2, named: Mapping[str, Any] | None = None) -> None:
    """The legend of a pair of axes, on a ground of its own, so that no line of the grid runs through its words; ``above``
    them, in so many columns, where it has so many words that it would cover lines. ``named``: what it shows, else all.
    """
    options: dict[str, Any] = {"frameon": True, "framealpha": 0.9, "edgecolor": "none", "handlelength": 2.6}
    if above:
        options |= {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": across, "columnspacing": 1.2}
    if named is not None:
        options |= {"handles": list(named.values()), "labels": list(named)}
    axes.legend(borderpad=0.3, **options)


def short(name: str, length: int = LABEL) -> str:
    """A name that fits: of a long one its beginning and its end."""
    name = " ".join(name.split())
    if len(name) <= length:
        return name
    head = (length - 1) * 2 // 3
    return f"{name[:head].rstrip()}…{name[head + 1 - length :].lstrip()}"


def labels(names: Sequence[str], length: int = LABEL) -> list[str]:
    """Short names, each another: those that would be alike begin with their number in the table."""
    found = [short(name, length) for name in names]
    alike = {label for label in found if found.count(label) > 1}
    return [f"{n}: {short(label, length - 4)}" if label in alike else label for n, label in enumerate(found, 1)]


def letters(inches: float, across: int = 1) -> int:
    """The letters of a name in the legend of a panel, so many names beside each other: a wider legend narrows the axes."""
    return int(((72 * inches - BESIDE) / across - HANDLE) / SMALL)


def width(slim: bool) -> float:
    """The width in inches of a figure, of a page or of a slim one."""
    return SLIM if slim else WIDTH


def rows(axes: Axes, names: Sequence[str], slim: bool = False, row: float = ROW) -> None:
    """One row for each name, from above; pale lines lead the eye from a name to its marks.

    Args:
        slim: names are above their rows, so that a narrow page has room for the marks.
        row: inches of a row, without the name above it.
    """
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [""] * len(names) if slim else names)
    lines = 1 + max(name.count("\n") for name in names)
    for y, name in enumerate(names if slim else ()):
        axes.annotate(
            name,
            (0.0, y - 0.5 * row / (row + LINE * lines)),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize=7.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},  # lines that cross it
        )
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
