"""``archdsl plot``: learning curves of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

TRAIN_AND_VALID = {"loss": ("loss", "valid_loss"), "accuracy": ("accuracy", "valid_accuracy"), "lr": ("lr",)}
BLOCKS = "▁▂▃▄▅▆▇█"


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Folders of runs, or their names in --out.")],
    what: Annotated[
        Literal["loss", "accuracy", "lr"], typer.Option("--what", help="What to draw over the epochs.")
    ] = "loss",
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="A .png, .svg or .pdf file.")] = None,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the runs.")] = Path("runs"),
) -> None:
    """Draw learning curves: training solid, validation dashed. Without --save, as a line of blocks for each curve."""
    from archdsl.cli.output import put
    from archdsl.cli.runs import _folders
    from archdsl.errors import ArchError
    from archdsl.train.store.log import read_events

    lines: dict[str, list[tuple[list[float], list[float], str]]] = {}
    for path in _folders(runs, out):
        done = [e for e in read_events(path) if e["event"] == "epochdone"]
        parts = [_part(done, key, dash) for key, dash in zip(TRAIN_AND_VALID[what], ("-", "--"), strict=False)]
        lines[path.name] = [p for p in parts if p[0]]
    if not any(lines.values()):
        raise ArchError(
            "none of these runs has come to the end of an epoch", help="`archdsl runs` tells how far each is"
        )
    if save is None:
        put("".join(_drawn(name, part) for name, parts in lines.items() for part in parts))
    else:
        _saved(save, lines, what, log)


def _part(done: list[dict[str, Any]], key: str, dash: str) -> tuple[list[float], list[float], str]:
    points = [(float(e["epoch"]), float(e[key])) for e in done if e.get(key) is not None]
    return [x for x, _ in points], [y for _, y in points], dash


def _drawn(name: str, part: tuple[list[float], list[float], str]) -> str:
    _, values, dash = part
    low, high = min(values), max(values)
    span = high - low or 1.0
    marks = "".join(BLOCKS[round((v - low) / span * 7)] for v in values[:: max(1, len(values) // 60)])
    kind = "valid" if dash == "--" else "train"
    return f"{name}  {kind}  {marks}  {values[0]:.4g} to {values[-1]:.4g}\n"


def _saved(save: Path, lines: dict[str, Any], what: str, log: bool) -> None:
    from archdsl.emit.target import replacing
    from archdsl.errors import ArchError, EnvError
    from archdsl.report.figures import curves

    kind = save.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise ArchError(f"{save} is none of .png, .svg and .pdf", help="name a file such as curves.svg")
    name = {"lr": "learning rate"}.get(what, what)
    try:
        with replacing(save) as temporary:
            curves(temporary, lines, "epoch", name, log, kind)
    except ImportError as error:
        raise EnvError("figures need matplotlib, which is not installed", help="pip install 'archdsl[plot]'") from error
