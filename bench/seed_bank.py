"""A bank of real runs for the proof of the statistics: eight arms of a small net over 200 seeds, made by `archdsl ablate`.

Equal: `split 4+4` and the like are the reference with its first convolution written as two side by side. Weights are drawn
by shape and place, so the first layer of each begins elsewhere, with the same distribution; all else is shared by seed. These
arms should be exchangeable, and their runs differ. `unstable` and `unstable split` are such a pair whose accuracy
is far from normal: some runs end at the level of chance.

Close and far: another learning rate, mirrored images, half the length. Runs are kept in the folder of
runs, so that the command may be stopped and repeated; the table of all runs is `docs/benchmarks/seed_bank.csv`.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

from _timing import RESULTS

FIRST, REST = "conv(8)", "bn relu maxpool conv(16, s=2) bn relu flatten linear(classes)"
DATA, TRAIN = "fashion-mini subset(1000)", "epochs(4) batch(50) cosine"
FOLDERS = "seed_bank.json"  # in the folder of runs: by arm, the folders of its runs
COLUMNS = ("arm", "seed", "test_accuracy", "test_loss", "seconds")


def spec(net: str = f"{FIRST} {REST}", data: str = DATA, train: str = f"adam(5e-3) {TRAIN}") -> str:
    """The text of an arm."""
    return f"net {net}\ndata {data}\ntrain {train}\n"


def split(first: int, second: int, train: str = f"adam(5e-3) {TRAIN}") -> str:
    """The reference with two convolutions side by side in the place of the first one, of as many channels together."""
    return spec(f"cat(conv({first}, bias=false) | conv({second}, bias=false)) {REST}", train=train)


ARMS = {
    "reference": spec(),
    **{f"split {n}+{8 - n}": split(n, 8 - n) for n in (4, 3)},
    "slower": spec(train=f"adam(4e-3) {TRAIN}"),
    "flip": spec(data=f"{DATA} flip"),
    "half as long": spec(train=f"adam(5e-3) {TRAIN}".replace("epochs(4)", "epochs(2)")),
    "unstable": spec(train=f"sgd(0.35) {TRAIN}"),
    "unstable split": split(4, 4, train=f"sgd(0.35) {TRAIN}"),
}


def main() -> None:
    """Train what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--runs", type=Path, required=True, help="the folder of runs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder of the table")
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    study = args.runs / "seed_bank.yaml"
    study.write_text(json.dumps({"study": "seed bank", "base": ARMS, "seeds": args.seeds}), "utf-8")
    own, runs = [sys.executable, "-m", "archdsl"], ["--runs", str(args.runs), "--precision", "fp32", "--device", "cpu"]
    subprocess.run([*own, "ablate", str(study), *runs, "--jobs", str(args.jobs)], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(
        [*own, "report", str(study), *runs[:2], "--each", "--format", "csv"], check=True, capture_output=True, text=True
    )
    found = list(csv.DictReader(done.stdout.splitlines()))
    rows = [[row[name] for name in COLUMNS] for row in found]
    folders = {arm: [row["run"] for row in found if row["arm"] == arm] for arm in ARMS}
    (args.runs / FOLDERS).write_text(json.dumps(folders), "utf-8")
    with (args.out / "seed_bank.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    print(f"{len(rows):,} runs of {len(ARMS)} arms")


if __name__ == "__main__":
    main()
