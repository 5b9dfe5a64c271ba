"""L1: count ResNet-50 in a cold process, against importing torch, torchinfo and timm.

Cold means a new process each time; the files are in the page cache for all contenders alike. Each contender has to
print the same number of parameters, or nothing is timed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from _timing import REPO, comparison, interleave, options, publish

PARAMS = 25_557_032
SPEC = str(REPO / "specs" / "imagenet" / "resnet50.arch")

# torchvision beside a torch of another build needs a word first; see archdsl/emit/vision.py.
VISION = "from archdsl.emit.vision import import_torchvision; import_torchvision(); "
CONTENDERS = {
    "archdsl params": ["-c", "from archdsl.cli.main import run; run()", "params", SPEC, "--format", "json"],
    "import torch": ["-c", "import torch"],
    "torchinfo": [
        "-c",
        VISION + "from torchvision.models import resnet50; from torchinfo import summary; "
        "print(summary(resnet50(), (1, 3, 224, 224), verbose=0))",
    ],
    "timm": [
        "-c",
        VISION + "import timm; print(sum(p.numel() for p in timm.create_model('resnet50').parameters()))",
    ],
}


def call(arguments: list[str]) -> str:
    """Run Python with these arguments; what it printed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=REPO)
    if done.returncode:
        raise SystemExit(f"{arguments} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def runner(arguments: list[str]) -> Callable[[], str]:
    """A call to be made later."""
    return lambda: call(arguments)


def check() -> None:
    """Every contender that counts gives the same count."""
    for name, arguments in CONTENDERS.items():
        said = call(arguments).replace(",", "").replace("_", "")
        if name != "import torch" and str(PARAMS) not in said:
            raise SystemExit(f"{name} does not say {PARAMS} but:\n{said[-500:]}")


def main() -> None:
    """Measure and publish."""
    args = options(__doc__, rounds=11).parse_args()
    check()
    times = interleave({name: runner(arguments) for name, arguments in CONTENDERS.items()}, args.rounds)
    tables = [
        comparison("L1: parameters of ResNet-50, cold process", times, against, notes)
        for against, notes in (
            ("import torch", ["must: archdsl ≤ 0.15 of the import alone"]),
            ("archdsl params", ["must: torchinfo ≥ 15, timm ≥ 25"]),
        )
    ]
    publish("l1_cold_params", tables, times, ["torch", "torchvision", "torchinfo", "timm", "lark"], args.out)


if __name__ == "__main__":
    main()
