"""From a study to its arms: which levels each one takes, its text, and its network."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archdsl.api import Spec, read, whole
from archdsl.errors import ArchError, Source, SpecError
from archdsl.expand.holes import Chooser, axes
from archdsl.expand.holes import arms as every_arm
from archdsl.expand.holes import count as arms_in_space
from archdsl.files import spec_path
from archdsl.limits import Limits
from archdsl.settings.evaluation import fold_evaluation
from archdsl.study.plan.baseline import baseline, not_among
from archdsl.study.plan.design import Design, check_size, is_grid, kind_of, make
from archdsl.study.plan.factors import Factor, check_levels, own
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.labels import Labels, fitting, with_labels
from archdsl.study.plan.levels import rank
from archdsl.study.plan.match import Matched, match
from archdsl.study.plan.naming import BASE, along, arm_name, distinct, labelled
from archdsl.study.plan.place import put
from archdsl.study.plan.replaced import changed, check_set, unlike
from archdsl.study.plan.where import condition, words_of
from archdsl.study.plan.wrong import Wrong, summed
from archdsl.syntax import ast
from archdsl.syntax.locate import stands_alone

TOTALS = ("params", "macs", "flops", "layers", "depth", "activations")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Arm:
    """One experiment without its seed. ``choice`` gives the level's text by factor; ``spec`` has the text, the network
    and its costs; ``matched`` says how its width was scaled, if it was. ``label``: what figures call it, where that is
    not the name.
    """

    name: str
    choice: Mapping[str, str]
    picks: tuple[int, ...]
    spec: Spec
    matched: Matched | None = None
    label: str = ""

    @property
    def totals(self) -> dict[str, int]:
        """Parameters, MACs and so on, by name."""
        return {name: getattr(self.spec.cost, name) for name in TOTALS}

    @property
    def identity(self) -> str:
        """What it is, whatever it is called: the hash of its experiment, and how it is evaluated."""
        evaluation = fold_evaluation(self.spec.graph.evaluate)
        return self.spec.hash if evaluation is None else f"{self.spec.hash} evaluate {evaluation.text}"


@dataclass(frozen=True)
class Arms:
    """All arms of a study, the reference first; ``left_out`` counts those that a condition excludes."""

    factors: tuple[Factor, ...]
    design: Design
    arms: tuple[Arm, ...]
    left_out: int = 0
    notes: tuple[str, ...] = field(default=())
    compares: bool = True  # with a reference; a grid over numbers has none, unless one is asked for

    @property
    def reference(self) -> Arm:
        """The arm that all others are compared with."""
        return self.arms[0]


def arms_of(study: StudyFile, runs: Path | None = None) -> Arms:
    """Every arm of a study, checked and counted. Of data of one's own that is gone, the runs in the folder ``runs`` say
    what it held.

    Raises:
        ArchError: factors that have no place, a design that does not fit, no arm left.
        SpecError: arms that are not valid networks; each finding once, with the first arm that has it.
    """
    placed, factors, design, changes = _outline(study)
    check_size(len(design.arms))
    found, wrong, left_out = _built(study, placed, factors, design, runs)
    if wrong:
        raise summed(wrong, len(found))
    if not found:
        raise ArchError("no arm of the study is left", help="the conditions of `where` exclude all of them")
    compares = not along(factors, is_grid(design.name) and not study.baseline) or any(
        f.numbers is None for f in factors
    )
    usual = baseline(study, factors, design)
    first = next((n for n, arm in enumerate(found) if arm.picks == usual), None if compares else 0)
    if first is None:
        raise not_among(usual, factors, design, {picks for picks, *_ in _choices(placed, factors, design)})
    names = distinct([a.name for a in found], [a.choice for a in found], factors)
    found = tuple(replace(arm, name=name) for arm, name in zip(found, names, strict=True))
    ordered = _in_order(found[first], (*found[:first], *found[first + 1 :]), factors, design, compares)
    if len(ordered) * len(study.seeds) > Limits.RUNS:
        many = (
            f"{len(ordered):,} arms with {len(study.seeds):,} seeds each are {len(ordered) * len(study.seeds):,} runs"
        )
        raise ArchError(
            f"{many}, more than {Limits.RUNS:,}", help="leave seeds or levels out, or raise ARCHDSL_MAX_RUNS"
        )
    if study.match is not None:
        ordered = _matched(ordered, study.match)
    said = (*study.notes, *unlike(bases(study), found[first].spec.hash, changes), *_twins(ordered), *_notes(design))
    return Arms(factors, design, ordered, left_out, said, compares or not factors)


def _in_order(
    first: Arm, rest: Sequence[Arm], factors: Sequence[Factor], design: Design, compares: bool
) -> tuple[Arm, ...]:
    """The arms of a grid by their levels, numbers ascending; of single changes by factor, and then so. The reference first,
    where there is one.
    """
    ranks = [rank(f.levels) for f in factors]

    def place(arm: Arm) -> tuple[int, ...]:
        levels = [r.get(arm.choice.get(f.name, ""), p) for f, r, p in zip(factors, ranks, arm.picks, strict=True)]
        changed = [n for n, (a, b) in enumerate(zip(arm.picks, first.picks, strict=True)) if a != b]
        return tuple(levels) if is_grid(design.name) else (len(changed), *changed, *(levels[n] for n in changed))

    kind = kind_of(design.name)
    if kind is None or not (kind.grid or kind.single):
        return (first, *rest)
    return (first, *sorted(rest, key=place)) if compares else tuple(sorted((first, *rest), key=place))


Placed = list[tuple[str, Source, ast.File]]


def count_arms(study: StudyFile) -> int:
    """How many arms the design of a study has, before any of them is built.

    Raises:
        ArchError: as ``arms_of``.
    """
    return len(_outline(study)[2].arms)


def labels_of(study: StudyFile) -> Labels:
    """The labels of a study that are of a factor."""
    return fitting(_outline(study)[1], study.labels)


def _outline(study: StudyFile) -> tuple[Placed, tuple[Factor, ...], Design, list[str]]:
    """The bases with the factors' holes in them, all factors, the design, and where the reference is not the base."""
    given = list(bases(study))
    files = [check_set(file, study.factors, study.set) for _, _, file in given]
    changes = dict.fromkeys(changed(file, factor) for file in files for factor in study.factors)
    placed = [(name, source, _placed(study, file)) for name, source, file in given]
    check_levels([f.name for f in study.factors], [(name, file) for name, _, file in placed])
    factors = (*study.factors, *(f for f in own(placed[0][2]) if all(f.name != g.name for g in study.factors)))
    if len(placed) > 1:
        factors = (Factor(BASE, tuple(name for name, _, _ in placed)), *factors)
    factors = with_labels(labelled(factors), study.labels)
    return placed, factors, _design(study, factors), [change for change in changes if change]


