"""``archdsl data``: what a data set is and where it is, and a picture of what augmentations make of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import DataRoot, Format

if TYPE_CHECKING:
    from archdsl.expand import Setting
    from archdsl.report import Table
    from archdsl.words.data.base import Augmentation

IMAGES = 8  # in a row of a picture


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="cifar10, emnist(letters), folder:PATH, csv:PATH, …; without it, all sets."
        ),
    ] = None,
    format: Format = "table",
    augment: Annotated[
        str | None,
        typer.Option("--augment", metavar="WORDS", help="With --save: augmentations as in a text, 'flip crop(4)'."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", metavar="FILE.png", help="Write a picture: training images above, augmented ones below."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", metavar="N", min=1, max=100, help="With --save: images in a row; 8 by default."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            help="With --save: the seed of the choice of images and of their augmentation; 0 by default.",
        ),
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Describe a data set: shape, classes, size, place; or show its images."""
    from archdsl.cli.output import put, put_json, put_table
    from archdsl.errors import ArchError

    if augment is not None and save is None:
        raise ArchError("`--augment` draws a picture, and no file is named", help="add `--save FILE.png`")
    for option, value in (("--count", count), ("--seed", seed)):
        if value is not None and save is None:
            raise ArchError(f"`{option}` is of a picture, and no file is named", help="add `--save FILE.png`")
    if name is None:
        if save is not None:
            raise ArchError("`--save` needs a data set", help="archdsl data fashion-mini --save FILE.png")
        listed = table_of_sets(data_root)
        put_table(listed, format)
        return
    dataset = dataset_of(name)
    if save is not None:
        put(draw(dataset, augmentations(augment), save, count or IMAGES, seed or 0, data_root))
        return
    from archdsl.cli.views.datasets import facts_table, page
    from archdsl.data.about import about

    facts = about(dataset, data_root)
    if format == "json":
        put_json(facts)
    elif format in ("table", "text"):
        put(page(facts))
    else:
        put_table(facts_table(facts), format)


def settings(option: str, text: str) -> tuple[Setting, ...]:
    """The bound words of a ``data`` statement given on the command line.

    Raises:
        ArchError: it is more than one line.
        SpecError: it is not a sequence of data words.
    """
    from archdsl.errors import ArchError, Source
    from archdsl.expand import expand
    from archdsl.syntax.parse import parse

    if "\n" in text or "\r" in text or "#" in text or not text.strip():
        raise ArchError(f"{option}: words of a data statement are one line", help="for example 'flip crop(4)'")
    return expand(parse(Source(option, f"net id\ndata {text}"))).data


def dataset_of(name: str) -> Any:
    """The data set that NAME means.

    Raises:
        ArchError: it is none.
    """
    from archdsl.errors import ArchError
    from archdsl.expand.overrides import data_text

    first, *others = settings("NAME", data_text(name))
    if first.entry.slot != "dataset" or others:
        raise ArchError(
            f"`{name}` is not one data set", help="`archdsl data` lists all; words such as flip go into --augment"
        )
    return first.value


def augmentations(text: str | None) -> tuple[Augmentation, ...]:
    """The augmentations of ``--augment``, in their order.

    Raises:
        ArchError: a word of it is none.
    """
    from archdsl.errors import ArchError
    from archdsl.words.data.base import Augmentation

    bound = settings("--augment", text) if text is not None else ()
    for word in bound:
        if not isinstance(word.value, Augmentation):
            raise ArchError(
                f"--augment: `{word.entry.name}` is not an augmentation", help="`archdsl words data` lists them"
            )
    return tuple(word.value for word in bound)


def draw(dataset: Any, words: tuple[Augmentation, ...], file: Path, count: int, seed: int, root: Path | None) -> str:
    """Write the picture and say what is in it.

    Raises:
        ArchError: the set has no images, a word does not fit them, or the file is not a PNG.
        EnvError: the data is missing, or the file cannot be written.
    """
    from archdsl.cli.output import say
    from archdsl.cli.support.targets import announce
    from archdsl.data import load
    from archdsl.data.grid import VERSIONS, grid, png
    from archdsl.errors import ArchError
    from archdsl.export.target import check_target, replacing
    from archdsl.registry.shapes import Ids
    from archdsl.settings.checks import refuse, settings_findings
    from archdsl.settings.experiment import DataSettings
    from archdsl.settings.fold import fold_train

    if len(dataset.input) != 3:
        kind = "text" if isinstance(dataset.input, Ids) else "table"
        raise ArchError(f"{dataset.name} is a {kind}, which has no images", help="leave --save out")
    if file.suffix.lower() != ".png":
        raise ArchError(f"{file} is written as PNG", help=f"--save {file.with_suffix('.png')}")
    of_words = (f for f in settings_findings(DataSettings(dataset, augment=words), fold_train(())) if f.about in words)
    refuse(of_words)  # those that a run would refuse
    check_target(file)
    announce(file)
    parts = load(dataset, root)
    train = parts.train
    for text in parts.notes:
        say(text)
    picture = grid(train, words, count, seed)
    with replacing(file) as temporary, temporary.open("wb") as target:
        png(picture, target)
    below = f", {VERSIONS} versions of each below" if words else ""
    return f"{file}: {min(count, len(train))} training images of {dataset.name}{below}\n"


def table_of_sets(root: Path | None) -> Table:
    """All published sets, with the place of those that are here."""
    from archdsl.data.about import about
    from archdsl.expand.overrides import own_data
    from archdsl.registry import defaults, entries
    from archdsl.registry.shapes import dims
    from archdsl.report import Column, Table

    rows = []
    for entry in entries("data"):
        if entry.slot != "dataset" or defaults(entry) is None:  # a set of one's own needs its path
            continue
        (word,) = settings("NAME", entry.name)
        dataset = word.value
        known = about(dataset, root)
        row = (entry.name, dims(dataset.input), dataset.classes, known["train"], known["test"], known["place"])
        rows.append(row)
    columns = (
        Column("name"),
        Column("input"),
        Column("classes", "int"),
        Column("train", "int"),
        Column("test", "int"),
        Column("place"),
    )
    notes = (
        f"Of your own: {', '.join(f'{word}:PATH' for word in own_data())}. A set without a place is downloaded by a run.",
    )
    return Table(columns, tuple(rows), notes=notes)
