"""What a Python program gives beside a study, checked before anything is made, in the spelling of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.device import check_device
from archdsl.errors import ArchError, suggest
from archdsl.expand import given
from archdsl.runs.conditions import known_precision
from archdsl.study.execute.execution import ExecutionOptions
from archdsl.study.execute.select import SelectionOptions

# Options that are a text or several, with an example of each.
_SEVERAL = {
    "without": "res",
    "add": "bn",
    "set": "train.epochs=1",
    "where": "params < 1e6",
    "baseline": "norm=bn",
    "metric": "test_accuracy",
}
_AMOUNTS = ("alpha", "same", "budget")
_TEXTS = ("design", "data", "match", "precision", "until", "failures", "preset")
_NUMBERS = ("max_seeds", "time_limit")
_OPTIONS = ("seeds", *_SEVERAL, *_AMOUNTS, *_TEXTS, *_NUMBERS)


def selection(options: dict[str, Any]) -> SelectionOptions:
    """The options of a study.

    Raises:
        ArchError: an unknown option, or a value of a wrong kind.
    """
    return SelectionOptions(
        **{("into" if name == "add" else name): _checked(name, value) for name, value in options.items()}
    )


def known_device(device: object) -> str:
    """A device as it is written: None stands for ``auto``, and a ``torch.device`` for its name.

    Raises:
        ArchError: it is not a device.
    """
    return check_device("auto" if device is None else str(device))


def on_this_machine(device: object, data_root: str | Path | None, jobs: int | None) -> ExecutionOptions:
    """How its runs are carried out.

    Raises:
        ArchError: an unknown device, or a number of workers that is none.
    """
    root = None if data_root is None else Path(data_root)
    return ExecutionOptions(known_device(device), root, given.number("jobs", jobs, whole=True))


def _checked(name: str, value: Any) -> Any:
    if name not in _OPTIONS:
        raise ArchError(
            f"unknown option `{name}`", help=suggest(name, _OPTIONS) or f"the options are {', '.join(_OPTIONS)}"
        )
    if name in _SEVERAL:
        return () if value is None else given.texts(name, value, _SEVERAL[name])
    if name in _AMOUNTS:
        return given.amount(name, value)
    if name == "seeds":
        return given.seeds(value)
    if name in _NUMBERS:
        return given.number(name, value, whole=name == "max_seeds")
    found = given.text(name, value)
    return known_precision(found) if name == "precision" and found is not None else found
