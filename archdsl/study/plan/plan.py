"""The runs of a study, and what is known of each in the store. A study is a view: the runs are named by what they
are, so that a study that is repeated, extended or edited finds those that it shares with others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from archdsl.api import setting_findings
from archdsl.data.fingerprint import fingerprint, short
from archdsl.errors import ArchError, EnvError, StoreError
from archdsl.report.numbers import many
from archdsl.runs.conditions import conditions_of, contrast, differing, usual
from archdsl.runs.evaluations import overlaid, stored
from archdsl.runs.identify import BEFORE, of_its_place
from archdsl.runs.run import Run, find_run, on_other_data
from archdsl.runs.store.lock import held
from archdsl.runs.store.settings import NewerRun
from archdsl.study.amounts import MAX_SEEDS
from archdsl.study.names import quoted
from archdsl.study.plan.arms import Arms, arms_of
from archdsl.study.plan.cells import Cell, cells, with_needs
from archdsl.study.plan.claimed import claimed_pairs
from archdsl.study.plan.demands import NAMED, check_metrics
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.fitted import fit_lines
from archdsl.words.data.values import Dataset

Status = Literal[
    "finished", "diverged", "failed", "oom", "timeout", "interrupted", "running", "foreign", "missing", "damaged"
]
ENDED = ("finished", "diverged")  # results; everything else may be run again
DAMAGED: Status = "damaged"  # it is run again only where that is asked for: its weights may be whole
FIXED_SEEDS = 5  # of a study that states no number and compares nothing


@dataclass(frozen=True)
class Found:
    """What the store knows of a cell. ``figures`` are the result's numbers; ``conditions`` under which it was run; ``own``:
    it ended without a result by its own fault (diverged, or an error that it would make on any machine)."""

    status: Status
    figures: Mapping[str, Any]
    conditions: Mapping[str, str]
    folder: Path | None = None
    message: str = ""
    own: bool = False


def away(every: Sequence[Cell], root: Path | None = None) -> list[str]:
    """The published data sets of a study that are not on this machine."""
    sets = dict.fromkeys(c.experiment.data.dataset for c in every)
    return [data.name for data in sets if isinstance(data, Dataset) and not fingerprint(data, root)]


def gone(every: Sequence[Cell]) -> list[str]:
    """What is to be said of data of one's own that is not there, and of which the runs say what it held."""
    sets = {c.experiment.data.dataset: c.experiment.data for c in every if is_gone(c)}
    return [
        f"there is no {data.dataset.name.partition(':')[2]}, and the data was not looked at; by the runs it had "
        f"{data.dataset.classes} classes, inputs of {'x'.join(map(str, data.dataset.input))} and the fingerprint "
        f"{short(data.fingerprint)}"
        for data in sets.values()
    ]


def is_gone(cell: Cell) -> bool:
    """Whether a run is on data of one's own that is not there."""
    return getattr(cell.experiment.data.dataset, "kept", None) is not None


def check_there(arms: Arms, todo: Sequence[Cell]) -> None:
    """Refuse runs whose data is not there.

    Raises:
        EnvError: it names them.
    """
    lost = sorted((c for c in todo if is_gone(c)), key=lambda c: (c.arm, c.seed))
    if lost:
        names = [f"`{arms.arms[c.arm].name}`, seed {c.seed}" for c in lost]
        few = "; ".join(names[:NAMED]) + (f"; and {len(names) - NAMED} more" if len(names) > NAMED else "")
        path = lost[0].experiment.data.dataset.name.partition(":")[2]
        raise EnvError(
            f"there is no {path} to train on, and {many(len(lost), 'run is', 'runs are')} to be trained: {few}",
            help="bring the data back; `archdsl report` shows the runs that are there",
        )


def not_reused(found: Iterable[Found]) -> list[str]:
    """What is to be said of runs that are there and do not count: how many, and in what they differ."""
    counts = Counter(f.message for f in found if f.status == "foreign")
    return [f"{many(n, 'run is', 'runs are')} not reused: {message}" for message, n in counts.items()]


def planned(
    study: StudyFile, out: Path | None = None, root: Path | None = None, fetch: bool = False
) -> tuple[Arms, tuple[Cell, ...]]:
    """The arms and runs of a study that can be carried out as it is: nothing of it would be refused before a first
    step, and every arm will have the metric. Words without effect are among the notes. ``out``, ``root`` and ``fetch`` as in
    ``cells``.

    Raises:
        ArchError: a factor, a condition, a metric, a claim or a fit that is refused; an arm without data; a budget where
            nothing is compared.
        SpecError: arms that are not valid networks, or that cannot be trained.
    """
    arms = arms_of(study, out)
    seeds = own_seeds(arms)
    before, study = study, settled(study, arms)
    every = cells(arms, study.seeds, out, root, fetch)
    check_metrics(study, arms, every)
    claimed_pairs(study, arms)
    fit_lines(study, arms, every)
    return replace(arms, notes=(*arms.notes, *seeds, *_unlimited(before, study), *without_effect(arms))), every


def settled(study: StudyFile, arms: Arms) -> StudyFile:
    """The study with a fixed design where nothing is compared, so that no seed could decide anything: of the seeds that are
    stated, or else of five.

    Raises:
        ArchError: it has a budget.
    """
    if not study.sequential or (arms.compares and len(arms.arms) > 1):
        return study
    if study.budget:
        raise ArchError(
            f"the budget `{study.budget}` is of sequential designs, and nothing is compared here, so that no seed could decide "
            "anything",
            help="leave it out, and state the number of seeds (--seeds N); or compare, by --baseline FACTOR=LEVEL, --without or "
            "--with",
        )
    return replace(study, sequential=False, seeds=study.seeds if study.seeds_stated else study.seeds[:FIXED_SEEDS])


