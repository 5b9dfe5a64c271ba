"""From the arms of a study to its runs: an experiment for each arm and seed, what has to be there before, and the evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archdsl.api import Spec, experiment_of
from archdsl.data.fingerprint import fingerprint
from archdsl.errors import ArchError, SpecError, suggest
from archdsl.expand import expand
from archdsl.expand.overrides import override
from archdsl.expand.pin import pinned
from archdsl.runs.identify import settled_fingerprint, with_data
from archdsl.runs.kept import of_place
from archdsl.runs.run import identity, on_other_data
from archdsl.settings.evaluation import EvaluationSettings, fold_evaluation
from archdsl.settings.experiment import Experiment
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.fitted import images_of
from archdsl.study.plan.naming import BASE
from archdsl.study.plan.wrong import summed
from archdsl.words.train.tuning import SHA_DIGITS, Init

UNKNOWN = ""  # the fingerprint of a data set that is not on this machine
STEP = 120_000_000  # of work beside the MACs of a step: 2 ms at 6e10 a second, what steps of the smallest nets take
TEST_IMAGES = 10_000  # of a set that does not say how many it has: for an estimate of time


@dataclass(frozen=True)
class Cell:
    """One run: an arm with a seed. ``key`` names it by its content; ``cost`` is the MACs of the whole run.

    With an ``evaluation``, the run is that of ``experiment``, and the cell is what the evaluation finds of it. ``needs`` are
    the runs that must have ended before: the one that is evaluated, or the one whose weights this one begins with.
    """

    arm: int
    seed: int
    experiment: Experiment
    key: str
    cost: int
    evaluation: EvaluationSettings | None = None
    needs: tuple[Cell, ...] = ()


def cells(
    arms: Arms, seeds: Sequence[int], out: Path | None = None, root: Path | None = None, fetch: bool = False
) -> tuple[Cell, ...]:
    """Every run of a study, arm by arm. Each data set is looked at once.

    Args:
        out: the folder of runs. Where a data set is not on this machine, the finished runs there say what it held.
        root: where the data is; searched before the other data roots.
        fetch: download published sets that are not there.

    Raises:
        ArchError: an arm names no data, or begins with the weights of an arm that is not there, or of itself; with the arm.
        SpecError: arms that cannot be trained; each finding once, with the first arm that has it.
        EnvError: data is missing, cannot be read or cannot be fetched.
    """
    planner = _Planner(arms, root, fetch)
    found = planner.every(seeds)
    if out is None or UNKNOWN not in planner.data.values():
        return found
    return _Planner(arms, root, fetch, _by_their_runs(planner.data, found, out)).every(seeds)


def _by_their_runs(data: Mapping[Any, str], every: Sequence[Cell], out: Path) -> dict[Any, str]:
    """Fingerprints by data set; of one that is not on this machine the one that most of its runs have."""
    known = dict(data)
    for one in [d for d, value in data.items() if value == UNKNOWN]:
        own = [r for c in every if c.experiment.data.dataset == one for r in on_other_data(out, c.experiment)]
        known[one] = settled_fingerprint(of_place(one, own))
    return known


@dataclass
class _Planner:
    arms: Arms
    root: Path | None
    fetch: bool
    data: dict[Any, str] = field(default_factory=dict)  # the fingerprint of each data set
    made: dict[tuple[int, int], Cell] = field(default_factory=dict)
    under_way: list[int] = field(default_factory=list)  # arms that begin with the weights of each other

    def every(self, seeds: Sequence[int]) -> tuple[Cell, ...]:
        found: list[Cell] = []
        wrong: list[tuple[str, SpecError]] = []
        for number, arm in enumerate(self.arms.arms):
            try:
                # The seed changes nothing that is checked.
                found += [self.cell(number, seed, checked=seed == seeds[0]) for seed in seeds]
            except SpecError as error:
                wrong.append((arm.name, error))
            except ArchError as error:
                error.message = f"arm `{arm.name}`: {error.message}"
                raise
        if wrong:
            raise summed(wrong, len(self.arms.arms) - len(wrong), "cannot be trained")
        return tuple(found)

    def cell(self, number: int, seed: int, checked: bool) -> Cell:
        """The cell of an arm: its run, or the evaluation of it."""
        run = self.run(number, seed, checked)
        spec = self.arms.arms[number].spec
        asked = fold_evaluation(spec.graph.evaluate)
        if asked is None:
            return run
        images = getattr(run.experiment.data.dataset, "test", 0) or TEST_IMAGES
        cost = spec.cost.macs * images * (asked.passes or 1)
        key = asked.key(seed, spec.trace)
        return Cell(number, seed, run.experiment, f"{run.key}-{key}", cost, asked, (run,))

    def run(self, number: int, seed: int, checked: bool = False) -> Cell:
        """The training run of an arm."""
        if (number, seed) in self.made:
            return self.made[number, seed]
        if number in self.under_way:
            names = " → ".join(f"`{self.arms.arms[n].name}`" for n in (*self.under_way, number))
            raise ArchError(
                f"arms begin with the weights of each other: {names}",
                help="let one of them begin with weights of its own",
            )
        arm = self.arms.arms[number]
        before = self._before(arm.spec, number, seed)
        spec = seeded(arm.spec, seed, before.key[:SHA_DIGITS] if before is not None else "")
        experiment = experiment_of(spec, checked)
        data = experiment.data.dataset
        if data not in self.data:
            self.data[data] = fingerprint(data, self.root, self.fetch)
        experiment = with_data(experiment, self.data[data])
        needs = () if before is None else (before,)
        made = Cell(number, seed, experiment, identity(experiment), _work(spec, experiment), needs=needs)
        return self.made.setdefault((number, seed), made)

    def _before(self, spec: Spec, number: int, seed: int) -> Cell | None:
        """The run of the arm whose weights an arm begins with."""
        name = next((s.value.arm for s in spec.graph.train if isinstance(s.value, Init) and not s.value.sha), "")
        if not name:
            return None
        names = [a.name for a in self.arms.arms]
        if name not in names and name != BASE:
            raise ArchError(
                f"`init(arm {name})`: the study has no arm `{name}`",
                help=suggest(name, names) or f"its arms are {', '.join(names[:5])}; `{BASE}` is the first",
            )
        self.under_way.append(number)
        try:
            return self.run(names.index(name) if name in names else 0, seed)
        finally:
            self.under_way.pop()


def own_cells(arms: Arms, every: Sequence[Cell]) -> list[list[Cell]]:
    """The cells of each arm, in the order of the seeds."""
    own: list[list[Cell]] = [[] for _ in arms.arms]
    for cell in every:
        own[cell.arm].append(cell)
    return own


def with_needs(every: Iterable[Cell]) -> Iterator[Cell]:
    """Each cell behind the runs that it needs; some of them more than once."""
    for cell in every:
        yield from with_needs(cell.needs)
        yield cell


def seeded(spec: Spec, seed: int, weights: str = "") -> Spec:
    """The spec with this seed. The network stays the same, so only the settings are read again.

    Args:
        weights: the hash that names the weights to begin with, for a word ``init`` that does not have it.
    """
    file = override(spec.file, [f"train.seed={seed}"])
    if weights:
        file = pinned(file, weights)
    return replace(spec, file=file, graph=replace(spec.graph, train=expand(file, declared=spec.declared).train))


def _work(spec: Spec, experiment: Experiment) -> int:
    """The work of a run, up to a factor that all have: for an order, and for an estimate."""
    train = experiment.train
    images = images_of(experiment)
    steps = train.epochs * -(-images // train.batch)
    return work(spec.cost.macs, min(steps, train.steps or steps), train.batch)


def work(macs: int, steps: int, batch: int) -> int:
    """The work of a training, in MACs: forward and backward, and what each step costs beside them.

    Args:
        macs: of the network, for one image.
    """
    return steps * (3 * macs * batch + STEP)
