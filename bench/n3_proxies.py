"""N3: how well zero-cost proxies rank the arms of the bank of n1_search_bank.py.

    python bench/n3_proxies.py [--write]

Spearman's rank correlation with the validation accuracy at the last epoch, the mean over three seeds: over all arms, and over
networks (each with its best learning rate, which no proxy knows), with bootstrap intervals over arms. Parameters and MACs stand
beside the proxies. Scores are those of seed 0.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

from _timing import REPO, RESULTS
from n2_search import EPOCHS
from scipy.stats import spearmanr

from archdsl.api import load, read
from archdsl.evaluate.proxies import defined, scores
from archdsl.expand.space import Space
from archdsl.expand.text import canonical_text

PAGE, RAW = RESULTS / "n3_proxies.md", RESULTS / "n3_proxies.json"
DRAWS = 2000
Name = tuple[str, ...]


def main() -> None:
    """Score every network of the bank once, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    _, file = read(REPO / "bench/search_bank.arch")
    space = Space.of(file)
    names = [d.name for d in space.dimensions]
    accuracy: dict[Name, list[float]] = defaultdict(list)
    sizes: dict[Name, dict[str, float]] = {}
    with (RESULTS / "search_bank.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            name = tuple(row[n] for n in names)
            accuracy[name].append(float(row[f"valid_{EPOCHS}"] or 0))
            sizes[name] = {"params": float(row["params"]), "macs": float(row["macs"])}
    means = {name: statistics.fmean(values) for name, values in accuracy.items()}
    rate = names.index("lr")
    found: dict[Name, dict[str, float]] = {}
    for name in means:
        network = (*name[:rate], *name[rate + 1 :])
        if network in found:
            continue
        point = {d.name: d.texts.index(text) for d, text in zip(space.dimensions, name, strict=True)}
        spec = load(canonical_text(space.file(point)))
        scored = {k: v for k, v in scores(spec, defined(spec)).items() if v is not None}
        found[network] = {**sizes[name], **scored}
    proxies = list(next(iter(found.values())))
    every = [(found[(*n[:rate], *n[rate + 1 :])], value) for n, value in means.items()]
    best: dict[Name, float] = {}
    for name, value in means.items():
        network = (*name[:rate], *name[rate + 1 :])
        best[network] = max(value, best.get(network, 0.0))
    networks = [(found[n], value) for n, value in best.items()]
    rows = [(p, correlation(every, p), correlation(networks, p)) for p in proxies]
    lines_ = [
        "# Zero-cost proxies on the bank\n",
        (
            f"Spearman's rank correlation with the validation accuracy after {EPOCHS} epochs (mean of three seeds), with 95 % "
            f"bootstrap intervals: over all {len(every)} arms, and over {len(networks)} networks with the best of their learning "
            "rates. `python bench/n3_proxies.py --write`.\n"
        ),
        "| proxy | all arms | networks |",
        "|---|---:|---:|",
        *(f"| {p} | {shown(a)} | {shown(b)} |" for p, a, b in rows),
    ]
    print("\n".join(lines_))
    if given.write:
        PAGE.write_text("\n".join(lines_) + "\n", "utf-8")
        RAW.write_text(json.dumps({p: {"arms": a, "networks": b} for p, a, b in rows}, indent=1) + "\n")


def correlation(pairs: Sequence[tuple[Mapping[str, float], float]], proxy: str) -> tuple[float, float, float]:
    """Spearman's rho with its bootstrap interval."""
    known = [(scored[proxy], value) for scored, value in pairs if proxy in scored and math.isfinite(scored[proxy])]
    chance = random.Random(0)
    drawn = sorted(rho([chance.choice(known) for _ in known]) for _ in range(DRAWS))
    return rho(known), drawn[int(0.025 * DRAWS)], drawn[int(0.975 * DRAWS)]


def rho(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def shown(found: tuple[float, float, float]) -> str:
    """A correlation with its interval."""
    return f"{found[0]:+.2f} [{found[1]:+.2f}, {found[2]:+.2f}]"


if __name__ == "__main__":
    main()
