"""Factors of a study: what is toggled, and where it is in the base.

A factor becomes a named hole of the base's tree, so that an arm of a study is the same text, with the same hash,
as if somebody had written it without holes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.errors import ArchError, suggest
from archdsl.expand.holes import axes
from archdsl.expand.settings import hyphenated
from archdsl.limits import Limits
from archdsl.study.plan.levels import numbers, written_out
from archdsl.syntax import ast
from archdsl.syntax.unparse import unparse
from archdsl.syntax.walk import walk

NOTHING = ("none", "off", "null", "~", "false", "no", "")
SPACE = re.compile(r"(net|data|train|evaluate)\s+(?=\S)")
TOGETHER = " & "  # between the forms of a level that are in several places and vary together
NAME = re.compile(r"[a-z][a-z0-9_-]*")
_WORDS = re.compile(r"(?<![a-z0-9_.])[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Factor:
    """``levels`` are texts; level 0 is what the full model has, the last one what the bare model has. The empty text
    is the ingredient's absence. ``label`` is what tables and arms call it, where that is not the name. ``title`` and
    ``texts`` (by level) are the study's own labels, which figures show.
    """

    name: str
    levels: tuple[str, ...]
    label: str = ""
    title: str = ""
    texts: tuple[tuple[str, str], ...] = ()

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The values of its levels, where all are numbers."""
        return numbers(self.levels)

    @property
    def is_axis(self) -> bool:
        """Whether its levels are points of an axis: three or more numbers, none of which is the usual one."""
        return self.numbers is not None and len(self.levels) > 2

    @property
    def shown(self) -> str:
        """What tables call it."""
        return self.label or self.name

    @property
    def axis(self) -> str:
        """The title of its axis in figures."""
        return self.title or self.shown

    def text(self, level: str) -> str:
        """The study's own label of a level; "" where it has none."""
        return dict(self.texts).get(level, "")

    def level(self, level: str) -> str:
        """What figures call a level beside other factors: its label, ``hidden units: 128`` or ``width=128``."""
        if text := self.text(level):
            return text
        return (f"{self.title}: {level}" if self.title else f"{self.shown}={level}") if level else f"no {self.shown}"

    @property
    def key(self) -> str:
        """What machines call it: its name, but for a hole of which nothing but its text is known."""
        return self.shown if self.name.startswith("{") else self.name

    @property
    def toggles(self) -> bool:
        """Whether it is there or not, and nothing else."""
        return len(self.levels) == 2 and "" in self.levels


def factor(name: str, levels: tuple[str, ...]) -> Factor:
    """A factor as it was written: one level is there or not; ``none`` is absence; a range (``4..8``, ``log(1e-4..1e-1, 7)``)
    is all its levels.

    Raises:
        ArchError: no two different levels, or a name that no axis can have.
    """
    levels = tuple(one for level in levels for one in written_out(level) or (level,))
    cleaned = tuple("" if level.strip().lower() in NOTHING else level.strip() for level in levels)
    if len(cleaned) == 1 and cleaned[0]:
        cleaned = (*cleaned, "")
    if len(cleaned) > Limits.LEVELS:
        raise ArchError(
            f"factor `{name}` has {len(cleaned):,} levels, more than {Limits.LEVELS:,}",
            help="leave levels out, or raise ARCHDSL_MAX_LEVELS",
        )
    for level in cleaned:
        if level.count("(") != level.count(")"):
            raise ArchError(
                f"factor `{name}`: `{level}` has an open bracket",
                help=f'inside of [ ] YAML splits at commas; put levels in quotes: `{name}: ["drop(0.3, late)", none]`',
            )
    if len(cleaned) < 2 or len(set(cleaned)) < len(cleaned):
        raise ArchError(f"factor `{name}` needs two different levels", help=f"for example `{name}: [+bn, +ln, none]`")
    return Factor(name, cleaned)


def own(file: ast.File) -> tuple[Factor, ...]:
    """The holes of a text as factors."""
    from archdsl.study.plan.naming import label_of

    return tuple(Factor(axis.name, axis.texts, label_of(file, axis)) for axis in axes(file))


