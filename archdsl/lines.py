"""Data and train words in one spelling, for the hash of an experiment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from archdsl.emit.canonical import plain
from archdsl.errors import ArchError
from archdsl.expand import Setting
from archdsl.registry import params


def setting_lines(space: str, settings: Iterable[Setting], placeless: bool = False) -> list[str]:
    """Data or train words in one spelling: sorted by the slot that they fill, augmentations in the order of the text.
    ``placeless`` leaves out where a data set is.
    """
    lines = [(_rank(space, s.entry.slot), f"{space} {_call(s, placeless)}") for s in settings]
    return [text for _, text in sorted(lines, key=lambda line: line[0])]


def train_lines(settings: tuple[Setting, ...]) -> list[str]:
    """The train settings that are not the defaults, so that a new train word leaves every hash as it was; as they were
    written where they contradict each other, or where weights to begin with are not there. (A default that changes needs
    a new number of our numerics.)
    """
    from archdsl.settings.experiment import TrainSettings
    from archdsl.settings.fold import fold_train

    try:
        found, usual = fold_train(settings), TrainSettings()
        if found.init is not None:
            from archdsl.transfer.place import resolved

            found = replace(found, init=resolved(found.init))
    except ArchError:
        return setting_lines("train", settings)
    pairs = ((name, getattr(found, name)) for name in TrainSettings.__dataclass_fields__)
    return sorted(f"train {name} {value!r}" for name, value in pairs if value != getattr(usual, name))


def _rank(space: str, slot: str) -> str:
    """Words of equal rank keep their order; in a data statement, all but these work one after the other."""
    return slot if space == "train" or slot in ("dataset", "valid", "subset") else "~"


def _call(setting: Setting, placeless: bool = False) -> str:
    """One word with its arguments by name. An argument that is `none` unless given is left out, so that a word that gets
    one keeps its hash; with ``placeless``, the path of a data set is left out too.
    """
    left_out = "path" if placeless and setting.entry.slot == "dataset" else ""
    every = zip(params(setting.entry), setting.args, strict=True)
    pairs = [(p, a) for p, a in every if p.name != left_out and not (a is None and p.default is None)]
    return f"{setting.entry.name}({', '.join(f'{p.name}={plain(a)}' for p, a in pairs)})"
