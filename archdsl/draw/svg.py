"""A scene as SVG: one file without scripts or outside resources, with a title and a description for those who cannot see
it, in colours that follow the reader's light or dark scheme."""

from __future__ import annotations

from html import escape
from math import hypot

from archdsl.draw.palette import DARK, LIGHT
from archdsl.draw.scene import Line, Rect, Scene, Text

_FONT = "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', sans-serif"
BEND = 6.0  # radius of a line's corners


def svg_text(scene: Scene) -> str:
    """The file's content; the same scene gives the same text."""
    w, h = _n(scene.w), _n(scene.h)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
        f'aria-labelledby="title about" font-family="{escape(_FONT, quote=True)}">\n'
        f'<title id="title">{_safe(scene.title)}</title>\n<desc id="about">{_safe(scene.about)}</desc>\n'
        f"<style>\n{_style()}</style>\n"
        '<rect class="paper" width="100%" height="100%"/>\n'
    )
    return head + "\n".join(_mark(m) for m in scene.marks) + "\n</svg>\n"


def _style() -> str:
    rules = ["rect{stroke-width:1}", "text{stroke:none}", ".wire{fill:none;stroke-width:1.4}"]
    text = "".join(f"{rule}\n" for rule in rules) + _rules(LIGHT)
    return text + "@media (prefers-color-scheme:dark){\n" + _rules(DARK) + "}\n"


def _rules(palette: dict[str, tuple[str, str]]) -> str:
    lines = []
    for name, (fill, stroke) in palette.items():
        if name == "wire":
            lines.append(f".wire{{stroke:{stroke}}}\n.head{{fill:{stroke}}}")
        else:
            lines.append(f".{name}{{fill:{fill};stroke:{stroke}}}")
    return "\n".join(lines) + "\n"


def _mark(mark: Rect | Text | Line) -> str:
    match mark:
        case Rect(x=x, y=y, w=w, h=h, style=style, radius=radius, tip=tip):
            body = f'<rect class="{style}" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{_n(radius)}"'
            return f"{body}><title>{_safe(tip)}</title></rect>" if tip else f"{body}/>"
        case Text(x=x, y=y, text=text, size=size, style=style, bold=bold, anchor=anchor):
            more = (' font-weight="bold"' if bold else "") + (' text-anchor="middle"' if anchor == "middle" else "")
            return (
                f'<text class="{style}" x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{more} '
                f'textLength="{_n(mark.width)}" lengthAdjust="spacingAndGlyphs">{_safe(text)}</text>'
            )
        case Line(points=points, head=head):
            path = f'<path class="wire" d="{rounded(points)}"/>'
            if not head:
                return path
            x, y = points[-1]
            return f'{path}<path class="head" d="M{_n(x)} {_n(y)}l-3.6 -6.5h7.2z"/>'


def rounded(points: tuple[tuple[float, float], ...], radius: float = BEND) -> str:
    """The path of a polyline with round corners."""
    return " ".join(f"{op}{' '.join(_n(v) for p in ps for v in p)}" for op, *ps in corners(points, radius))


def corners(
    points: tuple[tuple[float, float], ...], radius: float = BEND
) -> list[tuple[str, tuple[float, float]] | tuple[str, tuple[float, float], tuple[float, float]]]:
    """A polyline with round corners as moves: M, L with a point, Q with a control point and a point."""
    found: list[tuple[str, tuple[float, float]] | tuple[str, tuple[float, float], tuple[float, float]]]
    found = [("M", points[0])]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        a, b = hypot(at[0] - before[0], at[1] - before[1]), hypot(after[0] - at[0], after[1] - at[1])
        r = min(radius, a / 2, b / 2)
        if r < 0.5:
            found.append(("L", at))
            continue
        start = (at[0] + (before[0] - at[0]) * r / a, at[1] + (before[1] - at[1]) * r / a)
        end = (at[0] + (after[0] - at[0]) * r / b, at[1] + (after[1] - at[1]) * r / b)
        found += [("L", start), ("Q", at, end)]
    return [*found, ("L", points[-1])]


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def _safe(text: str) -> str:
    """Text as XML: escaped, and without the control characters that no XML may hold."""
    return escape("".join(c if c.isprintable() else " " for c in text), quote=False)
