"""Workers of this machine: processes that stay, each on a core or a GPU of its own, fed with one request at a time."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from archdsl.atomic import open_own, writing
from archdsl.errors import EnvError, InternalError
from archdsl.processes import end_tree, environment, python
from archdsl.study.execute.cores import gpus, pin
from archdsl.study.execute.messages import (
    INFRASTRUCTURE,
    More,
    Ready,
    RunOptions,
    RunProgress,
    RunRequest,
    RunResult,
    progress_of,
    result_of,
)
from archdsl.study.execute.pending import Pending

WORK = "archdsl.study.execute.cell:train_cell"
RECYCLED = 1000  # runs after which a worker is replaced: what libraries cache for each net is never freed
GRACE = 35.0  # seconds over the time limit after which a run counts as hung; its own watchdog comes first
START = 180.0  # seconds in which a worker must be up
STILLBORN = 3  # workers in a row that are killed before they are up
LEAVE = 4.5  # seconds for checkpoints when the study is interrupted
AGAIN = 0.5  # seconds until a run that another process has is looked at again


@dataclass
class _Worker:
    number: int
    process: subprocess.Popen[str]
    log: IO[bytes]
    begun: int = 0  # bytes that the log had before it
    request: RunRequest | None = None
    ready: bool = False
    since: float = 0.0
    done: int = 0
    reader: threading.Thread | None = None

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # it has died: its end is noticed elsewhere
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()

    def leave(self) -> None:
        """Let it end when it is idle."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()


