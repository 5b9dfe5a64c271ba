"""N2: what it costs to find a good arm: searches replayed on the bank of n1_search_bank.py.

    python bench/n2_search.py [--replays 60]

Each replay draws a seed of the bank for every arm by itself (one of three), so that scores are as noisy as in a real search. An
arm is good if the mean of its validation accuracies over the seeds is among the best 1 % of all arms. The cost is that of all
training until a good arm has been trained whole, in whole runs (9 epochs are 1). Every method works with four virtual
workers, but for Optuna alone, which knows each result before the next proposal. Peers: Optuna's TPE with its successive halving,
and Ray Tune's ASHA scheduler on random points, both driven by their own code on the same bank.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _timing import REPO, RESULTS

from archdsl.api import read
from archdsl.expand.space import Dimension, Space
from archdsl.search.candidates import Candidate, Candidates
from archdsl.search.encoding import Point, has_order, in_order
from archdsl.search.order import Job, Order, Score
from archdsl.search.samplers import Kind, sampler_of

EPOCHS, PARALLEL = 9, 4
TRIALS = (
    200  # of Optuna alone, which may propose the same points again and again; then the replay ends without a good arm
)
BANK = RESULTS / "search_bank.csv"
GOOD = 0.01
PAGE, RAW = RESULTS / "n2_search.md", RESULTS / "n2_search.json"
Name = tuple[str, ...]


@dataclass
class Bank:
    """The runs of the bank: curves of validation accuracy by arm and seed, and the cost of an epoch by arm."""

    space: Space
    curves: dict[Name, list[list[float]]] = field(default_factory=dict)
    work: dict[Name, float] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path = BANK) -> Bank:
        _, file = read(REPO / "bench/search_bank.arch")
        bank = cls(Space.of(file))
        names = [d.name for d in bank.space.dimensions]
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                name = tuple(row[n] for n in names)
                curve = [
                    float(row[f"valid_{e}"] or 0) for e in range(1, EPOCHS + 1)
                ]  # a run that diverged has no figure
                bank.curves.setdefault(name, []).append(curve)
                bank.work[name] = 3.0 * int(row["macs"]) * 50 + 120_000_000
        return bank

    def good(self, fraction: float = GOOD) -> set[Name]:
        """The best arms by the mean over the seeds at the last epoch."""
        means = {name: statistics.fmean(c[-1] for c in curves) for name, curves in self.curves.items()}
        many = max(1, round(fraction * len(means)))
        return set(sorted(means, key=lambda n: -means[n])[:many])


@dataclass
class Replay:
    """One replay: the seed of each arm is drawn once."""

    bank: Bank
    seed: int
    epochs: float = 0.0
    found_at: float | None = None
    chosen: dict[Name, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.chosen = {name: chance.choice(curves) for name, curves in self.bank.curves.items()}
        self.good = self.bank.good()

    def train(self, name: Name, begin: int, end: int) -> float:
        """Train an arm from one epoch to another; its validation accuracy."""
        self.epochs += end - begin
        if end == EPOCHS and name in self.good and self.found_at is None:
            self.found_at = self.epochs / EPOCHS
        return self.chosen[name][end - 1]


class BankArms:
    """In the place of ``archdsl.search.candidates.Arms``: every point of the space is a candidate of the bank."""

    def __init__(self, bank: Bank) -> None:
        self.space, self.bank = bank.space, bank

    def spec(self, point: Point, seeded: bool = False) -> Any:
        return None

    def excluded(self, spec: Any, values: Mapping[str, str]) -> bool:
        return False

    def candidate(self, number: int, point: Point, spec: Any) -> Candidate:
        values = self.space.values(point)
        return Candidate(number, point, values, None, "|".join(values.values()), {})  # type: ignore[arg-type]


class BankCandidates(Candidates):
    """Candidates whose work is that of the bank."""

    def whole(self, candidate: int) -> int:
        return EPOCHS

    def work(self, candidate: int, epochs: int) -> float:
        return epochs * float(self.arms.bank.work[tuple(self.every[candidate].values.values())])  # type: ignore[attr-defined]


def ours(kind: Kind, rungs: tuple[int, ...]) -> Callable[[Replay], None]:
    """A search of archdsl."""

    def search(replay: Replay) -> None:
        space = replay.bank.space
        chance = random.Random(replay.seed)
        base = {d.name: chance.randrange(len(d.texts)) for d in space.dimensions}  # no method knows where to begin
        candidates = BankCandidates(BankArms(replay.bank), sampler_of(kind, space, len(rungs), 1, replay.seed), base)  # type: ignore[arg-type]
        order = Order(candidates, rungs, PARALLEL)
        known: dict[int, Score] = {}

        def lookup(job: Job) -> Score:
            if job.number not in known:
                name = tuple(candidates.every[job.candidate].values.values())
                before = rungs[job.rung - 1] if job.rung else 0
                known[job.number] = Score((-replay.train(name, before, rungs[job.rung]),))
            return known[job.number]

        for _ in order.ready(lookup):
            if replay.found_at is not None:
                return

    return search


def proposed(trial: Any, d: Dimension) -> str:
    """Optuna's choice of a dimension. Numbers keep their order, as in our encoding."""
    if has_order(d):
        return d.texts[in_order(d)[trial.suggest_int(d.name, 0, len(d.texts) - 1)]]
    return d.texts[trial.suggest_categorical(d.name, list(range(len(d.texts))))]


