"""N1: a bank for searches: a space of 432 arms (bench/search_bank.arch), every one trained with three seeds.

    python bench/n1_search_bank.py --runs DIR

`archdsl ablate` trains what is missing, so that the command may be stopped and repeated. The table of all runs, with the
validation accuracy after each epoch, is `docs/benchmarks/search_bank.csv`; `n2_search.py` replays searches on it.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _timing import REPO, RESULTS

from archdsl.api import read
from archdsl.expand.holes import arms
from archdsl.expand.space import Space
from archdsl.search.candidates import Arms
from archdsl.study.execute.cell import find_run
from archdsl.study.results.run_figures import RunFigures

SPACE = REPO / "bench/search_bank.arch"
BANK = RESULTS / "search_bank.csv"
SEEDS, EPOCHS = 3, 9


def main() -> None:
    """Train, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument(
        "--precision", default="fp32", help="the same for every bank, so that processors can be compared"
    )
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "archdsl", "ablate", str(SPACE), "--design", "grid", "--seeds", str(SEEDS)]
        options = [
            "--runs",
            str(given.runs),
            "--precision",
            given.precision,
            "--html",
            f"{folder}/page.html",
            "--format",
            "csv",
        ]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    rows = list(table(given.runs))
    with BANK.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} runs in {BANK}")


def table(runs: Path) -> Iterator[dict[str, Any]]:
    """A row a run: its holes, its seed, the totals of its network, and the validation accuracy after each epoch."""
    source, file = read(SPACE)
    space = Space.of(file)
    names = {d.name: d for d in space.dimensions}
    for choice, _ in arms(file):
        point = {name: d.texts.index(choice[name]) for name, d in names.items()}
        for seed in range(SEEDS):
            of_seed = Arms(source, space, (), seed, runs)
            candidate = of_seed.candidate(0, point, of_seed.spec(point, seeded=True))
            run = find_run(runs, candidate.experiment)
            if run is None or run.result is None:
                raise SystemExit(f"{candidate.label}, seed {seed}: no result")
            epochs = RunFigures(run.result, candidate.totals, run.folder).epochs
            accuracies = {int(e["epoch"]): e["valid_accuracy"] for e in epochs}
            yield {
                **choice,
                "seed": seed,
                "params": candidate.totals["params"],
                "macs": candidate.totals["macs"],
                "status": run.result["status"],
                "seconds": round(float(run.result.get("seconds") or 0), 2),
                "test_accuracy": run.result.get("test_accuracy"),
                **{f"valid_{e}": accuracies.get(e) for e in range(1, EPOCHS + 1)},
            }


if __name__ == "__main__":
    main()
