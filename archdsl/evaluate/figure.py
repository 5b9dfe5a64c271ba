"""The confusion matrix as a picture: through matplotlib's Figure where it is installed (the extra
``archdsl[plot]``), else as a plainer PNG through Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from warnings import catch_warnings, filterwarnings

from archdsl.errors import ArchError
from archdsl.evaluate.metrics import Report
from archdsl.export.target import replacing
from archdsl.extras import installed, require
from archdsl.report.numbers import many

NAMED = 40  # classes up to which each is named, and each cell has its number
LONGEST = 16
LIGHT, DARK = (247, 251, 255), (8, 48, 107)  # the ends of ColorBrewer's Blues
CELL, MARGIN, TITLE = 44, 150, 40  # pixels, of Pillow's picture
_METADATA: dict[str, dict[str, None]] = {  # no date and no version inside: the same matrix is the same file
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def check_figure(path: Path) -> None:
    """Fail before any work is done if no such picture can be drawn.

    Raises:
        ArchError: an ending that is none of .png, .svg and .pdf.
        EnvError: .svg or .pdf, and matplotlib is not installed.
    """
    ending = path.suffix.lower()
    if ending not in _METADATA:
        raise ArchError(f"{path} does not end in .png, .svg or .pdf", help="name it confusion.png")
    if ending != ".png":
        require("matplotlib", otherwise="name a .png file")


def draw(report: Report, names: Sequence[str], path: Path, item: str = "image") -> None:
    """Draw what was taken for what; a cell's shade is its fraction of the class.

    Args:
        item: what is counted, see ``Task.item``.

    Raises:
        EnvError: the picture cannot be written.
    """
    shorts = [n if len(n) <= LONGEST else n[: LONGEST - 1] + "…" for n in names]
    title = f"accuracy {100 * report.accuracy:.2f} %, {many(report.images, item)}"
    shares = [[count / max(sum(row), 1) for count in row] for row in report.confusion]
    with replacing(path) as file:
        drawn = _figure if installed("matplotlib") else _plain
        drawn(report.confusion, shares, shorts if len(names) <= NAMED else [], title, file, path.suffix.lower())


Counts = tuple[tuple[int, ...], ...]
Shares = list[list[float]]


def _figure(counts: Counts, shares: Shares, names: list[str], title: str, file: Path, ending: str) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    side = 2.2 + (0.45 * len(names) if names else 8)
    with rc_context({"svg.hashsalt": "archdsl", "text.parse_math": False}), catch_warnings():
        filterwarnings("ignore", "Glyph")  # a letter that the font lacks becomes a box
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        axes = figure.subplots()
        figure.colorbar(
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1), ax=axes, shrink=0.8, label="fraction of the class"
        )
        axes.set(xlabel="taken for", ylabel="class", title=title)
        if names:
            axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(names)), names)
            for i, row in enumerate(counts):
                for j, count in enumerate(row):
                    if count:
                        axes.text(
                            j,
                            i,
                            str(count),
                            ha="center",
                            va="center",
                            fontsize=8,
                            color="white" if shares[i][j] > 0.5 else "black",
                        )
        figure.savefig(file, format=ending[1:], dpi=150, metadata=_METADATA[ending])


def _plain(counts: Counts, shares: Shares, names: list[str], title: str, file: Path, ending: str) -> None:
    from PIL import Image, ImageDraw

    cell = CELL if names else max(2, 800 // len(counts))
    left = MARGIN if names else cell
    side = left + cell * len(counts)
    picture = Image.new("RGB", (side + 20, TITLE + side), "white")
    pen = ImageDraw.Draw(picture)
    pen.text(
        (side / 2, TITLE / 2), f"{title}; rows are true classes, columns are predicted classes", "black", anchor="mm"
    )
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            share, x, y = shares[i][j], left + j * cell, TITLE + i * cell
            shade = tuple(round(a + share * (b - a)) for a, b in zip(LIGHT, DARK, strict=True))
            pen.rectangle((x, y, x + cell - 1, y + cell - 1), shade)
            if names and count:
                ink = "white" if share > 0.5 else "black"
                pen.text((x + cell / 2, y + cell / 2), str(count), ink, anchor="mm")
    for n, name in enumerate(names):
        pen.text((left - 8, TITLE + (n + 0.5) * cell), name, "black", anchor="rm")
        label = Image.new("RGB", (MARGIN, cell), "white")
        ImageDraw.Draw(label).text((MARGIN - 8, cell / 2), name, "black", anchor="rm")
        picture.paste(label.rotate(90, expand=True), (left + n * cell, TITLE + cell * len(counts)))
    picture.save(file, format="PNG")