def bases(study: StudyFile) -> Iterator[tuple[str, Source, ast.File]]:
    """Each base's name, text and tree, with the study's settings; paths begin at the study's folder."""
    for name, text in study.base:
        single = "\n" not in text and len(text) < 1024
        beside = study.folder / text if single else None
        given: str | Source = text
        if beside is not None and beside.suffix == ".arch" and os.path.isfile(beside):
            given = str(beside)
        elif (
            beside is not None and study.folder != Path() and _PLAIN.fullmatch(text) and (own := _own_spec(study, text))
        ):
            given = str(own)
        elif not single and _PLAIN.fullmatch(name):  # a text that was a file once: its runs keep the file's name
            given = Source(f"{name}.arch", text)
        yield name, *read(given, data=study.data, set=study.set)


def _own_spec(study: StudyFile, name: str) -> Path | None:
    """The spec of a bare name in a study file: beside the file, else a shipped one, wherever the command is called."""
    beside = study.folder / f"{name}.arch"
    return beside if os.path.isfile(beside) else None if stands_alone(name) else spec_path(name)


def _placed(study: StudyFile, file: ast.File) -> ast.File:
    for factor in study.factors:
        file = put(file, factor)
    return file


def _design(study: StudyFile, factors: tuple[Factor, ...]) -> Design:
    if not factors:
        return make("grid", (), ())
    axis = len(factors) == 1 and factors[0].is_axis
    name = study.design or ("one-out" if study.factors and len(study.base) == 1 and not axis else "grid")
    if name.startswith("frac") and (outer := next((f for f in factors if any("{" in lv for lv in f.levels)), None)):
        raise ArchError(
            f"`{name}` takes factors that every arm has, and a level of `{outer.shown}` has a hole: arms with its other level "
            "lack that factor",
            help="take full, or put the hole beside the other one",
        )
    return make(name, tuple(len(f.levels) for f in factors), tuple(f.name for f in factors))


