"""From the values of data and train words to an experiment's settings, and what is refused on the way. Knows no torch.

Every word fills one slot; two words for one slot contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, SpecError, fail
from archdsl.report.numbers import many
from archdsl.settings.experiment import DataSettings, TrainSettings, slot_kinds
from archdsl.words.data.base import Augmentation, Corruption, check_behaviour
from archdsl.words.train.kinds import Loss, Penalty, TrainWord

if TYPE_CHECKING:
    from archdsl.expand.graph import Setting


def fold_data(words: Iterable[Setting]) -> DataSettings:
    """The data settings of the words of a ``data`` statement.

    Raises:
        ArchError: no data set.
        SpecError: A220, two words for one slot.
    """
    slots = _slots(words)
    if "dataset" not in slots:
        raise ArchError("no data set is named", help="write `data fashion-mini`, or give --data fashion-mini")
    known = {f.name for f in fields(DataSettings)}
    for word in slots.values():
        _check_data(word, word.entry.slot in known or isinstance(word.value, Augmentation | Corruption))
    augment = tuple(s.value for s in slots.values() if isinstance(s.value, Augmentation))
    corrupt = tuple(s.value for s in slots.values() if isinstance(s.value, Corruption))
    valid, subset = (slots[s].value if s in slots else None for s in ("valid", "subset"))
    return DataSettings(slots["dataset"].value, valid, subset, augment, corrupt)


def fold_train(words: Iterable[Setting]) -> TrainSettings:
    """The train settings of the words of a ``train`` statement; defaults where no word is.

    Raises:
        SpecError: A220, two words for one slot or two that contradict each other.
    """
    words = tuple(words)
    for word in words:
        _check_train(word)
    slots = _slots(w for w in words if w.entry.slot)
    filled: dict[str, Any] = {slot: w.value for slot, w in slots.items() if slot in slot_kinds()}
    filled["penalties"] = tuple(w.value for slot, w in slots.items() if slot not in slot_kinds())
    for word in words:
        if not word.entry.slot:  # it may stand several times
            filled[word.entry.name] = (*filled.get(word.entry.name, ()), word.value)
    settings = TrainSettings(**filled)
    _agree(settings, words, slots)
    return settings


def _check_train(word: Setting) -> None:
    """Refuse a word whose value nothing would carry out.

    Raises:
        SpecError: A224.
    """
    value, kinds = word.value, slot_kinds().get(word.entry.slot or word.entry.name)
    about = f"`{type(value).__name__}` of {type(value).__module__}"
    if kinds is None and not isinstance(value, Penalty):
        raise fail("A224", f"nothing carries out the train word `{word.entry.name}`, which gives {about}", word.span,
                   "see docs/house.md for what a package can add")  # fmt: skip
    if kinds is not None and not isinstance(value, kinds):
        wanted = [kind for kind in kinds if issubclass(kind, TrainWord)]
        remedies = [f"make its class a `{kind.__name__}`{_with(kind.needs)}" for kind in wanted] or ["give a number"]
        raise fail("A224", f"nothing says how {about} is carried out", word.span,
                   f"{' or '.join(remedies)}, as docs/house.md describes")  # fmt: skip
    if isinstance(value, TrainWord) and value.lacks:
        raise fail("A224", f"nothing says how {about} is carried out", word.span,
                   f"complete the class{_with(value.lacks)}, as docs/house.md describes")  # fmt: skip


def _with(names: Iterable[str]) -> str:
    listed = " and ".join(f"`{name}`" for name in names)
    return f" with {listed}" if listed else ""


def _check_data(word: Setting, known: bool) -> None:
    """Refuse a word, of another package, that nothing would carry out.

    Raises:
        SpecError: A224.
    """
    value = word.value
    try:
        if not known:
            kind = type(value)
            raise ArchError(
                f"nothing carries out the data word `{word.entry.name}`, which gives `{kind.__name__}` of "
                f"{kind.__module__}",
                help="see docs/house.md for what a package can add",
            )
        if isinstance(value, Augmentation | Corruption):
            check_behaviour(value)
    except ArchError as error:
        raise fail("A224", error.message, word.span, error.help) from None


def _slots(words: Iterable[Setting]) -> dict[str, Setting]:
    """The words by slot, in the order of the text."""
    slots: dict[str, Setting] = {}
    for word in words:
        slot = word.entry.slot
        if slot in slots:
            raise _both(word, slots[slot], slot)
        slots[slot] = word
    return slots


def _both(word: Setting, other: Setting, what: str) -> SpecError:
    return _clash(f"`{word.entry.name}` and `{other.entry.name}` both set the {what}", word, "keep one of them")


def _clash(message: str, word: Setting, help: str) -> SpecError:
    return fail("A220", message, word.span, help)


def _agree(settings: TrainSettings, words: Iterable[Setting], slots: Mapping[str, Setting]) -> None:
    """Refuse words that contradict each other."""
    losses = [word for word in words if isinstance(word.value, Loss)]  # in whatever slots they are
    if len(losses) > 1:
        raise _both(losses[1], losses[0], "loss")
    for slot, value in settings.words():
        if (remark := value.against(settings)) is not None:
            at = slots.get(remark.about or slot) or next(w for w in words if w.value is value)
            raise _clash(remark.message, at, remark.help)
    warmup = settings.warmup if isinstance(settings.warmup, int) else 0  # of another kind: see settings.schedule.check
    if warmup > settings.epochs or (warmup == settings.epochs and settings.schedule is not None):
        raise _clash(
            f"the warm-up of {many(warmup, 'epoch')} leaves nothing of a run of {settings.epochs}",
            slots["warmup"],
            "fewer epochs of warm-up, or more epochs",
        )