def check_levels(placed: Sequence[str], bases: Sequence[tuple[str, ast.File]]) -> None:
    """Refuse holes of one name that have other levels in another base: its arms would be called by levels that they do
    not have. ``placed`` are the factors of the study, whose levels every base has.

    Raises:
        ArchError: it names the factor and both bases.
    """
    (first, file), *rest = bases
    if not rest:
        return
    levels = {f.name: f.levels for f in own(file)}
    for name, other in rest:
        for factor in own(other):
            if factor.name in placed:
                continue
            if factor.name not in levels:
                raise ArchError(
                    f"the base `{name}` has the hole `{factor.name}`, which the base `{first}` lacks",
                    help=f"begin `base:` with `{name}`, or give `{first}` the hole",
                )
            if levels[factor.name] != factor.levels:
                raise ArchError(
                    f"the factor `{factor.name}` has the levels {_shown(levels[factor.name])} in the base "
                    f"`{first}` and {_shown(factor.levels)} in the base `{name}`",
                    help="give it the same levels in every base: a `let` of each base may differ",
                )


def _shown(levels: Sequence[str]) -> str:
    return ", ".join(f"`{level}`" if level else "none" for level in levels)


def present(file: ast.File, name: str) -> Factor:
    """The factor that takes an ingredient of the base out, wherever it stands and in whatever form: ``res`` (a modifier or
    a layer), ``mixup``, ``train.wd``.

    Raises:
        ArchError: the base has no such ingredient.
    """
    wanted = _word(name)
    found: list[str] = []
    texts: list[str] = []
    for statement, item in _ingredients(file):
        own = item.name if isinstance(item, ast.Modifier | ast.Word) else ""
        found.append(own)
        if own == wanted and (not name.startswith(("net", *ast.SETTINGS)) or name.split(".")[0] == statement):
            text = unparse(item)
            texts.append(f"{statement} {text}" if statement != "net" else text)
    if not texts:
        raise ArchError(
            f"`--without {name}`: the base has no `{wanted}`",
            help=suggest(wanted, [f for f in found if f])
            or "`archdsl show` prints the base; --runs names the folder of runs",
        )
    return Factor(wanted, (TOGETHER.join(dict.fromkeys(texts)), ""))


def check_alone(name: str, others: Sequence[Factor]) -> None:
    """Refuse to take an ingredient out that another factor puts in: the arm without it would have it.

    Raises:
        ArchError: it names the factor and its level.
    """
    word = _word(name)
    for factor in others:
        for level in factor.levels:
            if word in _WORDS.findall(level):
                raise ArchError(
                    f"`--without {name}`: the factor `{factor.shown}` has `{word}` in its level `{level}`, so that the arm "
                    f"`−{word}` would still have it",
                    help=f"leave --without {name} out, and add the level none to the factor",
                )


def _word(name: str) -> str:
    """The word of an ingredient as it is named: ``wd`` of ``train.wd``."""
    return re.split(r"[.\s]", name)[-1].lstrip("+-")


def added(text: str) -> Factor:
    """The factor that puts an ingredient in: ``+ln``, ``mixup(0.2)``, ``train ema(0.99)``. Level 0 is its absence."""
    named = NAME.search(SPACE.sub("", text))
    if named is None:
        raise ArchError(f"`--with {text}` names no word", help="for example --with +ln, --with 'mixup(0.2)'")
    return Factor(named.group(), ("", text.strip()))


def _ingredients(file: ast.File) -> Iterator[tuple[str, Any]]:
    """Modifiers and words of every statement, with the statement's kind."""
    for item in file.items:
        if isinstance(item, ast.Statement) and item.kind in ast.SETTINGS:
            yield from ((item.kind, hyphenated(part)) for part in parts(item.body))
        elif isinstance(item, ast.Let) or (isinstance(item, ast.Statement) and item.kind in ("net", "bare")):
            yield from (("net", n) for n in walk(item.body) if isinstance(n, ast.Modifier | ast.Word))


def parts(body: ast.Expr | None) -> tuple[ast.Expr, ...]:
    """The items of a statement or a choice."""
    return () if body is None else body.items if isinstance(body, ast.Seq) else (body,)
