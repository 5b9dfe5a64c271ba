"""What a change of structure must not change, held against the commit before it, on one machine.

    python tools/pins.py record FOLDER     with the code of before: trains, stops a run half way, ablates, reports
    python tools/pins.py compare FOLDER    with the code of after: the same again, and the recorded folder used on

`compare` ends with 1 unless weights, names of runs, figures of epochs and reports are equal to the byte, a recorded run is
recognised, and a recorded checkpoint is resumed to the weights of an uninterrupted run. Weights depend on the processor, so
they are compared on one machine and committed nowhere. It needs the standard library and an installed archdsl.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SMALL = "conv(8) bn relu conv(16, s=2) relu drop(0.2) gap linear(classes)"
DATA = "fashion-mini subset(512) valid(20%)"
STEPS = "epochs(2) batch(32)"
NUMBERS = ("loss", "accuracy", "valid_loss", "valid_accuracy", "train_loss", "test_loss", "test_accuracy", "epoch")
# name: (net, more data words, train words, options)
RECIPES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "sgd": (SMALL, "flip crop(2)", "sgd(0.1, nesterov) l2(1e-4) cosine warmup(1)", ("--precision", "fp32")),
    "plain": (SMALL, "flip", "sgd(0.1) clip(1)", ("--precision", "plain")),
    "adamw": (SMALL, "cutout(4) brightness", "adamw(1e-3) smooth(0.1) onecycle ema(0.9)", ("--precision", "fp32")),
    "lion": (SMALL, "mixup", "lion(1e-3) wd(0.1, weights) linear", ("--precision", "fp32")),
    "muon": (SMALL, "trivialaugment", "muon(0.02) agc(0.01) step(1) epochs(3)", ("--precision", "plain")),
    "lamb": (SMALL, "randaugment", "lamb(5e-3) bce(20%) poly", ("--precision", "fp32")),
    "rmsprop": (SMALL, "shift rotate", "rmsprop(1e-3) l1(1e-5) exponential patience(2)", ("--precision", "plain")),
    "lookahead": (SMALL, "cutmix", "nadam(2e-3) lookahead biaslr(2) precise_bn tta", ("--precision", "fp32")),
    "spred": (
        "flatten linear(32) relu linear(classes)",
        "noise",
        "sgd(0.1) spred(1e-4) accumulate(2)",
        ("--precision", "plain"),
    ),
    "bf16": (
        "vgg[8x1,16x1] +res +bn drop(0.3,late)",
        "zoom",
        "adam grouplasso(1e-4) triangle",
        ("--precision", "bf16"),
    ),
}
STUDY = ("--seeds", "2", "--jobs", "1", "--precision", "fp32")
STUDY_TEXT = f"net conv(8) {{norm: bn | }} relu gap linear(classes)\ndata {DATA}\ntrain sgd(0.1) {STEPS}\n"
FORMATS = ("table", "json", "csv", "md", "tsv", "latex")


def main(arguments: list[str]) -> int:
    """Record or compare; the exit code is 1 where something differs."""
    if len(arguments) != 2 or arguments[0] not in ("record", "compare"):
        print(__doc__)
        return 2
    folder = Path(arguments[1]).resolve()
    if arguments[0] == "record":
        folder.mkdir(parents=True)
        found = figures(folder / "runs")
        stopped(folder / "stopped")
        (folder / "pins.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(f"{len(found)} figures recorded")
        return 0
    was = json.loads((folder / "pins.json").read_text("utf-8"))
    shutil.rmtree(folder / "again", ignore_errors=True)
    now = figures(folder / "again")
    now |= {f"recorded {name}": text for name, text in reports(folder / "runs").items()}
    was |= {f"recorded {name.removeprefix('report ')}": was[name] for name in was if name.startswith("report ")}
    reused = [name for name in RECIPES if not json.loads(train(name, folder / "runs")).get("cached")]
    resumed = weights(stopped_run(folder, "resumed"))
    failed = [name for name in was.keys() | now.keys() if was.get(name) != now.get(name) and not timed(name)]
    failed += [f"{name} was trained again" for name in reused]
    failed += ["a recorded checkpoint is not resumed to the same weights"] * (resumed != was["plain weights"])
    for name in sorted(failed):
        print(f"differs: {name}: {str(was.get(name))[:200]} | {str(now.get(name))[:200]}")
    print(f"{len(was)} figures compared, {len(failed)} differ")
    return int(bool(failed))


def timed(name: str) -> bool:
    """Reports of two trainings differ in seconds; those of one store must not."""
    return name.startswith("report ")


def figures(runs: Path) -> dict[str, Any]:
    """What ten recipes and a study give: the name, the weights and the numbers of each run, and the reports."""
    found: dict[str, Any] = {}
    for name in RECIPES:
        place = Path(json.loads(train(name, runs))["run"])
        found |= {f"{name} run": place.name, f"{name} weights": weights(place), f"{name} log": log(place)}
    call("ablate", STUDY_TEXT, "--runs", str(runs), *STUDY, cwd=runs)
    for place in sorted(p for p in runs.iterdir() if (p / "model.safetensors").exists()):
        found[f"store {place.name}"] = weights(place)
    return found | {f"report {name}": text for name, text in reports(runs).items()}


def reports(runs: Path) -> dict[str, str]:
    """The report of the study in every format."""
    page = runs / "study.html"
    shown = (*STUDY[:2], "--runs", str(runs), "--html", str(page))
    here = str(runs.parent)  # a report names the folder of its study
    texts = {f: call("report", STUDY_TEXT, *shown, "--format", f, cwd=runs) for f in FORMATS}
    return {f: text.replace(here, "FOLDER") for f, text in (texts | {"html": page.read_text("utf-8")}).items()}


def train(name: str, runs: Path, *more: str) -> str:
    """Train a recipe, or find its run; the result as JSON."""
    net, data, words, options = RECIPES[name]
    length = STEPS if "epochs" not in words else "batch(32)"
    text = f"net {net}\ndata {DATA} {data}\ntrain {words} {length}\n"
    runs.mkdir(parents=True, exist_ok=True)
    return call("train", text, "--runs", str(runs), "--format", "json", *options, *more, cwd=runs)


def stopped(runs: Path) -> None:
    """A run that a time limit ends after its first steps."""
    try:
        train("plain", runs, "--time-limit", "0.001")
    except subprocess.CalledProcessError as error:
        if not list(runs.glob("*/checkpoint*")):
            raise error


def stopped_run(folder: Path, name: str) -> Path:
    """The folder of the stopped run, once a copy of it was resumed."""
    copy = folder / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / "stopped", copy)
    return Path(json.loads(train("plain", copy, "--resume"))["run"])


def weights(place: Path) -> str:
    """SHA-256 of the weights of a run."""
    return hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()


def log(place: Path) -> list[dict[str, Any]]:
    """The numbers of each epoch and of the end, without times."""
    lines = [json.loads(line) for line in (place / "events.jsonl").read_text("utf-8").splitlines()]
    return [{k: line[k] for k in NUMBERS if k in line} for line in lines]


def call(*arguments: str, cwd: Path) -> str:
    """Standard output of a command of archdsl."""
    command = [sys.executable, "-m", "archdsl", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    done.check_returncode()
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
