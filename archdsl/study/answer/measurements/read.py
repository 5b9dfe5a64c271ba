"""From a table to the measurements of each arm: names in one spelling, finite numbers, runs that count once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.study.answer.measurements.cells import Names, number_cell
from archdsl.study.answer.measurements.sheet import Sheet, State, listed, runs
from archdsl.words.data.cells import shown, spelled
from archdsl.words.data.cells import value as value_of
from archdsl.words.data.classes import kind_of, name_of
from archdsl.words.data.spelling import twins

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_PLAIN = re.compile(r"0|[1-9][0-9]{0,17}")  # a whole number in its one spelling
LARGEST_FRACTION = 1.5  # a larger value is a percentage, since a score can be slightly above 1


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column names the arm, which the pair (the seed, the fold, the task; None where runs have no partner), and which
    holds the metric. ``only`` are columns and the text that their cells must have for a row to count.
    """

    arm: str
    pair: str | None
    metric: str
    only: tuple[tuple[str, str], ...] = ()

    def check(self) -> None:
        """Refuse one column for two things.

        Raises:
            ArchError: it names the options.
        """
        given = {"--arm": self.arm, "--metric": self.metric} | ({"--pair": self.pair} if self.pair is not None else {})
        for one, other in combinations(given, 2):
            if given[one] == given[other]:
                raise ArchError(
                    f"{one} and {other} both name the column `{given[one]}`",
                    help="what is compared, what pairs the runs and what is measured are three columns",
                )

    def of(self, sheet: Sheet) -> tuple[Columns, tuple[str, ...]]:
        """The columns as the table has them, and notes on those that it has under longer names.

        Raises:
            ArchError: no such column, or several.
        """
        arm, note_arm = sheet.find(self.arm, "--arm")
        pair, note_pair = sheet.find(self.pair, "--pair") if self.pair is not None else (None, "")
        metric, note_metric = sheet.find(self.metric, "--metric")
        only = [(*sheet.find(name, "--only"), text) for name, text in self.only]
        notes = (note_arm, note_pair, note_metric, *(note for _, note, _ in only))
        columns = Columns(arm, pair, metric, tuple((name, text) for name, _, text in only))
        found = ", ".join(note for note in notes if note)
        return columns, (f"columns found: {found}",) if found else ()


@dataclass(frozen=True, slots=True)
class Failed:
    """What is done with runs that failed: they are refused, left out (``drop``), or counted with a ``value``."""

    drop: bool = False
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Measurements:
    """Arm → pair → value, arms in the order of the table; ``order`` holds every pair in the order in which they count.
    Without a column of pairs the keys are the numbers of the rows. ``percent``: the cells had percent signs, and the values
    are fractions.
    """

    arms: Mapping[str, Mapping[str, float]]
    order: tuple[str, ...]
    notes: tuple[str, ...]
    columns: Columns
    rows: int
    percent: bool = False


def measure(sheet: Sheet, columns: Columns, failed: Failed | None = None, as_written: bool = False) -> Measurements:
    """The measurements in a table. ``as_written``: values that seem to be fractions and percentages are taken as they are.

    Raises:
        ArchError: a column, a cell or a row that cannot be taken, with its row and its column; runs that failed, unless
            ``failed`` says what to do with them.
    """
    columns.check()
    columns, notes = columns.of(sheet)
    columns.check()
    rows = _Rows(sheet, columns, failed or Failed())
    rows.read()
    if not rows.number:
        raise ArchError(
            f"the table ({sheet.what}) has no row", help="a row for each run: its arm, its pair and its metric"
        )
    if not rows.arms:
        raise ArchError(
            f"no row of the table has a result: {'; '.join(rows.said())}",
            help="a row is needed that none of these leaves out",
        )
    arms = rows.one_spelling()
    pairs = dict.fromkeys(pair for of_arm in arms.values() for pair in of_arm)
    order, by = order_of(pairs) if columns.pair is not None else (tuple(pairs), "")
    counted = f"{many(rows.number, 'row')}, {many(len(arms), 'arm')}"
    counted += f", {many(len(order), 'pair')} {by}" if columns.pair is not None else ", not paired"
    said = (
        f"read as {sheet.what}: {counted}",
        *sheet.notes,
        *notes,
        *rows.said(),
        *_in_capitals(arms, columns.arm, "arms"),
    )
    if columns.pair is not None:
        said = (*said, *_in_capitals(order, columns.pair, "pairs"))
    if mixed := _mixed_units(rows, columns.metric):
        if not as_written:
            raise ArchError(mixed, help="write all as fractions or all in percent; --as-written takes them as they are")
        said = (*said, f"warning: {mixed}")
    return Measurements(arms, order, said, columns, rows.number, True in rows.percent)


