"""``archdsl draw``: a network as a picture, or as text on the terminal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Classes, Data, Input, Set
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.draw import Diagram
    from archdsl.draw.flow import Piece

Kind = Literal["text", "svg", "png", "pdf", "dot", "mermaid"]
SUFFIXES: dict[str, Kind] = {
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".txt": "text",
}
MOST = 1500  # boxes of a picture; more than that nobody can look at
TERMINAL_ROOM = 60  # boxes that a terminal may show before modules are drawn apart from their insides
COLOURS = {
    "conv": "bright_blue",
    "linear": "blue",
    "attention": "magenta",
    "norm": "green",
    "act": "yellow",
    "pool": "red",
    "join": "bright_magenta",
    "gate": "bright_red",
    "title": "bold",
    "soft": "dim",
    "rail": "dim",
    "input": "bold",
}


def command(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC|RUN", help="A file, the name of a shipped spec, `-`, a text, or a run's folder."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="net.svg, .png, .pdf, .dot, .mmd or .txt.")
    ] = None,
    format: Annotated[
        Kind | None, typer.Option("--format", help="The format, where the ending of the file does not give it; text.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", min=0, max=64, help="Levels of modules that are opened; 0 is an overview.")
    ] = None,
    expand: Annotated[bool, typer.Option("--expand", help="Open everything.")] = False,
    part: Annotated[
        str, typer.Option("--part", metavar="PATH", help="Only this module, by its path in `archdsl show`.")
    ] = "",
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="The heading; the spec's name.")] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", metavar="FILE", help="Write a figure of parameters, MACs and activations over depth."
        ),
    ] = None,
    dark: Annotated[
        bool, typer.Option("--dark", help="Dark colours in a png or pdf; an svg follows the setting of its viewer.")
    ] = False,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
) -> None:
    """Draw a network: repeated blocks once as ×N, shapes on the lines, parameters and MACs in the boxes. What would not fit
    on a slide is drawn as an overview, with a panel for each kind of block.

    archdsl draw resnet18 · archdsl draw resnet18 -o net.svg · archdsl draw resnet18 --part stage2 -o stage2.png"""
    from archdsl.cli.output import talk
    from archdsl.cli.support.resolve import found

    kind = _kind(spec, out, format, dark)
    if depth is not None and expand:
        raise _refusal("--depth and --expand contradict each other", "keep one of them")
    if profile is not None:
        _check_profile(spec, profile)
        idle = {"--depth": depth is not None, "--expand": expand, "--part": part}
        if out is None and format is None and (option := next((o for o, given in idle.items() if given), None)):
            raise _refusal(
                f"{option} has no effect on a profile, which is of the whole net", "leave it out, or add -o FILE"
            )
    loaded = found(spec, input=input, classes=classes, data=data, set=set).spec
    talk(loaded.notes)
    if profile is not None:
        _profile(loaded, profile, title)
        if out is None and format is None:
            return
    _draw(_diagram(loaded, title, depth, expand, part, kind), kind, out, dark)


def _refusal(message: str, help: str) -> Exception:
    from archdsl.errors import ArchError

    return ArchError(message, help=help)


def _kind(spec: str, out: Path | None, format: Kind | None, dark: bool) -> Kind:
    """What to draw, by ``--format`` or the file's ending; one must not contradict the other."""
    from archdsl.cli.support.targets import announce
    from archdsl.export.target import check_target
    from archdsl.extras import require

    by_ending = SUFFIXES.get(out.suffix.lower()) if out is not None else None
    if out is not None and format is None and by_ending is None:
        raise _refusal(
            f"the ending of {out} does not say what to draw", f"end it in {', '.join(SUFFIXES)}, or give --format"
        )
    if format is not None and by_ending not in (None, format):
        raise _refusal(f"--format {format} and the ending of {out} contradict each other", "leave --format out")
    kind: Kind = format or by_ending or "text"
    if dark and kind not in ("png", "pdf"):
        raise _refusal(
            f"--dark has no effect on {kind}", "leave it out: an svg is light or dark by the setting of its viewer"
        )
    if kind in ("png", "pdf"):
        if out is None:
            raise _refusal(f"a {kind} goes to a file, not to standard output", f"name it: -o net.{kind}")
        require("matplotlib", otherwise="draw an svg, which needs nothing")
    if out is not None:
        check_target(out)
        announce(out, read=(spec,))
    return kind


