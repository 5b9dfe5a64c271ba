"""Several processes that train one net together, forked from one that has torch in memory."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.conftest import REPO
from tests.forked import Forked

PROGRAM = """
import sys
sys.path.insert(0, {repo!r})
from tests.train import ranks
ranks.start({module!r}, {name!r}, {size}, {given!r})
"""
SECONDS = 100  # after which a process that waits for the others is ended


def together(server: Forked, work: Callable[..., object], *given: object, size: int = 2) -> list[Any]:
    """What ``work``, a function of a module that takes its rank and plain values, gives in each of the processes."""
    module, name = work.__module__, work.__name__
    done = server.run(PROGRAM.format(repo=str(REPO), module=module, name=name, size=size, given=list(given)))
    assert done.code == 0, done.err
    found: list[Any] = json.loads(done.out)
    return found


def start(module: str, name: str, size: int, given: list[object]) -> None:
    """Fork the processes and print what they give."""
    import torch

    torch.set_num_threads(1)
    work = getattr(import_module(module), name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    os.environ.update(address, WORLD_SIZE=str(size), CUDA_VISIBLE_DEVICES="")
    children = [_child(work, rank, given) for rank in range(size)]
    said = [os.fdopen(out).read() for _, out in children]
    codes = [os.waitpid(pid, 0)[1] for pid, _ in children]
    if any(codes):
        sys.exit(f"a process failed: {codes}")
    sys.stdout.write(f"[{','.join(said)}]")


def _child(work: Callable[..., object], rank: int, given: list[object]) -> tuple[int, int]:
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    code = 1
    try:
        signal.alarm(SECONDS)
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
        with os.fdopen(into, "w") as pipe:
            json.dump(work(rank, *given), pipe)
        code = 0
    except BaseException:  # the parent must hear of it whatever it is
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
