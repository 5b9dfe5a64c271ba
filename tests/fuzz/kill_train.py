"""Kills trainings at random moments and lets them go on: the last weights must be those of the straight run.

    python tests/fuzz/kill_train.py --trials 100

Every trial is a process of its own, ended by SIGKILL as often as --kills says, each time at a random moment
of the run, and then run to its end. The forms take turns: torch's own modules on one thread, and on two threads what a
training takes by itself in fp32 and in bf16, with our kernels. Prints a line a trial; exits with 1 if any hash differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a process that has touched a GPU cannot be forked

# What a resumed run must carry over: each line has another kind of state.
SPECS = {
    "augment": """
        net conv(8) bn relu maxpool conv(16) bn relu gap linear(classes)
        data fashion-mini subset(600) flip crop(2) rotate(10) cutout(6)
        train sgd(0.05) epochs(3) batch(50) onecycle""",
    "mix": """
        net conv(8) bn relu maxpool conv(16) relu gap linear(classes)
        data fashion-mini subset(600) cutmix(1.0)
        train adam(2e-3) epochs(3) batch(25) accumulate(2) clip(1.0) smooth(0.1)""",
    "phases": """
        net conv(8) bn relu res(conv(8) bn droppath(0.3, early)) relu gap drop(0.3, late) linear(classes)
        data fashion-mini subset(600) valid(20%)
        train adamw(2e-3) epochs(3) batch(40) warmup(1) cosine ema(0.95)""",
    "stopping": """
        net conv(8) relu maxpool drop(0.2) flatten linear(classes)
        data fashion-mini subset(500) valid(20%) noise(0.1)
        train adam(0.02) epochs(8) batch(40) patience(1)""",
    "plateau": """
        net conv(8) relu maxpool conv(8) relu gap linear(classes)
        data fashion-mini subset(400) valid(30%) resizedcrop(50%) jitter(saturation=0, hue=0) trivialaugment
        train lamb(0.01) epochs(5) batch(40) agc(0.1) bce warmup(10%) plateau(1, factor=0.5, delta=0.1)""",
    "spred": """
        net conv(8) bn relu gap linear(classes)
        data fashion-mini subset(600) mixup(0.2)
        train sgd(0.05) epochs(3) batch(50) spred(1e-4) linear precise_bn(200)""",
    "airbench": """
        net conv(8, init=dirac) bn relu maxpool conv(16) bn relu gap linear(classes)
        data fashion-mini subset(600) valid(20%) flip(alternate) crop(2, reflect)
        train sgd(0.05, nesterov) epochs(3) batch(40) biaslr(8, norms) lookahead(7, 0.3, power=3) l2(1e-3) triangle
            tta(shift=1)""",
    "ode": """
        net conv(8) relu ode(conv(8) tanh, solver=rk4, steps=2) gap linear(classes)
        data fashion-mini subset(400) flip
        train muon(0.02) epochs(3) batch(50) l2(1e-4)""",
    # Channels that fill the vectors of every processor, so that all of our kernels are taken.
    "kernels": """
        net vgg[16x2,32x2] +bn
        data fashion-mini subset(400) flip crop(2)
        train sgd(0.05) epochs(3) batch(50) onecycle""",
    "residual": """
        net conv(16) bn relu resnet[16x1,32x1] gap linear(classes)
        data fashion-mini subset(400) flip
        train sgd(0.05, nesterov) epochs(3) batch(50) cosine ema(0.9)""",
}
SPEEDS = ("plain", "fp32", "bf16")


def train(text: str, speed: str, out: Path) -> None:
    """Train one spec in this process."""
    import torch

    from archdsl.api import experiment_of, load
    from archdsl.emit.build import build
    from archdsl.train.fit import fit

    torch.set_num_threads(1 if speed == "plain" else 2)
    spec = load(text)
    fit(build(spec.trace), experiment_of(spec), out=out, device="cpu", speed=speed)


def warm(out: Path) -> None:
    """Train once in this process: what a training imports and unpacks is then there for every trial, which is killed while
    it trains, and not while it starts.
    """
    from archdsl.accelerate.native import available
    from archdsl.data import idx

    idx._unpacked = cache(idx._unpacked)
    available("fp32", "bf16")
    train(SPECS["augment"], "plain", out)


def start(text: str, speed: str, out: Path) -> int:
    """A process that trains; its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        train(text, speed, out)
        code = 0
    except BaseException as error:  # the parent must hear of it whatever it is
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def weights(out: Path) -> str:
    """The hash of the one run's last weights."""
    (file,) = out.glob("*/model.safetensors")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def straight(text: str, speed: str, out: Path) -> tuple[str, float]:
    """The hash of a run that nobody disturbs, and the seconds that it took."""
    begin = time.monotonic()
    if os.waitpid(start(text, speed, out), 0)[1]:
        raise SystemExit("the straight run failed")
    return weights(out), time.monotonic() - begin


def disturbed(text: str, speed: str, out: Path, seconds: float, kills: int, chance: random.Random) -> tuple[str, int]:
    """The hash of a run that was killed up to ``kills`` times, and how often it was."""
    killed = 0
    for _ in range(kills):
        pid = start(text, speed, out)
        time.sleep(chance.uniform(0.02, seconds))
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise SystemExit(f"the run in {out} failed before it was killed")
        killed += os.WIFSIGNALED(status)
    if os.waitpid(start(text, speed, out), 0)[1]:
        raise SystemExit(f"the run in {out} does not go on")
    return weights(out), killed


def main() -> int:
    """Run the trials."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--kills", type=int, default=2, help="of each trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SPECS)
    parser.add_argument("--speed", choices=SPEEDS, help="only this form")
    chosen = parser.parse_args()
    chance, equal, kills = random.Random(chosen.seed), 0, 0
    names = [chosen.only] if chosen.only else list(SPECS)
    speeds = [chosen.speed] if chosen.speed else SPEEDS
    turns = [(name, speed) for speed in speeds for name in names]
    with tempfile.TemporaryDirectory() as room:
        warm(Path(room, "warm"))
        known = {turn: straight(SPECS[turn[0]], turn[1], Path(room, "-".join(turn))) for turn in turns}
        for trial in range(chosen.trials):
            turn = turns[trial % len(turns)]
            expected, seconds = known[turn]
            found, killed = disturbed(SPECS[turn[0]], turn[1], Path(room, f"{trial}"), seconds, chosen.kills, chance)
            equal, kills = equal + (found == expected), kills + killed
            told = "equal" if found == expected else "DIFFERENT"
            sys.stdout.write(f"{trial + 1:>4} {turn[0]:<9} {turn[1]:<5} killed {killed} times: {told}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{equal} of {chosen.trials} equal to the straight run, {kills} kills\n")
    return int(equal != chosen.trials or not kills)


if __name__ == "__main__":
    sys.exit(main())