class Local:
    """Carries out requests. ``run`` yields what happens: Ready, RunProgress and RunResult, the latter once a request.

    Args:
        jobs: workers; each is pinned to a core of its own where there are enough.
        logs: the folder for what workers print.
        retry: how often a run is tried again whose worker died, or whose disk or device failed.
    """

    def __init__(self, options: RunOptions, jobs: int, logs: Path, retry: int = 1, work: str = WORK) -> None:
        self.options, self.jobs, self.logs, self.retry, self.work = options, jobs, logs, retry, work
        self.answers: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self.workers: dict[int, _Worker] = {}
        self.started: list[_Worker] = []  # those that were let go, too
        self.tries: dict[str, int] = {}
        self.stillborn = 0
        self.waiting: list[tuple[float, RunRequest]] = []

    def run(
        self, requests: Sequence[RunRequest], more: More | None = None
    ) -> Iterator[Ready | RunProgress | RunResult]:
        """Carry out all requests, the first ones first. Closing the iterator interrupts what is under way.

        Args:
            more: gives further requests for so many idle workers, none where there are none now. The study ends once
                nothing is under way and it gives none.

        Raises:
            EnvError: workers do not start.
        """
        pending = Pending(requests)
        self.tries = {}
        try:
            while True:
                busy = sum(w.request is not None for w in self.workers.values()) + len(self.waiting)
                if more is not None and (idle := self.jobs - busy - pending.ready) > 0:
                    pending.extend(more(idle))
                if not pending and not busy:
                    return
                self._revive(pending)
                self._feed(pending)
                for event in self._listen(pending):
                    if isinstance(event, RunResult):
                        pending.ended(event.key)
                    yield event
        finally:
            self._end()

    # -- workers --------------------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        log = _log(self.logs / f"worker-{number}.log")
        begun = os.fstat(log.fileno()).st_size
        threads = str(self.options.threads)
        process = subprocess.Popen(
            python("-m", "archdsl.study.execute.worker", str(number), self.work),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            # Of their own, so that an interruption at the terminal reaches this process alone, which passes it on.
            start_new_session=True,
            env=environment(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads, **self._gpu(number)),
        )
        worker = _Worker(number, process, log, begun, since=time.monotonic())
        self.workers[number] = worker
        self.started.append(worker)
        pin(process.pid, number, self.jobs, self.options.threads)
        worker.send(asdict(self.options))
        worker.reader = threading.Thread(target=self._read, args=(worker,), daemon=True)
        worker.reader.start()

    def _gpu(self, number: int) -> dict[str, str]:
        """The device that a worker sees: with several GPUs each has its own, and more workers share them in turn."""
        if self.options.device not in ("auto", "cuda") or not (count := gpus()):
            return {}
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        known = [v.strip() for v in visible if v.strip()] or [str(n) for n in range(count)]
        return {"CUDA_VISIBLE_DEVICES": known[number % len(known)]}

    def _read(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        with worker.process.stdout as answers:
            for text in answers:
                with suppress(ValueError):
                    self.answers.put((worker, json.loads(text)))
        self.answers.put((worker, None))

    def _revive(self, pending: Pending) -> None:
        """Workers in the place of those that left, while there is work for them."""
        wanted = min(self.jobs, len(pending) + sum(w.request is not None for w in self.workers.values()))
        for number in range(self.jobs):
            if len(self.workers) >= wanted:
                return
            if number not in self.workers:
                self._start(number)

    # -- requests ---------------------------------------------------------------------------------------------

    def _feed(self, pending: Pending) -> None:
        now = time.monotonic()
        for due in [o for when, o in self.waiting if when <= now]:
            pending.again(due)
        self.waiting = [(when, o) for when, o in self.waiting if when > now]
        for worker in self.workers.values():
            if worker.ready and worker.request is None and (request := pending.take()) is not None:
                worker.request, worker.since = request, now
                worker.send(asdict(worker.request))

    def _listen(self, pending: Pending) -> Iterator[Ready | RunProgress | RunResult]:
        try:
            worker, answer = self.answers.get(timeout=AGAIN / 2 if self.waiting else 0.5)
        except queue.Empty:
            yield from self._overdue()
            return
        if answer is None:
            yield from self._gone(worker, pending)
            return
        kind = answer.pop("kind")
        if kind == "ready":
            worker.ready, self.stillborn = True, 0
            yield Ready(**answer)
        elif kind == "progress":
            news = progress_of(answer)
            yield from (replace(news, key=one.key) for one in (worker.request.each if worker.request else ()))
        elif kind == "result":
            yield from self._ended(worker, result_of(answer), pending)

    def _ended(self, worker: _Worker, result: RunResult, pending: Pending) -> Iterator[RunResult]:
        request, worker.request = worker.request, None
        worker.done += 1
        if worker.done >= RECYCLED or result.status == "interrupted":  # by a signal that is not ours: it leaves
            self.workers.pop(worker.number, None)
            worker.leave()
        if request is None or request.key != result.key:
            raise InternalError(f"a worker answered for {result.key}, and was asked for {request and request.key}")
        for one, own in result.of(request):
            if own.status == "busy":
                self.waiting.append((time.monotonic() + AGAIN, one))
            elif not self._try_again(one, own, pending):
                yield own

    def _try_again(self, request: RunRequest, result: RunResult, pending: Pending) -> bool:
        infrastructure = result.cause in INFRASTRUCTURE or result.status == "interrupted"
        if not infrastructure or self.tries.get(request.key, 0) >= self.retry:
            return False
        self.tries[request.key] = self.tries.get(request.key, 0) + 1
        pending.again(request)
        return True

    def _gone(self, worker: _Worker, pending: Pending) -> Iterator[RunResult]:
        """A worker's output has ended."""
        if worker in self.started:
            self.started.remove(worker)
        worker.leave()
        code = worker.process.wait()
        worker.log.close()
        if self.workers.get(worker.number) is not worker:  # it was let go
            return
        del self.workers[worker.number]
        if not worker.ready:
            self.stillborn += 1
            if code < 0 and self.stillborn <= STILLBORN:  # killed, not broken: another one takes its place
                return
            raise EnvError(
                f"a worker did not start (exit {code}): {self._last_words(worker) or 'it said nothing'}",
                help="`archdsl train` with the same spec shows details",
            )
        request = worker.request
        if request is not None:
            how = f"signal {-code}" if code < 0 else f"exit {code}"
            words = self._last_words(worker)
            result = RunResult(
                request.key, "failed", f"its process died ({how})" + (f": {words}" if words else ""), "died"
            )
            for one, own in result.of(request):
                if not self._try_again(one, own, pending):
                    yield own

    def _last_words(self, worker: _Worker) -> str:
        """The last line that it has printed; its log has those of earlier ones, too."""
        try:
            said = (self.logs / f"worker-{worker.number}.log").read_bytes()[worker.begun :]
        except OSError:
            return ""
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def _overdue(self) -> Iterator[RunResult]:
        """Runs far over their time limit, and workers that never came up: their processes hang."""
        now = time.monotonic()
        for number, worker in list(self.workers.items()):
            if not worker.ready and now - worker.since > START:
                raise EnvError(f"worker {number} did not start within {START:.0f} s", help="is the machine overloaded?")
            limit = self.options.limit
            if worker.request is not None and limit is not None and now - worker.since > 2 * limit + GRACE:
                request = worker.request
                del self.workers[number]
                end_tree(worker.process.pid)
                hung = RunResult(request.key, "timeout", f"it hung: no answer {GRACE:.0f} s after twice its limit")
                yield from (own for _, own in hung.of(request))

    def _end(self) -> None:
        """Let idle workers go; those at work make a checkpoint, or are killed."""
        busy = [w for w in self.workers.values() if w.request is not None]
        for worker in self.workers.values():
            if worker in busy:
                worker.process.terminate()
            worker.leave()
        deadline = time.monotonic() + LEAVE
        for worker in self.started:
            try:
                worker.process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                end_tree(worker.process.pid)  # with a compiler that it may have started
                worker.process.wait()
            if worker.reader is not None:
                worker.reader.join(1.0)
            worker.log.close()
        self.started.clear()
        self.workers.clear()


def _log(path: Path) -> IO[bytes]:
    with writing(path):
        return os.fdopen(open_own(path, os.O_CREAT | os.O_APPEND), "ab")
