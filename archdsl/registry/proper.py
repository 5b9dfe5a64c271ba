"""What a word has to have, refused where it is defined; what takes longer to see is a law (``archdsl.laws``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import ArchError, suggest
from archdsl.registry.phases import Phase
from archdsl.registry.traits import DATA_SLOTS, TRAIN_SLOTS, TRAITS
from archdsl.registry.value import Value

if TYPE_CHECKING:
    from archdsl.registry.entry import Entry

_SLOTS = {"train": TRAIN_SLOTS, "data": DATA_SLOTS}


def check(entry: Entry) -> None:
    """Refuse a word that lacks something.

    Raises:
        ArchError: it says what, and what to write.
    """
    if isinstance(entry.make, type):
        _check_class(entry, entry.make)
    if not entry.help:
        raise _wrong(entry, "has no help", "write a docstring: its first line is what lists say of the word")
    if not entry.examples:
        raise _wrong(entry, "has no example", "give its decorator one, which is also its test")
    if not entry.traits <= TRAITS.keys():
        unknown = min(entry.traits - TRAITS.keys())
        known = f"the traits are: {', '.join(TRAITS)}"
        raise _wrong(entry, f"has the unknown trait `{unknown}`", f"{suggest(unknown, TRAITS)} {known}".strip())
    if entry.kind in _SLOTS:
        _check_slot(entry)
    if entry.kind == "modifier":
        if not isinstance(entry.phase, Phase):
            phases = ", ".join(p.name for p in Phase)
            raise _wrong(entry, "has no phase", f"give its decorator `phase=Phase.…`, one of {phases}")
        if not callable(entry.undo):
            raise _wrong(entry, "has no undo", "give its decorator `undo=`, a function from a node to a node or None")


def _check_class(entry: Entry, make: type) -> None:
    made = vars(make).get("__dataclass_params__")
    if made is None or not (made.frozen or (issubclass(make, Value) and not made.init)):  # the latter is `@setting`
        raise ArchError(
            f"the word `{entry.name}` is the class {make.__module__}.{make.__qualname__}, which is not a frozen dataclass",
            help="write @setting below the decorator of the word",
        )
    if entry.kind in ("metric", "proxy") and "called" in vars(make):
        raise _wrong(entry, "has `called`, which is of records of runs", 'write `name="…"` into its decorator')
    unknown = [n for n in getattr(make, "amounts", ()) if n not in vars(make)["__dataclass_fields__"]]
    if unknown:
        raise _wrong(
            entry, f"names `{unknown[0]}` among its `amounts`, which is none of its fields", "write a field's name"
        )


def _check_slot(entry: Entry) -> None:
    """Refuse a slot that nothing reads. A class that says ``any_slot`` may have one of its own."""
    slots, slot = _SLOTS[entry.kind], entry.slot
    if slot in slots or (slot and getattr(entry.make, "any_slot", False)):
        return
    if not slot and entry.kind == "train" and entry.name in slots:
        return  # it may stand several times
    what = f"has the unknown slot `{slot}`" if slot else "has no slot"
    others = {"train": "a Penalty", "data": "an Augmentation, a Mixing or a Corruption"}[entry.kind]
    help = f"the slots are: {', '.join(slots)}; {others} takes one of its own"
    raise _wrong(entry, what, f"{suggest(slot, slots)} {help}".strip())


def _wrong(entry: Entry, what: str, help: str) -> ArchError:
    place = f", line {entry.place.line}," if entry.place is not None else ""
    return ArchError(f"the word `{entry.name}` of {entry.make.__module__}{place} {what}", help=help)