def _built(
    study: StudyFile, placed: list[tuple[str, Source, ast.File]], factors: tuple[Factor, ...], design: Design,
    runs: Path | None,
) -> tuple[tuple[Arm, ...], Wrong, int]:  # fmt: skip
    lets = frozenset(i.name for _, _, file in placed for i in file.items if isinstance(i, ast.Let))
    tests = [condition(text, TOTALS, {f.name: f.levels for f in factors}, words=lets) for text in study.where]
    found, wrong, left_out = list[Arm](), Wrong(), 0
    named, told = along(factors, is_grid(design.name)), []
    for picks, choice, source, make_file in _choices(placed, factors, design):
        said = factors, design.arms[design.reference], picks, choice, len(placed) > 1, named
        name = arm_name(*said)
        try:
            arm = Arm(name, choice, picks, whole(source, make_file(), runs=runs))
        except SpecError as error:
            wrong.append((name, error))
            continue
        words = words_of(arm.spec.file)
        if all(test(arm.totals, choice, words) for test in tests):
            found.append(arm)
            told.append(said)
        else:
            left_out += 1
    varied = [n for n, f in enumerate(factors) if len({arm.choice.get(f.name) for arm in found}) > 1]
    labels = [arm_name(*said, labels=varied) for said in told]
    shown = (replace(arm, label=label if label != arm.name else "") for arm, label in zip(found, labels, strict=True))
    return tuple(shown), wrong, left_out


def _choices(
    placed: list[tuple[str, Source, ast.File]], factors: tuple[Factor, ...], design: Design
) -> Iterator[tuple[tuple[int, ...], dict[str, str], Source, Callable[[], ast.File]]]:
    several = len(placed) > 1
    if is_grid(design.name) and any("{" in level for f in factors if f.name != BASE for level in f.levels):
        check_size(sum(arms_in_space(file) for _, _, file in placed))
        for n, (name, source, file) in enumerate(placed):  # holes inside of alternatives
            texts = {axis.name: axis.texts for axis in axes(file)}  # as the tree has them, not as they were written
            for choice, arm in every_arm(file):
                taken = {f: texts[f.name].index(choice[f.name]) for f in factors if f.name in choice}
                choice = {**choice, **{f.name: f.levels[n] for f, n in taken.items()}}
                choice = {BASE: name, **choice} if several else choice
                picks = tuple(taken.get(f, 0) for f in factors)
                yield ((n, *picks[1:]) if several else picks), choice, source, lambda arm=arm: arm  # type: ignore[misc]
        return
    choosers = [Chooser(file) for _, _, file in placed]
    for picks in design.arms:
        choice = {f.name: f.levels[p] for f, p in zip(factors, picks, strict=True)}
        at = picks[0] if several else 0
        chosen = {f.name: p for f, p in zip(factors, picks, strict=True) if f.name != BASE or not several}
        yield picks, choice, placed[at][1], lambda c=choosers[at], p=chosen: c(p)  # type: ignore[misc]


def _matched(arms: tuple[Arm, ...], quantity: str) -> tuple[Arm, ...]:
    target = arms[0].totals[quantity]
    found = [arms[0]]
    for arm in arms[1:]:
        try:
            spec, how = match(arm.spec, quantity, target)
        except ArchError as error:
            error.message = f"arm `{arm.name}`: {error.message}"
            raise
        found.append(replace(arm, spec=spec, matched=how))
    return tuple(found)


def _twins(arms: tuple[Arm, ...]) -> Iterator[str]:
    """Arms that are one and the same experiment."""
    seen: dict[str, str] = {}
    for arm in arms:
        key = arm.identity
        if key in seen:
            yield f"`{seen[key]}` and `{arm.name}` are the same experiment: its runs are shown for both, and compared once"
        seen.setdefault(key, arm.name)


def _notes(design: Design) -> Iterator[str]:
    if design.aliases:
        yield f"resolution {design.resolution}; aliases: " + "; ".join(design.aliases)