class _Rows:
    """Arm → pair → place of the value, while rows are read. A name is kept once, and a value as eight bytes."""

    def __init__(self, sheet: Sheet, columns: Columns, failed: Failed) -> None:
        self.sheet, self.columns, self.failed = sheet, columns, failed
        self.arms: dict[str, dict[str, int]] = {}
        self.values, self.numbers = array("d"), array("q")
        self.percent: dict[bool, int] = {}
        self.number = self.other = 0  # rows, and those that --only leaves out
        self.lost: list[str] = []  # runs that failed, by name
        self.waiting: list[str] = []

    def read(self) -> None:
        columns, number = self.columns, 0
        arms, pairs = Names(columns.arm), Names(columns.pair or "")
        wanted = [columns.arm, columns.metric, *([columns.pair] if columns.pair is not None else [])]
        for number, row, state, run in self.sheet.entries(wanted, columns.only):
            cell = row[1]
            if state != "finished":
                if not self._counts(state, run):
                    continue
                cell = self.failed.value
            # the names of most cells are known, and a call for each takes a second in a million rows
            arm = arms.known.get(row[0]) if type(row[0]) is str else None
            pair = pairs.known.get(row[-1]) if type(row[-1]) is str else None
            if arm is None:
                arm = arms.of(row[0], number)
            if columns.pair is None:
                pair = str(number)
            elif pair is None:
                pair = pairs.of(row[2], number)
            value, per_cent = number_cell(cell, number, columns.metric)
            if state == "finished" and per_cent not in self.percent:
                self.percent[per_cent] = number
            of_arm = self.arms.get(arm)
            if of_arm is None:
                of_arm = self.arms[arm] = {}
            if pair in of_arm:
                raise self._twice(arm, pair, self.numbers[of_arm[pair]], number)
            of_arm[pair] = len(self.values)
            self.values.append(value)
            self.numbers.append(number)
        self.number = number
        self._check()

    def _counts(self, state: State, run: str) -> bool:
        """Whether a run that is not finished counts, with the value that is given for it; it is named in any case."""
        if state == "other":
            self.other += 1
        else:
            (self.waiting if state == "unfinished" else self.lost).append(run)
        return state == "failed" and self.failed.value is not None

    def _check(self) -> None:
        if len(self.percent) == 2:
            raise ArchError(
                f"column `{self.columns.metric}` has a percent sign in row {self.percent[True]} and none in row "
                f"{self.percent[False]}",
                help="write all values in one form",
            )
        if self.lost and not self.failed.drop and self.failed.value is None:
            raise ArchError(
                f"{runs(len(self.lost))} failed: {listed(self.lost)}",
                help="a failed run is a result: --failed 10% counts each with this value, such as the accuracy of "
                "chance; --failed drop leaves them out, and says so",
            )

    def said(self) -> tuple[str, ...]:
        """Notes on the runs without a result."""
        notes = []
        if self.other:
            notes.append(f"{many(self.other, 'row')} left out by --only")
        if self.waiting:
            notes.append(f"{runs(len(self.waiting))} not finished, left out: {listed(self.waiting)}")
        if self.lost:
            what = "left out" if self.failed.value is None else f"counted as {self.failed.value:g}"
            notes.append(f"{runs(len(self.lost))} failed, {what}: {listed(self.lost)}")
        return tuple(notes)

    def one_spelling(self) -> dict[str, dict[str, float]]:
        """Arm → pair → value, with each name in its one spelling."""
        arm_of = _one_spelling(self.arms, self.columns.arm)
        known = dict.fromkeys(pair for of_arm in self.arms.values() for pair in of_arm)
        pair_of = _one_spelling(known, self.columns.pair) if self.columns.pair is not None else {}
        arms: dict[str, dict[str, float]] = {}
        if not arm_of and not pair_of:
            return {
                arm: {pair: self.values[place] for pair, place in of_arm.items()} for arm, of_arm in self.arms.items()
            }
        seen: dict[tuple[str, str], int] = {}
        for arm, of_arm in self.arms.items():
            for pair, place in of_arm.items():
                key = (arm_of.get(arm, arm), pair_of.get(pair, pair))
                first = seen.setdefault(key, self.numbers[place])
                if first != self.numbers[place]:
                    raise self._twice(*key, *sorted((first, self.numbers[place])))
                arms.setdefault(key[0], {})[key[1]] = self.values[place]
        return arms

    def _twice(self, arm: str, pair: str, first: int, second: int) -> ArchError:
        return ArchError(
            f"rows {first} and {second} both have {self.columns.arm} `{arm}` and {self.columns.pair} `{pair}`",
            help="keep one of them: a run counts once; a table with a row for each step needs --target",
        )


