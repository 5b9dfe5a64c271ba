"""``tune`` of a study file: the settings that are tuned for every arm, their ranges, and the random draws from them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import log
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, suggest
from archdsl.limits import Limits
from archdsl.registry import find, names
from archdsl.report.numbers import short
from archdsl.study.plan.factors import NOTHING, factor
from archdsl.study.plan.levels import NUMBER, number
from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archdsl.study.plan.reader import Reader

MOST_RUNS = 256  # tuning runs of an arm; the band of its curve takes time with the cube of their number
MOST_TUNING_SEEDS = 100
FIRST_SEED = 1_000_000  # of the tuning runs; no number of seeds of a study reaches it
END = 0.1  # of a range: what counts as its end
_CONTINUOUS = re.compile(rf"(log|lin)\s*\(\s*({NUMBER})(%?)\s*\.\.\s*({NUMBER})(%?)\s*\)", re.ASCII)
_KEY = re.compile(r"(?:(let|data|train)\.)?([A-Za-z_][A-Za-z0-9_-]*)")
_UNFAIR = {
    "seed": "tuning runs have seeds of their own: `seeds: 2`",
    "valid": "scores on other validation images are not comparable; set it in the base",
}


@dataclass(frozen=True, slots=True)
class Range:
    """What a setting is drawn from: ``levels`` with equal probability, or all numbers between two ends, on a linear or a
    logarithmic scale. ``text`` is what the file has, ``place`` where.
    """

    name: str
    text: str | tuple[str, ...]
    levels: tuple[str, ...] = ()
    geometric: bool = False
    ends: tuple[str, str] = ("", "")
    place: str = field(default="", compare=False)

    def at(self, fraction: float) -> str:
        """The value at a fraction in [0, 1): three significant digits; whole on a logarithmic scale between whole ends."""
        if self.levels:
            return self.levels[int(fraction * len(self.levels))]
        percent = "%" if self.ends[0].endswith("%") else ""
        first, last = (end.rstrip("%") for end in self.ends)
        low, high = float(first), float(last)
        value = low * (high / low) ** fraction if self.geometric else low + (high - low) * fraction
        whole = self.geometric and first.isdecimal() and last.isdecimal()
        text = str(round(value)) if whole else short(value)
        return (first if float(text) < low else last if float(text) > high else text) + percent

    def end(self, level: str) -> str:
        """At which end of the range a value is: ``lower``, ``upper``, or "" for neither and where values have no order."""
        value, known = number(level), [v for text in self.levels or self.ends if (v := number(text)) is not None]
        if value is None or len(known) < len([text for text in self.levels or self.ends if text]):
            return ""
        low, high = min(known), max(known)
        if self.levels:
            return "" if len(known) < 3 else "lower" if value == low else "upper" if value == high else ""
        if not low <= value <= high:
            return ""
        part = log(value / low) / log(high / low) if self.geometric else (value - low) / (high - low)
        return "lower" if part < END else "upper" if part > 1 - END else ""


@dataclass(frozen=True, slots=True)
class Tune:
    """How every arm is tuned: ``runs`` settings, the arm's own among them, each with ``seeds`` seeds."""

    runs: int
    ranges: tuple[Range, ...]
    seeds: int = 1

    @property
    def written(self) -> dict[str, Any]:
        """As a study file has it."""
        ranges = {r.name: r.text if isinstance(r.text, str) else list(r.text) for r in self.ranges}
        return {"runs": self.runs, **({"seeds": self.seeds} if self.seeds > 1 else {}), **ranges}

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds of the tuning runs, which are not those of a study."""
        return tuple(range(FIRST_SEED, FIRST_SEED + self.seeds))

    def draws(self) -> list[Mapping[str, str]]:
        """Random settings, all different, as many as an arm can need, or as there are. They depend on the names of what is tuned
        and on nothing else, so that more runs begin with the same ones.
        """
        return list(islice(self._different(), self.runs))

    def _different(self) -> Iterator[Mapping[str, str]]:
        seen = set()
        for n in range(64 + 32 * self.runs):  # of so many, all are there unless there are fewer than `runs`
            setting = {r.name: r.at(_fraction(r.name, n)) for r in self.ranges}
            if (key := tuple(setting.values())) not in seen:
                seen.add(key)
                yield setting


def _fraction(name: str, n: int) -> float:
    """A number in [0, 1) for a setting and a draw."""
    return int.from_bytes(hashlib.sha256(f"tune\x1f{name}\x1f{n}".encode()).digest()[:6], "big") / 2**48


def tune(reader: Reader, node: Any) -> Tune | None:
    """The value of ``tune`` in a study file; None of `none`.

    Raises:
        ArchError: an unknown key, a range without values, no number of runs; with its line.
    """
    if getattr(node, "value", None) in NOTHING:
        return None
    pairs = reader.mapping(node)
    if "runs" not in pairs:
        reader.fail(node, "`tune` does not say how many runs each arm gets", "for example `runs: 12`")
    runs = _count(reader, pairs.pop("runs")[1], "runs", 2, MOST_RUNS)
    seeds = _count(reader, pairs.pop("seeds")[1], "seeds", 1, MOST_TUNING_SEEDS) if "seeds" in pairs else 1
    if not pairs:
        reader.fail(node, "`tune` names no setting", "for example `train.adam: log(1e-4..1e-1)`")
    if len(pairs) > Limits.FACTORS:
        reader.fail(node, f"`tune` has {len(pairs):,} settings, more than {Limits.FACTORS:,}", "leave some out")
    ranges = []
    for name, (key, value) in pairs.items():
        try:
            ranges.append(_range(name, tuple(reader.scalars(value)), reader.place(key)))
        except ArchError as error:
            if reader.where in str(error):
                raise
            reader.fail(key, error.message, error.help)
    return Tune(runs, tuple(ranges), seeds)


def _count(reader: Reader, node: Any, key: str, low: int, high: int) -> int:
    text = reader.scalar(node)
    if not (text.isascii() and text.isdecimal() and low <= int(text[:9]) <= high):
        reader.fail(node, f"`{key}` of `tune` is a number from {low} to {high}")
    return int(text)


def _range(name: str, texts: Sequence[str], place: str) -> Range:
    _check_name(name)
    text = texts[0] if len(texts) == 1 else tuple(texts)
    found = _CONTINUOUS.fullmatch(texts[0].strip()) if len(texts) == 1 else None
    if found is None:
        try:
            levels = factor(name, tuple(texts)).levels
        except ArchError as error:
            error.message = error.message.replace("factor `", "`tune`: `", 1)
            error.help = error.help.replace("[+bn, +ln, none]", "log(1e-4..1e-1)")
            raise
        return Range(name, text, levels, place=place)
    kind, first, percent, last, also = found.groups()
    low, high = float(first), float(last)
    if low >= high or percent != also or (kind == "log" and low <= 0) or high == float("inf"):
        raise ArchError(
            f"`tune`: the range `{texts[0]}` of `{name}` has no values",
            help="log(1e-4..1e-1) or lin(0..0.5), the smaller end first",
        )
    return Range(name, text, (), kind == "log", (first + percent, last + percent), place)


def _check_name(name: str) -> None:
    parts = _KEY.fullmatch(name)
    if parts is None:
        raise ArchError(
            f"`tune`: `{name}` is not a setting",
            help="name a word or a `let` as factors do: train.adam, data.flip, let.rate, width",
        )
    space, word = parts.groups()
    if space not in ast.SETTINGS:
        return
    entry = find(space, word)
    if entry is None:
        raise ArchError(
            f"`tune`: there is no {space} word `{word}`",
            help=suggest(word, names(space)) or f"`archdsl words {space}` lists them",
        )
    if word in _UNFAIR or entry.slot == "dataset":
        raise ArchError(
            f"`tune`: `{name}` cannot be tuned", help=_UNFAIR.get(word, "the data set is the base's, or a factor")
        )