def _unlimited(before: StudyFile, study: StudyFile) -> Iterator[str]:
    """What is to be said of a largest number of seeds that is stated where the design is fixed after all."""
    most = len(before.seeds)
    if before.sequential != study.sequential and most not in (len(study.seeds), MAX_SEEDS):
        yield (
            f"nothing is compared, so that no seed decides anything: {len(study.seeds)} seeds, and `max_seeds` {most} has no "
            f"effect; --seeds {most} trains them all"
        )


def own_seeds(arms: Arms) -> list[str]:
    """What is to be said of the word `seed` in a study, which sets the seeds of its runs itself.

    Raises:
        ArchError: arms differ in it: with equal seeds they would be one experiment.
    """
    named = {a.name: [repr(w.value) for w in a.spec.graph.train if w.entry.slot == "seed"] for a in arms.arms}
    usual = named[arms.reference.name]
    others = [name for name, own in named.items() if own != usual]
    if others:
        raise ArchError(
            f"the arms `{arms.reference.name}` and `{others[0]}` differ in the word `seed`, and a study sets the "
            "seeds of its runs: each arm gets the same ones",
            help="take `seed` out of the arms; --seeds N is their number",
        )
    return [f"`seed({usual[0]})` has no effect: a study sets the seeds of its runs (every arm)"] if usual else []


def without_effect(arms: Arms) -> Iterator[str]:
    """Words that change nothing, each once, with the arms that have them."""
    found: dict[str, list[str]] = {}
    for arm in arms.arms:
        for d in setting_findings(arm.spec, sources=False):
            if d.severity == "warning":
                found.setdefault(d.message, []).append(arm.name)
    for message, names in found.items():
        yield f"{message} ({'every arm' if len(names) == len(arms.arms) > 1 else quoted(names, NAMED)})"


def distinct(every: Sequence[Cell]) -> list[Cell]:
    """Each run once, those that others need among them, the longest first; arms that are the same experiment share theirs."""
    seen: dict[str, Cell] = {}
    for cell in with_needs(every):
        seen.setdefault(cell.key, cell)
    return sorted(seen.values(), key=lambda c: (-c.cost, c.arm, c.seed))


def look(out: Path, cell: Cell) -> Found:
    """What the store has of a cell. A run whose files are damaged is none, and the message says what repairs it.

    Raises:
        StoreError: a newer archdsl wrote it.
    """
    try:
        run = find_run(out, cell.experiment)
    except NewerRun:
        raise
    except StoreError as error:
        return Found(DAMAGED, {}, {}, message=f"{error.message}; {error.help}")
    if run is not None:
        found = found_of(run)
        return found if cell.evaluation is None or found.status != "finished" else _evaluated(run, found, cell)
    others = [run for run in of_its_place(cell.experiment, on_other_data(out, cell.experiment)) if run.done]
    if not others:
        return Found("missing", {}, {})
    last, now = others[-1], cell.experiment.data.fingerprint
    return Found("foreign", {}, conditions_of(last.versions), last.folder, _on_other_data(last, now))


def _evaluated(run: Run, found: Found, cell: Cell) -> Found:
    """What the folder of a finished run has of an evaluation: its figures in the place of the run's."""
    key = cell.key.rpartition("-")[2]
    record = stored(run, key)
    if record is None:
        return replace(found, status="missing", figures={})
    return replace(found, figures=overlaid(found.figures, record, key))


def _on_other_data(run: Run, now: str) -> str:
    if not run.fingerprint:
        return f"its run was made {BEFORE}"
    return f"data {short(run.fingerprint)} instead of {short(now)}"


def found_of(run: Run) -> Found:
    """A run as a study sees it."""
    conditions, result = conditions_of(run.versions), run.result
    if result is None:
        return Found("running" if held(run.folder) else "interrupted", {}, conditions, run.folder)
    status: Status = result.get("status", "failed")
    if result.get("data_changed"):
        changed = f"{result['data_changed']}; --again trains it again"
        return Found("foreign", {}, conditions, run.folder, changed)
    own = status in ("diverged", "failed")
    return Found(status, result, conditions, run.folder, str(result.get("message", "")), own)


def begun_otherwise(found: Found, now: Mapping[str, str]) -> bool:
    """Whether a run that has no result yet was begun under other conditions than those of now."""
    return bool(found.conditions.get("precision")) and bool(differing(found.conditions, now))


def foreign(found: Mapping[Any, Found], current: Mapping[str, str] | None = None) -> dict[Any, Found]:
    """The same, where results of other conditions than the current ones are foreign. What is not stated of the current ones
    is what most of the runs have that agree with the rest.
    """
    ended = [f.conditions for f in found.values() if f.status in ENDED]
    stated = {k: v for k, v in (current or {}).items() if v}
    now = {**usual([c for c in ended if not differing(c, stated)]), **stated}

    def other(f: Found) -> bool:
        return f.status in ENDED and bool(differing(f.conditions, now))

    return {
        k: replace(f, status="foreign", message=contrast(f.conditions, now)) if other(f) else f
        for k, f in found.items()
    }
