"""Programs as processes that begin with torch in memory: one process imports it and forks for each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

SERVER = """
import json, os, sys, traceback
import torch

for line in iter(sys.stdin.readline, ""):
    order = json.loads(line)
    (out, into), (err, also) = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        os.dup2(into, 1), os.dup2(also, 2)
        for number in (out, into, err, also):
            os.close(number)
        os.environ.clear()
        os.environ.update(order["env"])
        code = 0
        try:
            exec(compile(order["code"], "<program>", "exec"), {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    os.close(into), os.close(also)
    said = [open(number, encoding="utf-8").read() for number in (out, err)]  # a few lines, which fit into a pipe
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([code, *said]), flush=True)
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Forked:
    """Runs programs, one at a time."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self.server = server

    def run(self, program: str, env: Mapping[str, str] | None = None) -> Done:
        """A program from its start to its end, in this process's environment or another one."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps({"code": program, "env": dict(os.environ if env is None else env)}) + "\n")
        self.server.stdin.flush()
        return Done(*json.loads(self.server.stdout.readline()))


@contextmanager
def forked() -> Iterator[Forked]:
    """The process that forks, for the length of a block."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Forked(server)
    finally:
        server.communicate(timeout=60)
