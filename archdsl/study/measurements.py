"""Results of any tool, as tables: which rows belong to which arm and pair, and the metric of each. Nothing is guessed: what
cannot be read exactly is refused with its row and its column.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from archdsl.errors import ArchError, EnvError, suggest
from archdsl.files import read_regular
from archdsl.words.data.cells import flaw, is_number, shown, spelled
from archdsl.words.data.cells import value as value_of
from archdsl.words.data.classes import kind_of, name_of
from archdsl.words.data.csvs import separator
from archdsl.words.data.sheets import arrow
from archdsl.words.data.spelling import twins

KINDS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NAMED = 5
LARGEST_FRACTION = 1.5  # a larger value is a percentage, since a score can be slightly above 1


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column names the arm, which the pair (the seed, the fold, the run), and which holds the metric."""

    arm: str
    pair: str
    metric: str

    def check(self) -> None:
        """Refuse one column for two things.

        Raises:
            ArchError: it names the options.
        """
        given = {"--arm": self.arm, "--pair": self.pair, "--metric": self.metric}
        for one, other in combinations(given, 2):
            if given[one] == given[other]:
                raise ArchError(f"{one} and {other} both name the column `{given[one]}`",
                                help="what is compared, what pairs the runs and what is measured are three columns")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measurements:
    """Arm → pair → value, arms in the order of the table; ``order`` holds every pair in the order in which they count."""

    arms: Mapping[str, Mapping[str, float]]
    order: tuple[str, ...]
    notes: tuple[str, ...]
    columns: Columns


def read(path: str, columns: Columns, kind: str | None = None) -> Measurements:
    """The measurements in a file, or on standard input (``-``); ``kind`` is csv, tsv, jsonl or parquet.

    Raises:
        ArchError: a column, a cell or a row that cannot be taken; with its row and its column.
        EnvError: the file cannot be read.
    """
    columns.check()
    percent: dict[bool, int] = {}
    cells: list[tuple[str, str]] = []
    values: list[float] = []
    for number, row in enumerate(_rows(path, columns, kind or _kind(path)), 1):
        cells.append((_name(row[columns.arm], number, columns.arm), _name(row[columns.pair], number, columns.pair)))
        value, per_cent = _value(row[columns.metric], number, columns.metric)
        percent.setdefault(per_cent, number)
        values.append(value)
    arm_of = _one_spelling([arm for arm, _ in cells], columns.arm)
    pair_of = _one_spelling([pair for _, pair in cells], columns.pair)
    arms: dict[str, dict[str, float]] = {}
    rows: dict[tuple[str, str], int] = {}
    for number, ((arm, pair), value) in enumerate(zip(cells, values, strict=True), 1):
        arm, pair = arm_of[arm], pair_of[pair]
        first = rows.setdefault((arm, pair), number)
        if first != number:
            raise ArchError(f"rows {first} and {number} both have {columns.arm} `{arm}` and {columns.pair} `{pair}`",
                            help="keep one of them: a run counts once")  # fmt: skip
        arms.setdefault(arm, {})[pair] = value
    if len(percent) == 2:
        raise ArchError(f"column `{columns.metric}` has a percent sign in row {percent[True]} and none in row {percent[False]}",
                        help="write all values in one form")  # fmt: skip
    if not arms:
        raise ArchError(f"{path} has no row", help="a row for each run: its arm, its pair and its metric")
    order, said = _order({pair: None for _, pair in rows})
    notes = (f"{len(cells):,} rows, {len(arms)} arms, {len(order)} pairs {said}", *_in_capitals(arms, columns.arm),
             *_mixed_units(values, columns.metric))  # fmt: skip
    return Measurements(arms, order, notes, columns)


def _one_spelling(names: Iterable[str], column: str) -> dict[str, str]:
    """Each name in the one spelling that the classes of a table have: `1` for 1.0 where all are whole numbers.

    Raises:
        ArchError: two spellings of one thing, where the column does not say which is meant.
    """
    known = dict.fromkeys(names)
    kind = kind_of(known)
    for one, other in twins(known, lambda name: str(value_of(spelled(name)))) if kind != "numbers" else ():
        raise ArchError(f"the column `{column}` has {shown(one)} and {shown(other)}, spellings of one name",
                        help="write each name in one way")  # fmt: skip
    return {name: name_of(name, kind) for name in known}


