"""How long the missing runs will take, by those that are there, and on what that rests."""

from __future__ import annotations

import platform
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archdsl.api import load
from archdsl.errors import ArchError, Source
from archdsl.report.numbers import many
from archdsl.runs.conditions import conditions_of
from archdsl.runs.run import RESULT, SPEC, Run, load_run
from archdsl.study.plan.cells import Cell, work
from archdsl.study.plan.plan import Found

# MACs a second of one core, and seconds a run for its set-up: what small nets did on one AVX-512 core with bf16
# (docs/benchmarks, C1 and C2). Used only until a run of this machine is there.
RATE, OVERHEAD = 6e10, 0.5
NEWEST = 8  # runs of other studies that are looked at; the network of each is counted


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds for the missing runs, and what they are taken from."""

    seconds: float
    basis: str


def time_left(
    every: Sequence[Cell],
    missing: Sequence[Cell],
    found: Mapping[str, Found],
    jobs: int,
    store: Path | None = None,
    device: str = "",
) -> Estimate:
    """The time for the missing runs on so many workers: by the finished runs of the study; where there are none, by others of the
    store that this machine made on the same kind of device. Both are scaled by the work of a whole run.

    Args:
        store: the folder of runs; None: only the study's own count.
        device: the kind of device of the missing runs, ``cpu`` or ``cuda``; "" for any.
    """
    rates, basis = _own(every, found)
    if not rates and missing and store is not None:
        rates, basis = _of_store(store, device)
    rate = statistics.median(rates) if rates else RATE
    work = sum(OVERHEAD + cell.cost / rate for cell in missing)
    longest = max((OVERHEAD + cell.cost / rate for cell in missing), default=0.0)
    return Estimate(max(work / max(jobs, 1), longest), basis)


def measured_rate(store: Path, device: str) -> float | None:
    """The work a second of finished runs in ``store`` that this machine made on this kind of device; None where there is none."""
    rates, _ = _of_store(store, device)
    return statistics.median(rates) if rates else None


def _own(every: Sequence[Cell], found: Mapping[str, Found]) -> tuple[list[float], str]:
    """The work a second of the finished runs of the study."""
    ended = {
        cell.key: (cell.cost / float(seconds), found[cell.key].conditions.get("processor", ""))
        for cell in every
        if cell.evaluation is None
        and found[cell.key].status == "finished"
        and (seconds := found[cell.key].figures.get("seconds"))
    }
    return _told([*ended.values()], "of this study")


def _of_store(store: Path, device: str) -> tuple[list[float], str]:
    """The work a second of the newest finished runs that this machine made; those of its most frequent processor."""
    here = [(one, conditions_of(one.versions)) for one in _newest(store)]
    kept = [(run, c["processor"]) for run, c in here if c["device"] == device or not device]
    usual = Counter(processor for _, processor in kept).most_common(1)
    same = [run for run, processor in kept if processor == usual[0][0]][:NEWEST]
    rates = [(rate, usual[0][0]) for run in same if (rate := _rate(run)) is not None]
    return _told(rates, "of this store")


def _newest(store: Path) -> Iterator[Run]:
    """The finished runs of this machine, the newest first; those that cannot be read are passed over."""
    try:
        ended = sorted(((p.stat().st_mtime, p.parent) for p in store.glob(f"*/{RESULT}")), reverse=True)
    except OSError:
        return
    for _, folder in ended[: 8 * NEWEST]:
        try:
            run = load_run(folder)
        except ArchError:
            continue
        if run.versions.get("platform") == platform.platform() and (run.result or {}).get("status") == "finished":
            yield run


def _rate(run: Run) -> float | None:
    """The work of training a second, as ``Cell.cost`` counts it; None where the run does not say enough."""
    result, train = run.result or {}, run.settings.get("train")
    seconds, steps = result.get("seconds"), result.get("step")
    batch = train.get("batch") if isinstance(train, Mapping) else None
    if not seconds or not steps or not isinstance(batch, int):
        return None
    try:
        macs = load(Source(SPEC, run.spec)).cost.macs
    except ArchError:  # a spec of a package that is not here, or data that is gone
        return None
    return work(macs, steps, batch) / float(seconds)


def _told(rates: Sequence[tuple[float, str]], whose: str) -> tuple[list[float], str]:
    if not rates:
        return [], "an assumption: no finished run of this machine to estimate it from"
    processors = ", ".join(sorted({processor for _, processor in rates if processor}))
    count = f"{many(len(rates), 'run')} {whose}"
    return [
        rate for rate, _ in rates
    ], f"by {count}{f' on {processors}' if processors else ''}, scaled by steps and MACs"
