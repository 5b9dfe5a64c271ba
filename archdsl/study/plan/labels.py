"""Labels: what figures show in the place of a factor, of a level, or of an arm. Tables, claims and runs keep their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from archdsl.errors import ArchError, suggest
from archdsl.study.plan.factors import NOTHING, Factor

LONGEST = 60  # letters


@dataclass(frozen=True, slots=True)
class Labels:
    """``texts`` by what they stand for: ``FACTOR``, the title of an axis, or ``FACTOR=LEVEL``, a line or an arm. A preset
    may lack the factors of the file's own labels: ``inherited`` are those that need not have one.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    inherited: frozenset[str] = frozenset()

    def of_preset(self, own: Labels) -> Labels:
        """The labels of a preset, some of which are those of the file itself."""
        return replace(self, inherited=frozenset(k for k, text in self.texts.items() if own.texts.get(k) == text))


def fitting(factors: Sequence[Factor], labels: Labels) -> Labels:
    """The labels without those that a preset has from its file and has no factor or level for."""

    def fits(key: str) -> bool:
        with suppress(ArchError):
            return bool(with_labels(factors, Labels({key: ""})))
        return False

    return replace(labels, texts={k: text for k, text in labels.texts.items() if k not in labels.inherited or fits(k)})


def with_labels(factors: Sequence[Factor], labels: Labels) -> tuple[Factor, ...]:
    """The factors with their labels.

    Raises:
        ArchError: a label is of no factor, or of no level of its factor.
    """
    found = list(factors)
    for key, text in labels.texts.items():
        name, equal, level = (part.strip() for part in key.partition("="))
        at = next((n for n, f in enumerate(found) if name in (f.name, f.shown)), None)
        if at is None:
            if key not in labels.inherited:
                known = [f.shown for f in factors]
                raise ArchError(
                    f"`labels`: `{key}` is of no factor of the study",
                    help=suggest(name, known) or f"factors: {', '.join(known) or 'none'}",
                )
            continue
        factor = found[at]
        if not equal:
            found[at] = replace(factor, title=text)
            continue
        level = "" if level.lower() in NOTHING else level
        if level in factor.levels:
            found[at] = replace(factor, texts=(*factor.texts, (level, text)))
        elif key not in labels.inherited:
            levels = [one or "none" for one in factor.levels]
            raise ArchError(
                f"`labels`: the factor `{factor.shown}` has no level `{level or 'none'}`",
                help=suggest(level, levels) or f"levels: {', '.join(levels)}",
            )
    return tuple(found)
