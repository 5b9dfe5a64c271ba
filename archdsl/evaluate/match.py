"""What belongs together of a net and a data set: columns and classes, by their names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from archdsl.errors import ArchError, EnvError
from archdsl.registry.shapes import Ids, dims
from archdsl.words.data.cells import is_missing
from archdsl.words.data.classes import Names
from archdsl.words.data.heads import Head, checked
from archdsl.words.data.sheets import sheet
from archdsl.words.data.tables import Table
from archdsl.words.tasks import Several

if TYPE_CHECKING:
    from archdsl.evaluate.load import Trained
    from archdsl.words.data.sheets import Sheet

By = Literal["name", "position"]
LISTED = 30  # names in a message
POSITION = "; `eval --match position` takes them in their order instead"


@dataclass(frozen=True, slots=True)
class Match:
    """How a data set is read for a net: of a table, by this head; ``labels`` has the net's label for each label of the
    set, None where they are equal. ``notes`` are for a person.
    """

    head: Head | None = None
    labels: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def match(net: Trained, dataset: Any, own: Any, by: By = "name") -> Match:
    """Match a data set with what a net was trained on; ``own`` is the data set of its run.

    Raises:
        ArchError: the set has another kind or shape of input, or columns or classes that the net does not know.
        EnvError: the data is missing or damaged.
    """
    if isinstance(dataset, Table):
        if len(net.input) != 1 or isinstance(net.input, Ids):
            raise ArchError(
                f"{dataset.name} is a table, and the net takes {dims(net.input)}",
                help="choose a data set like that of its run",
            )
        return _of_table(net, dataset, own, by)
    if len(net.input) == 1 and not isinstance(net.input, Ids):
        raise ArchError(
            f"{dataset.name} has images, and the net takes rows of a table with {net.input[0]} columns",
            help="choose a table: --data csv:PATH or parquet:PATH",
        )
    theirs = tuple(dataset.class_names)
    if isinstance(net.input, Ids) and isinstance(dataset.input, Ids) and theirs != net.class_names:
        raise ArchError(
            f"the characters of {dataset.name} are not those that the net knows: {listed(theirs)}",
            help=f"choose a text of these characters: {listed(net.class_names)}",
        )
    if dataset.input != net.input:
        raise ArchError(
            f"the examples of {dataset.name} are {dims(dataset.input)}, the net takes {dims(net.input)}",
            help="choose a data set with examples of that shape",
        )
    if theirs == net.class_names:
        return Match()
    if isinstance(net.task, Several):
        raise ArchError(
            f"the targets of {dataset.name} are not those of the heads of the net: {listed(theirs)}",
            help=f"choose data with these targets and classes: {listed(net.class_names)}",
        )
    if by == "position":
        return Match(notes=_by_position(net.class_names, theirs, dataset.name, "classes"))
    labels = _labels(net.class_names, theirs, dataset.name)
    return Match(labels=labels, notes=_absent(net.class_names, labels, dataset.name))


def columns_of(net: Trained, own: Any) -> tuple[tuple[str, ...], str]:
    """The columns that a net takes, in order, and its target. Runs of older versions did not record them: then they are
    those of the run's own table.

    Raises:
        ArchError: nothing says which columns they are.
    """
    if net.columns is not None:
        return net.columns, net.target or ""
    why = "its data is not a table"
    try:
        if isinstance(own, Table):
            head = own.head
            if (len(head.features),) == net.input:
                return head.features, head.target
            why = f"{own.name} has {len(head.features)} of them now, and the net takes {net.input[0]}"
    except EnvError as error:
        why = error.message
    raise ArchError(
        f"the run did not record its columns, and its table does not say them: {why}",
        help="put the table back that the run was trained on, or train again",
    )


def features_of(found: Sheet, wanted: Sequence[str], targets: Collection[str], by: By = "name") -> tuple[str, ...]:
    """The columns of a table that are the ``wanted`` ones, in their order; ``targets`` are not given to the net.

    Raises:
        ArchError: some are missing, or there are others besides the target; with both lists.
    """
    theirs = [name for name in found.names if name not in targets]
    if by == "position" and len(theirs) == len(wanted):
        return tuple(theirs)
    missing, more = [n for n in wanted if n not in theirs], [n for n in theirs if n not in wanted]
    if missing or more:
        parts = [
            f"{what} {listed(names)}"
            for what, names in (("missing:", missing), ("not known to the net:", more))
            if names
        ]
        raise ArchError(
            f"the columns of {found.path} are not those that the net was trained on; {'; '.join(parts)}\n"
            f"  the table has {listed(theirs)}\n  the net takes {listed(wanted)}",
            help="name the columns as the training table does, in any order, and take others out"
            + (POSITION if len(theirs) == len(wanted) else ""),
        )
    return tuple(wanted)


def _of_table(net: Trained, dataset: Table, own: Any, by: By) -> Match:
    wanted, target = columns_of(net, own)
    if not net.task.counted:
        return _by_names(net, dataset, wanted, by)
    asked = dataset.target or target
    path = dataset.files()[0]
    found = sheet(path, dataset.kind, asked, dataset.header)
    if asked not in found.names:
        raise ArchError(
            f"{path} has no column `{asked}`, the target of the net\n  the table has {listed(found.names)}\n"
            f"  the net takes {listed(wanted)} and the target {target}",
            help='name the target: --data \'csv("PATH", target="NAME")\'',
        )
    checked(found, asked)
    features = features_of(found, wanted, (asked,), by)
    notes = list(found.notes)
    if features != tuple(wanted):
        notes += _by_position(wanted, features, dataset.name, "columns")
    elif [n for n in found.names if n != asked] != list(wanted):
        notes.append(
            f"note: the columns of {dataset.name} are in another order than those of the net; they are matched by name"
        )
    if by == "position":
        classes = dataset.head.classes if dataset.target == asked else replace(dataset, target=asked).head.classes
        if classes != net.class_names:
            notes += _by_position(net.class_names, classes, dataset.name, "classes")
        return Match(Head(features, asked, classes), None, tuple(notes))
    known = Names(net.class_names)
    theirs = [text for text in dict.fromkeys(found.texts(asked)) if not is_missing(text)]
    labels = _labels(net.class_names, theirs, dataset.name, known.find)
    notes += _absent(net.class_names, labels, dataset.name)
    return Match(Head(features, asked, net.class_names), None, tuple(notes))


def _by_names(net: Trained, dataset: Table, wanted: Sequence[str], by: By) -> Match:
    """The match of a table with a net that predicts numbers, or has several heads: its targets are found by name."""
    heads = net.task.heads if isinstance(net.task, Several) else ()
    path, targets = dataset.files()[0], tuple(h.name for h in heads) or net.class_names
    found = sheet(path, dataset.kind, targets[0], dataset.header)
    missing = [name for name in targets if name not in found.names]
    if missing:
        raise ArchError(
            f"{path} has no column `{missing[0]}`, a target of the net\n  the table has {listed(found.names)}",
            help=f"name the column as the training table does: {listed(targets)}",
        )
    checked(found, targets[0])
    features = features_of(found, wanted, targets, by)
    notes = list(found.notes)
    if features != tuple(wanted):
        notes += _by_position(wanted, features, dataset.name, "columns")
    for head in (h for h in heads if h.task.counted):
        theirs = [text for text in dict.fromkeys(found.texts(head.name)) if not is_missing(text)]
        labels = _labels(head.classes, theirs, f"{dataset.name}, column {head.name},", Names(head.classes).find)
        notes += _absent(head.classes, labels, f"{dataset.name}, column {head.name},")
    return Match(Head(features, ", ".join(targets), net.class_names, (), (), not heads, heads), None, tuple(notes))


def _by_position(ours: Sequence[str], theirs: Sequence[str], name: str, what: str) -> tuple[str, ...]:
    if len(ours) != len(theirs):
        raise ArchError(
            f"{name} has {len(theirs)} {what}, the net has {len(ours)}: they cannot be matched by position\n"
            f"  the data has {listed(theirs)}\n  the net has {listed(ours)}",
            help=f"choose data with as many {what}",
        )
    pairs = [f"{b} as {a}" for a, b in zip(ours, theirs, strict=True) if a != b]
    return (f"note: the {what} of {name} are matched by position: {listed(pairs)}",)


def _labels(
    ours: Sequence[str], theirs: Sequence[str], name: str, find: Callable[[str], int | None] | None = None
) -> tuple[int, ...]:
    """The net's label for each class of the data.

    Raises:
        ArchError: a class that the net does not know; with both lists.
    """
    find = find or {text: label for label, text in enumerate(ours)}.get
    found = [find(text) for text in theirs]
    unknown = [text for text, label in zip(theirs, found, strict=True) if label is None]
    if unknown:
        raise ArchError(
            f"{name} has classes that the net does not know: {listed(unknown)}\n"
            f"  the data has {listed(theirs)}\n  the net knows {listed(ours)}",
            help="name the classes as the training data does, or leave the others out"
            + (POSITION if len(theirs) == len(ours) else ""),
        )
    return tuple(label for label in found if label is not None)


def _absent(ours: Sequence[str], labels: Sequence[int], name: str) -> tuple[str, ...]:
    """What is to be said of classes that the data lacks."""
    absent = [text for label, text in enumerate(ours) if label not in set(labels)]
    return (f"note: {name} has no {listed(absent)}, which the net knows too",) if absent else ()


def listed(names: Sequence[str]) -> str:
    """Names in a message."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more:,} more" if more > 0 else "")