def _in_capitals(arms: Iterable[str], column: str) -> tuple[str, ...]:
    return tuple(
        f"warning: `{one}` and `{other}` of the column `{column}` differ in capitals alone, and count as two arms"
        for one, other in twins(arms, str.casefold)
    )


def _mixed_units(values: Iterable[float], metric: str) -> tuple[str, ...]:
    """A warning where some values seem to be fractions and others the same in percent."""
    sizes = [abs(value) for value in values]
    small, large = [v for v in sizes if 0 < v <= 1], [v for v in sizes if v > LARGEST_FRACTION]
    if not small or not large or max(large) > 100 or not 0.5 < fmean(large) / 100 / fmean(small) < 2:
        return ()
    said = (f"warning: {len(small)} values of `{metric}` are at most 1, such as {small[0]:g}, and {len(large)} are about a "
            f"hundred times as large, such as {large[0]:g}: write all as fractions or all in percent")  # fmt: skip
    return (said,)


def paired(
    found: Measurements, reference: str, *, drop: bool = False
) -> tuple[dict[str, list[float]], tuple[str, ...]]:
    """Differences of every other arm to the reference, pair by pair in their order, and what is said about pairs that
    are not there. An arm may end early; with ``drop``, it may also lack pairs in between.

    Raises:
        ArchError: no such arm, no other arm, a pair in between that one side lacks.
    """
    if reference not in found.arms:
        raise ArchError(f"no row belongs to the reference `{reference}`",
                        help=suggest(reference, found.arms) or f"the arms are {_listed(found.arms)}")  # fmt: skip
    base, others = found.arms[reference], [a for a in found.arms if a != reference]
    if not others:
        raise ArchError(f"`{reference}` is the only arm: nothing is compared", help="rows of a second arm are needed")
    deltas: dict[str, list[float]] = {}
    notes: list[str] = []
    for arm in others:
        values = found.arms[arm]
        both = [pair for pair in found.order if pair in base and pair in values]
        if not both:
            raise _nothing_common(found, arm, reference)
        last = found.order.index(both[-1])
        holes = [pair for pair in found.order[: last + 1] if pair not in base or pair not in values]
        if holes and not drop:
            lacking = reference if holes[0] not in base else arm
            many = f" ({len(holes)} such pairs of `{arm}`)" if len(holes) > 1 else ""
            raise ArchError(f"`{lacking}` has no row for pair `{holes[0]}`{many}",
                            help="a failed run is a result: add it with the worst value; or give --missing drop")  # fmt: skip
        late = len(values.keys() | base.keys()) - len(both) - len(holes)
        if holes:
            notes.append(f"{arm}: pairs {_listed(holes)} are left out, as one side lacks them")
        if late:
            notes.append(f"{arm}: compared over its first {len(both)} pairs; {late} later ones are on one side only")
        deltas[arm] = [values[pair] - base[pair] for pair in both]
    return deltas, tuple(notes)


def _nothing_common(found: Measurements, arm: str, reference: str) -> ArchError:
    """Two arms without a common pair: examples of both."""
    columns, base, own = found.columns, found.arms[reference], found.arms[arm]
    other = next((name for name in found.arms if name not in (arm, reference)
                  and name.casefold() in (arm.casefold(), reference.casefold())), None)  # fmt: skip
    capitals = arm if arm.casefold() == reference.casefold() else other
    help = f"runs are paired where both arms have the same `{columns.pair}`"
    if capitals is not None:
        help += f"; `{capitals}` differs from another arm in capitals alone: write each arm in one way"
    elif any(pair.casefold() in set(map(str.casefold, base)) for pair in own):
        help += "; here they differ in capitals: write each in one way"
    return ArchError(f"`{arm}` and `{reference}` of the column `{columns.arm}` have no `{columns.pair}` in common: "
                     f"{_listed(own)} and {_listed(base)}", help=help)  # fmt: skip


def _kind(path: str) -> str:
    if path == "-":
        return "csv"
    kind = KINDS.get(Path(path).suffix.lower())
    if kind is None:
        raise ArchError(
            f"{path} has an ending that does not give its format", help=f"--from csv, or one of {', '.join(KINDS)}"
        )
    return kind


