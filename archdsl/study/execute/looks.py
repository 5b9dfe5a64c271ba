"""The questions under which runs were looked at: a rate of wrong decisions holds for one that is chosen before.

A question is what is compared, by which metric and how it is decided. With more seeds it stays the same. Questions of all studies
of a store are kept together, since a study with another factor less has a folder of its own and the same runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archdsl.report.numbers import many
from archdsl.study.execute.records import keep_list, read_list

FILE = "questions.json"  # in the folder of runs
WHAT = "questions about these runs"
STUDIES = "studies"  # in the folder of runs
MOST = 1000  # questions that are kept, the latest ones
SHARED = 2  # arms that two questions about the same comparison have in common
ASKED = ("metric", "design", "alpha", "same", "failures")


def asked_before(runs: Path, plan: dict[str, Any], seeds: Iterable[int]) -> tuple[str, ...]:
    """In what earlier questions about the same runs differ from this one, which is kept.

    Args:
        runs: the folder of runs; where it holds no study, nothing is kept.
        plan: what is asked, as ``register.plan_of`` gives it.
        seeds: those that have results.
    """
    names, arms = zip(*plan["arms"], strict=True)
    now = {"arms": sorted(arms), "reference": arms[0], "data": plan["data"], **{key: plan[key] for key in ASKED}}
    kept = read_list(runs / FILE, WHAT, _valid)
    every = kept or []
    own = next((entry for entry in every if entry["question"] == now), None)
    merged = sorted({*seeds, *(own["seeds"] if own else ())})
    entry = {
        "first": own["first"] if own else datetime.now(UTC).isoformat(),
        "reference": names[0],
        "question": now,
        "seeds": merged,
    }
    if kept is not None and entry != own and (runs / STUDIES).is_dir():
        keep_list(runs / FILE, WHAT, [*(other for other in every if other is not own), entry][-MOST:])
    return tuple(
        _difference(other, now)
        for other in every
        if other is not own and other["first"] < entry["first"] and _same_runs(other, now, merged)
    )


def _valid(entry: Any) -> bool:
    """Whether it is a question as they are kept."""
    try:
        question = entry["question"]
        set(question["arms"]), set(entry["seeds"]), entry["reference"]  # which are lists, and a name
        return {"arms", "reference", "data", *ASKED} == set(question) and isinstance(entry["first"], str)
    except (KeyError, TypeError):
        return False


def _same_runs(other: dict[str, Any], now: dict[str, Any], seeds: list[int]) -> bool:
    common = set(other["question"]["arms"]) & set(now["arms"])
    return (
        len(common) >= SHARED and other["question"]["data"] == now["data"] and not set(other["seeds"]).isdisjoint(seeds)
    )


def _difference(other: dict[str, Any], now: dict[str, Any]) -> str:
    """What an earlier question was, as far as it differs."""
    then = other["question"]
    parts = [f"{key} {then[key] or 'none'}" for key in ASKED if then[key] != now[key]]
    if then["arms"] != now["arms"]:
        parts.append(
            many(len(then["arms"]), "arm") + (" that are others" if len(then["arms"]) == len(now["arms"]) else "")
        )
    if then["reference"] != now["reference"]:
        parts.append(f"reference `{other['reference']}`")
    return ", ".join(parts)