def optuna_alone(rungs: bool) -> Callable[[Replay], None]:
    """Optuna as its manual shows it: TPE, and successive halving as the pruner."""

    def search(replay: Replay) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = replay.bank.space
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=replay.seed),
            pruner=pruner if rungs else optuna.pruners.NopPruner(),
        )
        seen: dict[Name, int] = {}
        for _ in range(TRIALS):
            if replay.found_at is not None:
                return
            trial = study.ask()
            name = tuple(proposed(trial, d) for d in space.dimensions)
            known = seen.get(name, 0)  # what was trained before is not trained again, for the peer as well
            value, pruned = 0.0, False
            for epoch in range(1, EPOCHS + 1):
                value = replay.train(name, epoch - 1, epoch) if epoch > known else replay.chosen[name][epoch - 1]
                seen[name] = max(seen.get(name, 0), epoch)
                trial.report(value, epoch)
                if rungs and trial.should_prune():
                    pruned = True
                    break
            study.tell(trial, None if pruned else value, optuna.trial.TrialState.PRUNED if pruned else None)

    return search


def ray_asha(replay: Replay) -> None:
    """Ray Tune's ASHA scheduler on random points without repetition, with four trials at a time."""
    from ray.tune.schedulers import AsyncHyperBandScheduler
    from ray.tune.schedulers.trial_scheduler import TrialScheduler

    class Trial:
        def __init__(self, name: Name) -> None:
            self.trial_id, self.name, self.epoch = "|".join(name), name, 0

    scheduler = AsyncHyperBandScheduler(
        time_attr="epoch", metric="score", mode="max", max_t=EPOCHS, grace_period=1, reduction_factor=3
    )
    chance = random.Random(replay.seed)
    left = list(replay.bank.curves)
    chance.shuffle(left)
    running: list[tuple[float, Trial]] = []
    while replay.found_at is None and (left or running):
        while left and len(running) < PARALLEL:
            trial = Trial(left.pop())
            scheduler.on_trial_add(None, trial)  # type: ignore[arg-type]
            now = min((t for t, _ in running), default=0.0)
            running.append((now + replay.bank.work[trial.name], trial))
        running.sort(key=lambda pair: pair[0])
        now, trial = running.pop(0)
        value = replay.train(trial.name, trial.epoch, trial.epoch + 1)
        trial.epoch += 1
        result = {"epoch": trial.epoch, "score": value, "training_iteration": trial.epoch}
        if trial.epoch < EPOCHS:
            decision = scheduler.on_trial_result(None, trial, result)  # type: ignore[arg-type]
            if decision == TrialScheduler.CONTINUE:
                running.append((now + replay.bank.work[trial.name], trial))
        else:
            scheduler.on_trial_complete(None, trial, result)  # type: ignore[arg-type]


METHODS: dict[str, Callable[[Replay], None]] = {
    "random": ours("random", (EPOCHS,)),
    "gp": ours("gp", (EPOCHS,)),
    "random, rungs 1,3,9": ours("random", (1, 3, 9)),
    "gp, rungs 1,3,9": ours("gp", (1, 3, 9)),
    "random, rungs 1,9": ours("random", (1, 9)),
    "gp, rungs 1,9": ours("gp", (1, 9)),
    "Optuna TPE": optuna_alone(rungs=False),
    "Optuna TPE + halving": optuna_alone(rungs=True),
    "Ray Tune ASHA": ray_asha,
}


def main() -> None:
    """Replay every method, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=60)
    parser.add_argument("--only", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.replays < 1:
        parser.error("--replays: at least 1")
    warnings.simplefilter("ignore")
    bank = Bank.of()
    costs: dict[str, list[float]] = {}
    missed: dict[str, int] = {}
    for name in given.only:
        began = time.perf_counter()
        for seed in range(given.replays):
            replay = Replay(bank, seed)
            METHODS[name](replay)
            missed[name] = missed.get(name, 0) + (replay.found_at is None)
            # Of a replay that found none, what it cost until it ended: the method is then worse than its figure.
            costs.setdefault(name, []).append(replay.found_at or replay.epochs / EPOCHS)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    lines = list(page(costs, missed, bank))
    print("\n".join(lines))
    if given.write:
        RAW.write_text(
            json.dumps({"good": sorted(map(list, bank.good())), "costs": costs, "missed": missed}, indent=1) + "\n"
        )
        PAGE.write_text("\n".join(lines) + "\n", "utf-8")


def page(costs: Mapping[str, list[float]], missed: Mapping[str, int], bank: Bank) -> Iterator[str]:
    """The table."""
    yield "# Searches replayed on the bank\n"
    yield (
        f"Whole runs (of {EPOCHS} epochs) until one of the best 1 % of {len(bank.curves)} arms has been trained whole; "
        f"{len(next(iter(costs.values())))} replays each, `python bench/n2_search.py --write`.\n"
    )
    yield (
        f"Optuna alone ends after {TRIALS} trials. Of a replay that found no good arm the cost until its end counts, so that the "
        "method is worse than its figures.\n"
    )
    yield "| method | mean | median | quartiles | found none | random's mean / its mean |"
    yield "|---|---:|---:|---:|---:|---:|"
    reference = statistics.fmean(costs["random"]) if "random" in costs else float("nan")
    for name, found in costs.items():
        low, middle, high = statistics.quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
        mean = statistics.fmean(found)
        yield f"| {name} | {mean:.1f} | {middle:.1f} | {low:.1f} to {high:.1f} | {missed[name]} | {reference / mean:.2f} |"


if __name__ == "__main__":
    main()
