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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

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
from archdsl.study.execute.worker_process import WorkerProcess, log_of, opened

WORK = "archdsl.study.execute.cell:train_cell"
RECYCLED = 1000  # runs after which a worker is replaced: what libraries cache for each net is never freed
# Seconds of silence over twice the time limit after which a process hangs whose own watchdog could not end it.
GRACE = 600.0
STOPPED = 60.0  # seconds between two looks after which this process cannot have listened
LOOK = 0.5  # seconds between two looks for such processes
START = 180.0  # seconds in which a worker must be up
STILLBORN = 3  # workers in a row that are killed before they are up
LEAVE = 4.5  # seconds for checkpoints when the study is interrupted
AGAIN = 0.5  # seconds until a run that another process has is looked at again


class Local:
    """Carries out requests. ``run`` yields what happens: Ready, RunProgress and RunResult, the latter once a request.

    Args:
        jobs: workers; each is pinned to a core of its own where there are enough.
        logs: the folder for what workers print.
        retry: how often a run is tried again whose worker died, or whose disk or device failed.
    """

    def __init__(self, options: RunOptions, jobs: int, logs: Path, retry: int = 1, work: str = WORK) -> None:
        self.options, self.jobs, self.logs, self.retry, self.work = options, jobs, logs, retry, work
        self.answers: queue.Queue[tuple[WorkerProcess, dict[str, Any] | None]] = queue.Queue()
        self.workers: dict[int, WorkerProcess] = {}
        self.started: list[WorkerProcess] = []  # those that were let go, too
        self.tries: dict[str, int] = {}
        self.stillborn = 0
        self.looked = 0.0
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
        log = opened(log_of(self.logs, number))
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
        worker = WorkerProcess(number, process, log, begun, since=time.monotonic())
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

    def _read(self, worker: WorkerProcess) -> None:
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
                worker.request, worker.since, worker.trains = request, now, False
                worker.send(asdict(worker.request))

    def _listen(self, pending: Pending) -> Iterator[Ready | RunProgress | RunResult]:
        with suppress(queue.Empty):
            yield from self._heard(*self.answers.get(timeout=AGAIN / 2 if self.waiting else LOOK), pending)
        if (now := time.monotonic()) - self.looked >= LOOK:
            if now - self.looked > STOPPED:  # by Ctrl+Z, or a machine that slept: workers may have written meanwhile
                for worker in self.workers.values():
                    worker.since = now
            self.looked = now
            yield from self._overdue(now)

    def _heard(
        self, worker: WorkerProcess, answer: dict[str, Any] | None, pending: Pending
    ) -> Iterator[Ready | RunProgress | RunResult]:
        worker.since = time.monotonic() if worker.ready else worker.since
        if answer is None:
            yield from self._gone(worker, pending)
            return
        kind = answer.pop("kind")
        if kind == "ready":
            worker.ready, self.stillborn = True, 0
            yield Ready(**answer)
        elif kind == "progress":
            worker.trains = True
            news = progress_of(answer)
            yield from (replace(news, key=one.key) for one in (worker.request.each if worker.request else ()))
        elif kind == "result":
            yield from self._ended(worker, result_of(answer), pending)

    def _ended(self, worker: WorkerProcess, result: RunResult, pending: Pending) -> Iterator[RunResult]:
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

    def _gone(self, worker: WorkerProcess, pending: Pending) -> Iterator[RunResult]:
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
                f"a worker did not start (exit {code}): {worker.last_words(self.logs) or 'it said nothing'}",
                help="`archdsl train` with the same spec shows details",
            )
        request = worker.request
        if request is not None:
            how = f"signal {-code}" if code < 0 else f"exit {code}"
            words = worker.last_words(self.logs)
            result = RunResult(
                request.key, "failed", f"its process died ({how})" + (f": {words}" if words else ""), "died"
            )
            for one, own in result.of(request):
                if not self._try_again(one, own, pending):
                    yield own

    def _overdue(self, now: float) -> Iterator[RunResult]:
        """Runs of which nothing is heard far beyond their time limit, and workers that never came up: their processes hang."""
        for number, worker in list(self.workers.items()):
            if not worker.ready and now - worker.since > START:
                raise EnvError(f"worker {number} did not start within {START:.0f} s", help="is the machine overloaded?")
            request, limit = worker.request, self.options.limit
            # An evaluation may take any time, and so may what comes before the first step; both say nothing.
            if request is None or request.evaluation or limit is None or not worker.trains:
                continue
            if now - worker.since > 2 * limit + GRACE:
                del self.workers[number]
                end_tree(worker.process.pid)
                hung = RunResult(request.key, "timeout", f"it hung: silent for {GRACE:.0f} s beyond twice its limit")
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