def _check_profile(spec: str, target: Path) -> None:
    from archdsl.cli.commands.plot import check_figure

    check_figure(target, "leave --profile out", (spec,))


def _diagram(spec: Spec, title: str | None, depth: int | None, expand: bool, part: str, kind: Kind) -> Diagram:
    from archdsl.draw import boxes, diagram
    from archdsl.draw.view import ROOM
    from archdsl.report import compact
    from archdsl.report.text import printable

    name = printable(_name(spec) if title is None else title)
    subtitle = f"{many(spec.cost.params, 'parameter')} · {compact(spec.cost.macs)} MACs · depth {spec.cost.depth}"
    room = TERMINAL_ROOM if kind == "text" else ROOM
    if part:
        name, subtitle = f"{name} · {part}" if title is None else name, ""
    drawn = diagram(spec.trace, name, subtitle, depth=depth, expand=expand, part=part, room=room)
    count = sum(1 for panel in drawn.all for _ in boxes(panel.frame))
    if count > MOST and kind in ("svg", "png", "pdf"):
        raise _refusal(
            f"the picture would have {count:,} boxes; the limit is {MOST:,}",
            "--depth 1 closes modules, --part draws one of them, and text has no such bound",
        )
    return drawn


def _name(spec: Spec) -> str:
    """The heading: what a text is called, or itself."""
    if spec.name == "<spec>":
        return " ".join(spec.text.split())[:80]
    path = Path(spec.name)
    return path.parent.name if path.name == "spec.arch" and path.parent.name else path.stem


def _draw(diagram: Diagram, kind: Kind, out: Path | None, dark: bool) -> None:
    from archdsl.cli.output import put, stdout
    from archdsl.export.target import replacing

    if kind == "text" and out is None:
        _to_terminal(diagram)
        return
    if kind in ("png", "pdf") and out is not None:
        from archdsl.draw.page import scene
        from archdsl.draw.raster import picture

        with replacing(out) as file:
            picture(scene(diagram), file, kind, dark)
        return
    text = _text(diagram, kind)
    if out is None:
        utf = "utf" in (stdout().encoding or "").lower()
        # XML without a declaration is UTF-8; in another encoding only references to characters are read as them.
        put(text if utf or kind != "svg" else text.encode("ascii", "xmlcharrefreplace").decode("ascii"))
        return
    with replacing(out) as file:
        file.write_text(text, "utf-8")


def _text(diagram: Diagram, kind: Kind) -> str:
    """A drawing that is text in itself."""
    if kind == "svg":
        from archdsl.draw.page import scene
        from archdsl.draw.svg import svg_text

        return svg_text(scene(diagram))
    if kind == "text":
        from archdsl.draw import flow

        return flow.text(flow.flow(diagram))
    from archdsl.draw.graphs import dot_text, mermaid_text

    return dot_text(diagram) if kind == "dot" else mermaid_text(diagram)


def _to_terminal(diagram: Diagram) -> None:
    """Lines as wide as the terminal, in its colours; into a pipe, whole lines without."""
    from archdsl.cli.output import put, stdout
    from archdsl.draw.flow import flow, text
    from archdsl.report import is_terminal

    stream = stdout()
    ascii = "utf" not in (stream.encoding or "").lower()
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    lines = flow(diagram, width, ascii)
    if is_terminal(stream) and not os.environ.get("NO_COLOR"):
        _coloured(lines)
    else:
        put(text(lines))


def _coloured(lines: list[list[Piece]]) -> None:
    from rich.console import Console
    from rich.text import Text

    from archdsl.cli.output import stdout
    from archdsl.report.text import printable

    console = Console(file=stdout(), force_terminal=True, highlight=False, emoji=False, soft_wrap=True)
    for line in lines:
        drawn = Text()
        for piece in line:
            drawn.append(printable(piece.text), COLOURS.get(piece.style, ""))
        console.print(drawn, soft_wrap=True)


def _profile(spec: Spec, target: Path, title: str | None) -> None:
    from archdsl.draw.depth import stretches, values
    from archdsl.export.target import replacing
    from archdsl.report.profile import profile

    with replacing(target) as file:
        profile(
            file,
            values(spec.trace),
            stretches(spec.trace),
            kind=target.suffix.lower()[1:],
            title=_name(spec) if title is None else title,
        )
