"""The tuning runs of a study: every arm with every setting that is tried for it, and the arms with what was selected.

The settings are the same for all arms, the arm's own one before them. Tuning runs are ordinary runs, named by what they are, so
that a study finds them again, and other studies do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from archdsl.api import Spec, whole
from archdsl.errors import ArchError, Source, SpecError, suggest
from archdsl.expand.holes import Chooser
from archdsl.expand.settings import hyphenated
from archdsl.limits import Limits
from archdsl.report.numbers import many
from archdsl.study.plan.arms import Arm, Arms
from archdsl.study.plan.cells import Cell, cells
from archdsl.study.plan.factors import Factor, parts
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.levels import number
from archdsl.study.plan.place import put
from archdsl.study.plan.tune import Tune
from archdsl.study.plan.wrong import summed
from archdsl.syntax import ast
from archdsl.syntax.unparse import unparse
from archdsl.words.train.tuning import Init

OWN = "own setting"

Setting = Mapping[str, str]  # values by name; those of the arm's own setting where nothing of it is drawn


@dataclass(frozen=True)
class TuningPlan:
    """What is run to tune the arms of a study. ``untuned`` are its arms as they are written, ``every`` their cells; ``settings``
    has the settings of each arm, its own one first, and ``arms`` an arm for each of them, in this order.
    """

    tune: Tune
    seeds: tuple[int, ...]
    untuned: Arms
    every: tuple[Cell, ...]
    settings: tuple[tuple[Setting, ...], ...]
    arms: Arms
    specs: tuple[tuple[Spec, ...], ...]
    out: Path | None = None
    root: Path | None = None
    fetch: bool = False

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The tuning runs.

        Raises:
            SpecError, EnvError: as of ``cells``.
        """
        return cells(self.arms, self.tune.seed_numbers, self.out, self.root, self.fetch)

    @property
    def metric(self) -> str:
        """By which settings are selected."""
        return tuning_metric(self.untuned)

    def selected(self, picks: Sequence[int]) -> tuple[Arms, tuple[Cell, ...]]:
        """The arms with these of their settings, and their cells."""
        arms = tuple(
            replace(arm, spec=specs[n]) for arm, specs, n in zip(self.untuned.arms, self.specs, picks, strict=True)
        )
        tuned = replace(self.untuned, arms=arms)
        return tuned, cells(tuned, self.seeds, self.out, self.root, self.fetch)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said where there are fewer settings than runs."""
        counts = sorted({len(own) for own in self.settings})
        if counts == [self.tune.runs]:
            return ()
        few = f"`tune` asks for {many(self.tune.runs, 'run')} of each arm, and there are {' or '.join(map(str, counts))} settings"
        return (f"{few}: each is tried once",)


def tuning_plan(
    study: StudyFile,
    tune: Tune,
    arms: Arms,
    every: Sequence[Cell],
    out: Path | None = None,
    root: Path | None = None,
    fetch: bool = False,
) -> TuningPlan:
    """The tuning runs of a study; arguments as for ``cells``.

    Raises:
        ArchError: an arm has no place for a setting, no validation images, or the weights of another arm to begin with;
            two arms differ in nothing but what is tuned; there would be too many runs.
        SpecError: arms that are not valid networks with a setting; each finding once, with the first arm that has it.
    """
    _check(study, tune, arms, every)
    drawn = tune.draws()
    settings: list[tuple[Setting, ...]] = []
    specs: list[tuple[Spec, ...]] = []
    named: list[Arm] = []
    wrong: list[tuple[str, SpecError]] = []
    seen: dict[tuple[int, str], tuple[Arm, str]] = {}
    for arm in arms.arms:
        own = arm.identity
        tried, built, known = [_own(tune, arm)], [arm], {own}
        for n, one in _with_settings(tune, arm, drawn, out, wrong):
            identity = one.identity
            other, written = seen.setdefault((n, identity), (arm, own))
            if written != own:
                raise _same(tune, other, arm)
            if len(built) < tune.runs and identity not in known:
                known.add(identity)
                tried.append(drawn[n])
                built.append(one)
        settings.append(tuple(tried))
        specs.append(tuple(one.spec for one in built))
        named += [replace(built[0], name=_name(arm, {})), *built[1:]]
    if wrong:
        raise summed(wrong, len(named))
    trained = tuple(replace(arm, spec=_trained(arm.spec)) for arm in named)
    return TuningPlan(
        tune,
        tuple(study.seeds),
        arms,
        tuple(every),
        tuple(settings),
        replace(arms, arms=trained, compares=False),
        tuple(specs),
        out,
        root,
        fetch,
    )


def tuning_metric(arms: Arms) -> str:
    """By which settings are selected: the metric of the task, on the validation images."""
    return "valid_" + arms.reference.spec.task.metric.removeprefix("test_")


def _check(study: StudyFile, tune: Tune, arms: Arms, every: Sequence[Cell]) -> None:
    place = tune.ranges[0].place
    count = len(arms.arms) * tune.runs
    if count > Limits.STUDY or count * tune.seeds > Limits.RUNS:
        raise ArchError(
            f"{place}: `tune` asks for {many(count, 'setting')} with {many(tune.seeds, 'seed')} each, more than "
            f"{Limits.STUDY:,} settings or {Limits.RUNS:,} runs",
            help="take fewer runs or arms, or raise ARCHDSL_MAX_STUDY and ARCHDSL_MAX_RUNS",
        )
    if both := sorted({*tune.seed_numbers} & {*study.seeds}):
        raise ArchError(
            f"{place}: the seed {both[0]} of the study is one of the tuning runs",
            help=f"take seeds below {tune.seed_numbers[0]:,}",
        )
    for arm in arms.arms:
        if any(isinstance(s.value, Init) and s.value.arm for s in arm.spec.graph.train):
            raise ArchError(
                f"{place}: the arm `{arm.name}` begins with the weights of another arm, and `tune` selects settings for each "
                "arm by itself",
                help="leave `tune` or `init` out",
            )
    if lacking := {cell.arm for cell in every if cell.experiment.data.valid is None}:
        raise ArchError(
            f"{place}: `tune` selects by {tuning_metric(arms)}, and the arm `{arms.arms[min(lacking)].name}` sets no validation "
            "images aside",
            help="add valid(10%) to the data statement (--set data.valid=10%)",
        )


def _with_settings(
    tune: Tune, arm: Arm, drawn: Sequence[Setting], runs: Path | None, wrong: list[tuple[str, SpecError]]
) -> Iterator[tuple[int, Arm]]:
    """An arm with each of the settings, with its number; those that are not valid networks go to ``wrong``.

    Raises:
        ArchError: the arm has no place for a setting.
    """
    file = arm.spec.file
    lets = {i.name for i in file.items if isinstance(i, ast.Let) and i.params is None}
    factors: dict[str, Factor] = {}
    for r in tune.ranges:
        values = r.levels or tuple(dict.fromkeys(setting[r.name] for setting in drawn))
        if "." not in r.name and r.name not in lets and all(number(v) is not None for v in values):
            raise ArchError(
                f"{r.place}: `tune`: the arm `{arm.name}` has no `let {r.name}`",
                help=suggest(r.name, lets) or "tune a `let` that the text has, or a word such as train.adam",
            )
        factors[r.name] = Factor(f"let.{r.name}" if r.name in lets else r.name, values)
        try:
            file = put(file, factors[r.name])
        except ArchError as error:
            error.message = f"{r.place}: `tune`, arm `{arm.name}`: {error.message}"
            raise
    choose = Chooser(file)
    for n, setting in enumerate(drawn):
        text = choose({f.name: f.levels.index(setting[name]) for name, f in factors.items()})
        name = _name(arm, setting)
        try:
            yield n, replace(arm, name=name, spec=whole(Source(arm.spec.name, arm.spec.text), text, runs=runs))
        except SpecError as error:
            wrong.append((name, error))


def _name(arm: Arm, setting: Setting) -> str:
    """What people call an arm with a setting."""
    words = ", ".join(f"{name.rpartition('.')[2]}={value or 'none'}" for name, value in setting.items())
    return f"{arm.name}: {words or OWN}"


def _trained(spec: Spec) -> Spec:
    """A spec without what is evaluated after its training."""
    return replace(spec, graph=replace(spec.graph, evaluate=()))


def _same(tune: Tune, one: Arm, other: Arm) -> ArchError:
    names = ", ".join(f"`{r.name}`" for r in tune.ranges)
    return ArchError(
        f"{tune.ranges[0].place}: the arms `{one.name}` and `{other.name}` differ in nothing but what `tune` sets ({names})",
        help="tune what both have, such as a `let` that both use (`let.rate`), or leave the factor out",
    )


def _own(tune: Tune, arm: Arm) -> Setting:
    """The values that an arm has by itself, as far as one word or ``let`` says them; "" where a word is not there."""
    return {r.name: _value(arm.spec.file, r.name) for r in tune.ranges}


def _value(file: ast.File, name: str) -> str:
    space, _, word = name.rpartition(".")
    for item in file.items:
        if isinstance(item, ast.Let) and item.name == word and space in ("", "let"):
            return unparse(item.body)
        if isinstance(item, ast.Statement) and item.kind == space:
            for part in map(hyphenated, parts(item.body)):
                if isinstance(part, ast.Word) and part.name == word:
                    return unparse(part).removeprefix(word).strip("()") or "on"
    return "" if space in ast.SETTINGS else OWN
