"""The arms of a space with their totals: sorted, filtered, listed."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl.cli.output import say
from archdsl.errors import ArchError, Source, SpecError, suggest
from archdsl.files import inside
from archdsl.limits import Limits
from archdsl.report import Column, Table
from archdsl.report.numbers import many
from archdsl.report.table import apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.study.plan.where import Test
    from archdsl.syntax import ast

COLUMNS = (
    Column("params", "int"),
    Column("MACs", "compact", key="macs"),
    Column("FLOPs", "compact", key="flops"),
    Column("layers", "int"),
    Column("depth", "int"),
    Column("activations", "compact"),
    Column("memory", "bytes"),
)
_KEYS = tuple(c.id for c in COLUMNS)
MOST_FINDINGS = 10
LONG = 20_000  # arms whose counting takes so long that it is said beforehand


def list_arms(
    trees: list[tuple[Source, ast.File]],
    format: str,
    batch: int,
    dtype: str,
    sort: str | None,
    where: list[str],
    proxies: bool = False,
) -> None:
    """Print every arm of one space.

    Raises:
        ArchError: several specs where one is a space, or arms that are wrong; the good ones are printed before.
    """
    from archdsl.cli.output import put_json, put_table
    from archdsl.expand.holes import axes
    from archdsl.registry import names
    from archdsl.study.plan.where import condition

    if len(trees) > 1:
        raise ArchError("one of several specs has holes", help="list a space alone")
    source, file = trees[0]
    tests = [
        condition(text, _KEYS, {a.name: tuple(a.texts) for a in axes(file)}, "--where", _lets(file)) for text in where
    ]
    key = _sort_key(sort, tuple(names("proxy")) if proxies else ())
    kept, wrong, right, named = _counted(source, file, batch, dtype, tests, proxies)
    if key:
        kept.sort(key=key[0], reverse=key[1])
    if not right:
        raise _summed(wrong, 0)
    if format == "json":
        put_json(kept)
    else:
        put_table(_table(kept, right, inside(source.name), named), format)
    if wrong:
        raise _summed(wrong, right)


Wrong = list[tuple[dict[str, str], SpecError]]


def _counted(
    source: Source, file: ast.File, batch: int, dtype: str, tests: list[Test], proxies: bool
) -> tuple[list[dict[str, Any]], Wrong, int, list[str]]:
    """The arms that are kept, those that are not valid networks, how many are one, and the names of what varies in these."""
    from archdsl.api import whole
    from archdsl.cli.output import say
    from archdsl.cli.views.params import scores_of, totals
    from archdsl.expand.holes import count
    from archdsl.expand.sweep import sweep
    from archdsl.study.plan.where import words_of

    kept: list[dict[str, Any]] = []
    wrong: Wrong = []
    right = 0
    named: dict[str, None] = {}
    arms = count(file)
    if arms > Limits.LISTED:
        raise ArchError(
            f"the space has {many(arms, 'arm')}; at most {Limits.LISTED:,} are listed",
            help="remove choices, or raise ARCHDSL_MAX_LISTED",
        )
    if arms > LONG:
        say(f"counting {many(arms, 'arm')}")
    for arm in sweep(file):
        if arm.cost is None:
            assert arm.error is not None
            wrong.append((arm.choice, arm.error))
            continue
        right += 1
        named.update(dict.fromkeys(arm.choice))
        about = {"spec": inside(source.name), "choice": arm.choice, **totals(arm.cost, arm.train, batch, dtype)}
        words = words_of(arm.file()) if tests else frozenset()
        if all(test(about, arm.choice, words) for test in tests):
            scores = {"proxies": scores_of(whole(source, arm.file()))} if proxies else {}
            kept.append({**about, **scores})
    return kept, wrong, right, list(named)


def _lets(file: ast.File) -> frozenset[str]:
    """The names that the text itself gives to parts."""
    from archdsl.syntax import ast

    return frozenset(i.name for i in file.items if isinstance(i, ast.Let))


def _table(kept: list[dict[str, Any]], of: int, name: str, axes: list[str]) -> Table:
    """The kept arms of so many; the columns of the axes are there whichever are kept."""
    from archdsl.cli.views.params import score_columns

    columns = [Column(a, key=f"axis {a}" if a in _KEYS else a) for a in axes]
    scores = list(dict.fromkeys(name for r in kept for name in r.get("proxies", ())))
    rows = [
        (*(r["choice"].get(a) for a in axes), *(r[k] for k in _KEYS), *(r["proxies"].get(name) for name in scores))
        for r in kept
    ]
    arms = "arm" if of == 1 else "arms"
    count = f"{of:,} {arms}" if len(kept) == of else f"{len(kept):,} of {of:,} {arms}"
    return Table(
        apart((*columns, *COLUMNS, *score_columns(scores))),
        tuple(rows),
        "" if name == "<spec>" else name,
        notes=(count,),
    )


def _sort_key(sort: str | None, proxies: tuple[str, ...]) -> tuple[Callable[[dict[str, Any]], Any], bool] | None:
    if sort is None:
        return None
    name = sort.removeprefix("-").lower()
    if name in proxies:
        return lambda arm: -math.inf if (score := arm["proxies"].get(name)) is None else score, sort.startswith("-")
    if name not in _KEYS:
        raise _no_column("--sort", name, (*_KEYS, *proxies))
    return operator.itemgetter(name), sort.startswith("-")


def _no_column(option: str, name: str, columns: tuple[str, ...]) -> ArchError:
    near = suggest(name, columns) or "columns: " + ", ".join(columns)
    return ArchError(f"`{option}`: unknown column `{name}`", help=near)


def _summed(wrong: list[tuple[dict[str, str], SpecError]], right: int) -> SpecError:
    """The findings of all wrong arms, each once, with the first arm that has it."""
    seen: set[tuple[str, str, object]] = set()
    diagnostics = []
    for choice, error in wrong:
        for d in error.diagnostics:
            if (d.code, d.message, d.span) not in seen:
                seen.add((d.code, d.message, d.span))
                arm = ", ".join(f"{name}={text or 'nothing'}" for name, text in choice.items())
                diagnostics.append(replace(d, notes=(*d.notes, f"first in the arm {arm}")))
    say(f"{len(wrong):,} of {len(wrong) + right:,} arms are not valid networks:")
    return SpecError(tuple(diagnostics[:MOST_FINDINGS]))
