"""``archdsl plot``: learning curves of runs."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.report.numbers import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.report.chart import Curve, Line

KEYS = {"loss": ("loss", "valid_loss"), "accuracy": ("accuracy", "valid_accuracy"), "lr": ("lr",)}
NAMES = {"lr": "learning rate"}
PARTS = ("train", "validation")
NO_EPOCH = ("no epoch is finished", "`archdsl runs` shows the progress of each")
MISSING = {
    "loss": ("no loss was finite", "`archdsl runs show RUN` shows its epochs"),
    "accuracy": ("its task has no accuracy", "--what loss draws the runs of every task"),
    "lr": ("no learning rate is known", "--what loss draws every run"),
}
WIDEST, HEIGHT = 100, 16  # characters and lines of a chart in text
HUES = 7  # colours of a terminal; more runs have a letter each


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Folders of runs, or their names in --runs.")],
    what: Annotated[
        Literal["loss", "accuracy", "lr"], typer.Option("--what", help="What to draw over the epochs.")
    ] = "loss",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write a figure: .png, .svg or .pdf.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis.")] = False,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="TEXT", help="A run's name in the legend; once for each run, in their order."),
    ] = None,
    out: Annotated[Path, typer.Option("--runs", "--out", metavar="DIR", help="The folder of the runs.")] = Path("runs"),
) -> None:
    """Draw learning curves of one or several runs: training solid, validation dashed. Without --save, as text."""
    if save is not None:
        check_figure(save)
    folders = _found(runs, out)
    curves = _curves(folders, what, _names(folders, label))
    _check_drawable(curves, log)
    if save is not None:
        _save(save, curves, what, log)
    else:
        _put(curves, what, log)


def check_figure(save: Path, otherwise: str = "leave --save out for a chart in text", read: Sequence[str] = ()) -> None:
    """Refuse before any work what could not be drawn after it, or would replace what the command reads."""
    from archdsl.cli.support.targets import announce
    from archdsl.errors import ArchError
    from archdsl.export.target import check_target
    from archdsl.extras import require
    from archdsl.report.figures import KINDS

    if save.suffix.lower().removeprefix(".") not in KINDS:
        raise ArchError(f"{save} does not end in .png, .svg or .pdf", help="name it curves.svg")
    require("matplotlib", otherwise=otherwise)
    check_target(save)
    announce(save, read=read)


def _found(names: Sequence[str], out: Path) -> list[Path]:
    """The runs to draw. Other files and folders among them, such as the folder of the studies, are left out with a note:
    a shell gives it for `runs/*`.
    """
    from archdsl.cli.output import say
    from archdsl.errors import EnvError
    from archdsl.runs.index import find

    runs: list[Path] = []
    others: dict[str, EnvError] = {}
    for name in names:
        try:
            runs.append(find(name, out))
        except EnvError as error:
            if not os.path.exists(name):
                raise
            others[name] = error
    places = {run.resolve().parent for run in runs}
    for name, refused in others.items():
        if Path(name).resolve().parent not in places:
            raise refused
    if others:
        say(f"note: left out, since they are not runs: {', '.join(others)}")
    return list(dict.fromkeys(runs))


def _names(folders: Sequence[Path], labels: Sequence[str] | None) -> list[str]:
    """The shortest names that tell the runs apart: of the experiment, with its seed, of the folder."""
    from archdsl.errors import ArchError
    from archdsl.runs.run import load_run

    settings = [load_run(folder).settings for folder in folders]  # which refuses a run of a newer format
    if labels:
        if len(labels) != len(folders):
            raise ArchError(
                f"--label is given {many(len(labels), 'time')} for {many(len(folders), 'run')}",
                help="give it once for each run, in their order",
            )
        return list(labels)
    names = [str(s.get("name", "")) for s in settings]
    seeds = [f"{n} seed {s.get('train', {}).get('seed')}" for n, s in zip(names, settings, strict=True)]
    plain = [folder.absolute().name for folder in folders]
    for found in (names, seeds, plain):
        if max(Counter(found).values()) == 1:
            return found
    return [str(folder) for folder in folders]


def _curves(folders: Sequence[Path], what: str, names: Sequence[str]) -> list[Curve]:
    """Each run is a group; of a single run, training and validation are. Says why a run has no curve.

    Raises:
        EnvError: none has one.
    """
    from archdsl.cli.output import say
    from archdsl.errors import EnvError
    from archdsl.report.chart import Curve
    from archdsl.runs.index import epochs
    from archdsl.runs.store.log import read_events

    found = []
    without: dict[tuple[str, str], list[str]] = {}
    single = len(folders) == 1
    for group, (folder, name) in enumerate(zip(folders, names, strict=True)):
        done = epochs(read_events(folder))
        keys = [(number, key) for number, key in enumerate(KEYS[what]) if any(e.get(key) is not None for e in done)]
        for number, key in keys:
            xs, ys = [float(e["epoch"]) for e in done], [_value(e.get(key)) for e in done]
            part = PARTS[number] if single and what != "lr" else name
            found.append(Curve(part, xs, ys, number if single else group, dashed=number == 1))
        if not keys:
            without.setdefault(MISSING[what] if done else NO_EPOCH, []).append(name)
    texts = [f"{', '.join(runs)} ({why})" for (why, _), runs in without.items()]
    if not found:
        raise EnvError(f"there is nothing to draw of {' and '.join(texts)}", help=next(iter(without))[1])
    for text in texts:
        say(f"note: there is nothing to draw of {text}")
    return found


def _value(value: Any) -> float:
    return float("nan") if value is None else float(value)  # a loss that was not finite is null in the log


def _check_drawable(curves: Sequence[Curve], log: bool) -> None:
    from archdsl.errors import ArchError

    if log and not any(y > 0 for c in curves for y in c.ys):
        raise ArchError("a logarithmic axis needs values above 0, and there are none", help="leave --log out")


def _save(save: Path, curves: Sequence[Curve], what: str, log: bool) -> None:
    from archdsl.export.target import replacing
    from archdsl.report import figures

    several = len({c.group for c in curves}) < len(curves)
    with replacing(save) as temporary:
        figures.curves(
            temporary,
            curves,
            "epoch",
            NAMES.get(what, what),
            kind=save.suffix.lower()[1:],
            log=log,
            percent=what == "accuracy",
            styles=PARTS if several else None,
        )


def _put(curves: Sequence[Curve], what: str, log: bool) -> None:
    """A chart in text: coloured on a terminal; letters tell the curves apart where there are no colours."""
    from archdsl.cli.output import put, stdout
    from archdsl.report import is_terminal
    from archdsl.report.chart import MARKS, chart, plain

    stream = stdout()
    terminal = is_terminal(stream)
    colour = terminal and not os.environ.get("NO_COLOR")
    groups = len({c.group for c in curves})
    distinct = groups <= HUES if colour else groups <= 2 and len(curves) <= 2
    dots = "utf" in (stream.encoding or "").lower() and distinct
    size = shutil.get_terminal_size((80, 24)) if terminal else os.terminal_size((80, 24))
    lines = chart(
        curves,
        min(size.columns, WIDEST),
        max(4, min(size.lines - len(curves) - 4, HEIGHT)),
        log=log,
        percent=what == "accuracy",
        dots=dots,
    )
    legend: list[Line] = []
    for number, curve in enumerate(curves):
        mark = ("╌╌" if curve.dashed else "──") if dots else MARKS[number % len(MARKS)]
        part = f" {PARTS[curve.dashed]}" if curve.name not in PARTS and what != "lr" else ""
        legend.append([(mark, curve.group), (f" {curve.name}{part}", None)])
    drawn: list[Line] = [
        [(NAMES.get(what, what), None)],
        *lines,
        [("epoch".rjust(min(size.columns, WIDEST)), None)],
        *legend,
    ]
    if colour:
        from archdsl.cli.views.live_chart import coloured

        coloured(drawn, stream)
    else:
        put(plain(drawn))