def _rows(path: str, columns: Columns, kind: str) -> Iterator[Mapping[str, Any]]:
    wanted = (columns.arm, columns.pair, columns.metric)
    try:
        if kind == "parquet":
            yield from _parquet(path, wanted)
            return
        data = sys.stdin.buffer.read() if path == "-" else read_regular(Path(path))
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise EnvError(f"{path} cannot be read: {error.strerror or error}", help="give a file with results") from error
    except UnicodeDecodeError as error:
        raise ArchError(f"{path} is not text in UTF-8 ({error.reason})", help="save it as UTF-8") from error
    lines = io.StringIO(text, newline="")
    mark = separator(text, Path(path), "\t" if kind == "tsv" else ",") if kind != "jsonl" else ""
    yield from (_jsonl(lines, wanted) if kind == "jsonl" else _separated(lines, wanted, kind, mark))


def _separated(lines: Iterable[str], wanted: tuple[str, ...], kind: str, mark: str) -> Iterator[Mapping[str, Any]]:
    reader = csv.reader(lines, delimiter=mark, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        places = _places(names, wanted)
        number = 0
        for row in reader:
            if not row:
                continue
            number += 1
            if len(row) != len(names):
                raise ArchError(f"row {number} has {len(row)} cells, the header has {len(names)}",
                                help="rows count from 1 after the header; a cell with a comma in it needs quotes")  # fmt: skip
            yield {name: row[place] for name, place in places.items()}
    except csv.Error as error:
        raise ArchError(f"line {reader.line_num} is not {kind} ({error})", help="quotes must be closed") from error


def _jsonl(lines: Iterable[str], wanted: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate((text for text in lines if text.strip()), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ArchError(f"row {number} is not JSON ({error})", help="one object a line") from error
        if not isinstance(row, dict):
            raise ArchError(
                f"row {number} is not an object", help='one object a line: {"model": "a", "seed": 0, "acc": 0.9}'
            )
        _places(list(row), wanted, f" in row {number}")
        yield {name: row[name] for name in wanted}


def _parquet(path: str, wanted: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    parquet = arrow("parquet", Path(path))
    try:
        with parquet.ParquetFile(path) as file:
            _places(list(file.schema_arrow.names), wanted)
            for batch in file.iter_batches(columns=list(dict.fromkeys(wanted))):
                yield from batch.to_pylist()
    except (ValueError, TypeError) as error:  # arrow's own errors are of these kinds
        raise ArchError(f"{path} is not a Parquet file ({error})", help="replace it with a good copy") from error


def _places(names: list[str], wanted: tuple[str, ...], where: str = "") -> dict[str, int]:
    for name in wanted:
        if names.count(name) != 1:
            what = "there are two columns" if name in names else "unknown column"
            near = suggest(name, names) or f"the columns are {_listed(names)}"
            raise ArchError(f"{what} `{name}`{where}", help=near)
    return {name: names.index(name) for name in wanted}


def _name(cell: Any, row: int, column: str) -> str:
    text = cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell)
    if isinstance(cell, list | dict) or not text:
        raise ArchError(f"row {row}, column `{column}`: {'nothing' if not text else 'not a name'}",
                        help="rows count from 1; complete the row or take it out")  # fmt: skip
    return text


def _value(cell: Any, row: int, column: str) -> tuple[float, bool]:
    """A metric, and whether it was written with a percent sign (which divides it by 100)."""
    plain = isinstance(cell, int | float) and not isinstance(cell, bool)
    text = repr(cell) if plain else cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell)
    bare = text.removesuffix("%").rstrip()
    if is_number(bare) and abs(value := float(bare)) < float("inf"):
        per_cent = bare != text
        return (value / 100 if per_cent else value), per_cent
    raise ArchError(f"row {row}, column `{column}`: {flaw(text)} where a number is needed",
                    help="rows count from 1; write decimals with a point; a run that failed needs a value too, such as the "
                    "accuracy of chance")  # fmt: skip


def _order(pairs: Mapping[str, None]) -> tuple[tuple[str, ...], str]:
    if all(_WHOLE.fullmatch(pair) for pair in pairs):
        return tuple(sorted(pairs, key=lambda pair: (int(pair), pair))), "by their numbers"
    return tuple(pairs), "in the order of the table"


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:NAMED]) + (f" and {len(known) - NAMED} more" if len(known) > NAMED else "")