def _one_spelling(names: Iterable[str], column: str) -> dict[str, str]:
    """The names that have another spelling, and it: `1` for 1.0 where all are whole numbers.

    Raises:
        ArchError: two spellings of one thing, where the column does not say which is meant.
    """
    known = dict.fromkeys(names)
    if all(map(_PLAIN.fullmatch, known)):
        return {}
    kind = kind_of(known)
    for one, other in twins(known, lambda name: str(value_of(spelled(name)))) if kind != "numbers" else ():
        raise ArchError(
            f"the column `{column}` has {shown(one)} and {shown(other)}, spellings of one name",
            help="write each name in one way",
        )
    return {name: spelling for name in known if (spelling := name_of(name, kind)) != name}


def _in_capitals(names: Iterable[str], column: str | None, what: str) -> tuple[str, ...]:
    return tuple(
        f"warning: `{one}` and `{other}` of the column `{column}` differ in capitals alone, and count as two {what}"
        for one, other in twins(names, str.casefold)
    )


def _mixed_units(rows: _Rows, metric: str) -> str:
    """Where some values seem to be fractions and others the same in percent, what says so; else nothing."""
    sizes = [abs(value) for value in rows.values]
    small = [n for n, v in enumerate(sizes) if 0 < v <= 1]
    large = [n for n, v in enumerate(sizes) if v > LARGEST_FRACTION]
    if not small or not large or max(sizes) > 100:
        return ""
    if not 0.5 < fmean(sizes[n] for n in large) / 100 / fmean(sizes[n] for n in small) < 2:
        return ""
    one, other = small[0], large[0]
    return (
        f"column `{metric}` has {many(len(small), 'value')} of at most 1, such as {rows.values[one]:g} in row "
        f"{rows.numbers[one]}, and {len(large)} that are about a hundred times as large, such as {rows.values[other]:g} in row "
        f"{rows.numbers[other]}"
    )


def order_of(pairs: Mapping[str, None]) -> tuple[tuple[str, ...], str]:
    """The pairs in the order in which they count, and how that is said."""
    if all(_WHOLE.fullmatch(pair) for pair in pairs):
        return tuple(sorted(pairs, key=lambda pair: (int(pair), pair))), "by their numbers"
    return tuple(pairs), "in the order of the table"
