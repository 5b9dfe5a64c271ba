"""Two processes that train one net together, started by torchrun as a user does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archdsl.cli.main import main

NET = "conv(8) relu maxpool conv(16) relu gap linear(classes)"
DATA = "data fashion-mini subset(400) flip crop(2)"
TRAIN = "train sgd(0.05) epochs(3) batch(50) cosine"


def environment(tmp_path: Path) -> dict[str, str]:
    """One thread a process, no data but the embedded, no address but this machine's."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def command(spec: str, out: Path, processes: int = 1) -> list[str]:
    own = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    start = own if processes > 1 else [sys.executable, "-m"]
    return [*start, "archdsl", *arguments(spec, out)]


def arguments(spec: str, out: Path) -> list[str]:
    return ["train", spec, "--out", str(out), "--precision", "plain", "--device", "cpu"]


def losses(out: Path) -> list[float]:
    (log,) = out.glob("*/events.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert sum(e["event"] == "started" for e in events) == 1  # one log, not one a process
    return [e["loss"] for e in events if e["event"] == "epochdone"]


def run(spec: str, out: Path, tmp_path: Path) -> list[float]:
    """The losses of two processes."""
    done = subprocess.run(command(spec, out, 2), env=environment(tmp_path), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 1
    return losses(out)


@pytest.mark.parametrize(
    ("net", "train"),
    [
        pytest.param(NET, TRAIN, marks=pytest.mark.slow),
        (NET.replace("conv(16)", "conv(16) bn"), TRAIN + " syncbn"),
        pytest.param(NET, TRAIN + " freeze(conv, until=1) rate(conv2, 0.5)", marks=pytest.mark.slow),
    ],
    ids=["plain", "syncbn", "thawing"],
)
@pytest.mark.holds("syncbn")
def test_two_processes_give_the_loss_curve_of_one(net: str, train: str, tmp_path: Path) -> None:
    spec = f"net {net}\n{DATA}\n{train}\n"
    assert main(arguments(spec, tmp_path / "one")) == 0
    one = losses(tmp_path / "one")
    assert run(spec, tmp_path / "two", tmp_path) == pytest.approx(one, rel=1e-4)


def test_a_process_that_dies_ends_the_other_and_the_run_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = f"net {NET}\n{DATA}\n{TRAIN.replace('epochs(3)', 'epochs(60)')}\n"
    out = tmp_path / "runs"
    port = ["env", "MASTER_ADDR=127.0.0.1", f"MASTER_PORT={29500 + os.getpid() % 2000}", "WORLD_SIZE=2"]
    ranks = [
        subprocess.Popen(
            [*port, f"RANK={r}", f"LOCAL_RANK={r}", *command(spec, out)],
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for r in (0, 1)
    ]
    end = time.monotonic() + 120
    while not any(out.glob("*/checkpoint*")) and time.monotonic() < end:
        assert all(r.poll() is None for r in ranks), [r.communicate()[1] for r in ranks if r.poll() is not None]
        time.sleep(0.05)
    ranks[1].send_signal(signal.SIGKILL)
    said = ranks[0].communicate(timeout=60)[1]
    ranks[1].communicate()
    assert ranks[0].returncode == 4, said
    assert "another process of this training is gone" in said
    assert "Traceback" not in said
    capfd.readouterr()
    main([*arguments(spec, out), "--time-limit", "0.2"])
    assert "resumes after step" in capfd.readouterr().err
