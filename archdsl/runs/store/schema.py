"""The kinds of value in the files of a run, checked where they are read: what another program has changed there is
damage with a place, not an error somewhere later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from archdsl.runs import events

LARGEST = 1e300  # of a number; a larger whole number is none that arithmetic with floats takes
_EVENTS = {
    kind.__name__.lower(): kind
    for kind in (
        events.Started,
        events.Resumed,
        events.Progress,
        events.EpochDone,
        events.Finished,
        events.Diverged,
        events.Stopped,
        events.TimedOut,
        events.Warned,
        events.Oom,
    )
}
# Of a run that finished, in every version; a loss may be NaN, which JSON lacks.
_NEEDED = ("train_accuracy", "test_accuracy", "seconds", "step")
_PARTS = ("test_", "valid_", "train_")  # how the names of metrics begin
_TEXTS = ("name", "hash", "identity", "source")


def check_event(record: Mapping[str, Any]) -> None:
    """Check a line of the log. Fields that are missing may be those of an older version.

    Raises:
        ValueError: a value is of a wrong kind.
    """
    kind = record.get("event")
    _text("event", kind)
    if kind in _EVENTS:
        _check(record, _kinds(_EVENTS[kind]))
    if kind == "epochdone":
        for name in (n for n, value in record.items() if n.startswith(_PARTS) and value is not None):
            _number(name, record[name])


def check_result(values: Mapping[str, Any]) -> None:
    """Check a result or an outcome, as it is in its file: figures may have the names that older versions gave them.

    Raises:
        ValueError: a value is of a wrong kind, or missing.
    """
    status = values.get("status")
    _text("status", status)
    for kind in (events.Progress, events.TimedOut, events.Diverged, events.Oom, events.Finished):
        _check(values, _kinds(kind))
    for name in (n for n, value in values.items() if n.startswith(_PARTS) and value is not None):
        _number(name, values[name])
    if "weights_sha256" in values:
        _text("weights_sha256", values["weights_sha256"])
    if "test_images" in values:
        _whole("test_images", values["test_images"])
    if status == "finished":
        written = {RENAMED[old]: old for old in RENAMED if old in values and RENAMED[old] not in values}
        for name in (written.get(needed, needed) for needed in _NEEDED):
            if not (name.endswith("_accuracy") and name in values and values[name] is None):  # of numbers there is none
                _number(name, values.get(name))
        if values.get("best_valid_accuracy") is not None:
            _number("valid_accuracy", values.get("valid_accuracy"))
            _whole("best_epoch", values.get("best_epoch"))
        for field in ("best_valid_accuracy", "valid_accuracy", "best_epoch"):
            if field not in values:
                raise ValueError(f"`{field}` is missing")


def check_settings(values: Mapping[str, Any]) -> None:
    """Check the settings of a run.

    Raises:
        ValueError: a value is of a wrong kind, or missing.
    """
    for name in _TEXTS[:3]:
        _text(name, values.get(name))
    if values.get("source") is not None:
        _text("source", values["source"])
    data, train, normalise = (_object(name, values.get(name)) for name in ("data", "train", "normalise"))
    if values.get("classes") is not None:
        _each("classes", values["classes"], _text)
    for name in ("mean", "std"):
        _each(f"normalise.{name}", normalise.get(name, []), _number)
    _each("data.input", data.get("input", []), _whole)
    tta = train.get("tta")
    if tta is not None:
        if not isinstance(tta, Mapping) or not isinstance(tta.get("flip"), bool):
            raise ValueError("`train.tta` does not say whether it mirrors")
        _whole("train.tta.shift", tta.get("shift"))


def check_versions(values: Mapping[str, Any]) -> None:
    """Check what a run says of the versions that it used.

    Raises:
        ValueError: a value is of a wrong kind.
    """
    _object("plan", values.get("plan"))


@cache
def _kinds(event: type) -> tuple[tuple[str, str], ...]:
    """The fields of an event with what they hold."""
    return tuple((f.name, str(f.type)) for f in fields(event))


def _check(record: Mapping[str, Any], kinds: Iterable[tuple[str, str]]) -> None:
    for name, kind in kinds:
        value = record.get(name)
        if value is None:  # missing, or a number that JSON lacks
            continue
        if kind.startswith("int"):
            _whole(name, value)
        elif kind.startswith("float"):
            _number(name, value)
        elif kind == "str":
            _text(name, value)
        else:
            _each(name, value, _text)


def _object(name: str, value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"`{name}` is {_kind(value)}, not an object")
    return value or {}


def _each(name: str, values: Any, check: Any) -> None:
    if not isinstance(values, list):
        raise ValueError(f"`{name}` is {_kind(values)}, not a list")
    for number, value in enumerate(values):
        check(f"{name}[{number}]", value)


def _whole(name: str, value: Any) -> None:
    if type(value) is not int or abs(value) > LARGEST:
        raise ValueError(f"`{name}` is {_kind(value)}, not a whole number")


def _number(name: str, value: Any) -> None:
    if type(value) not in (int, float) or abs(value) > LARGEST:
        raise ValueError(f"`{name}` is {_kind(value)}, not a number")


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"`{name}` is {_kind(value)}, not a text")


def _kind(value: Any) -> str:
    """A kind of JSON value in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "missing"}
    return names.get(
        type(value),
        "a number out of range"
        if isinstance(value, int | float) and abs(value) > LARGEST
        else "a number"
        if isinstance(value, int | float)
        else type(value).__name__,
    )


RENAMED = {"accuracy": "train_accuracy", "loss": "train_loss"}  # figures of results that were written before


def renamed(result: dict[str, Any]) -> dict[str, Any]:
    """A result with the figures' present names; the training figures were once called ``loss`` and ``accuracy``. Where a
    file has both names, the present one counts.
    """
    old = {new: result[name] for name, new in RENAMED.items() if name in result}
    return {**old, **{key: value for key, value in result.items() if key not in RENAMED}}


def checked(path: Path, values: dict[str, Any], check: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """The values of a file, if each is of the kind that it should be."""
    try:
        check(values)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    return values
