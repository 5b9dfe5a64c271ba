"""Runs on a Ray cluster: actors that stay on the nodes, fed with one request at a time.

A node that is lost costs the runs that were under way there, which other actors take up from their last checkpoint
if the store is shared, and again if not; nodes that join later get actors. Where the nodes do not share the store's
file system, a finished run travels back and is put into it, its result last.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archdsl.errors import EnvError, InternalError, StoreError
from archdsl.extras import require
from archdsl.foreign import prepare
from archdsl.notices import notice
from archdsl.runs.store.lock import RunLocked, release_of
from archdsl.study.execute.actor import Actor
from archdsl.study.execute.bring import bring
from archdsl.study.execute.joining import join
from archdsl.study.execute.local import AGAIN, LEAVE, STILLBORN, WORK
from archdsl.study.execute.messages import INFRASTRUCTURE, More, Ready, RunOptions, RunProgress, RunRequest, RunResult
from archdsl.study.execute.pending import Pending
from archdsl.words.data.heads import own_path

LOOK = 2.0  # seconds between two looks for nodes that joined, and at the progress of runs
TOKEN = ".shared-"


@dataclass
class _Member:
    number: int
    handle: Any
    born: Any  # the answer that says it is up; None once it came
    request: RunRequest | None = None
    answer: Any = None
    progress: Any = None
    host: str = ""
    pid: int = 0


class Cluster:
    """Carries out requests on a Ray cluster; ``run`` yields what happens, as ``Local.run`` does.

    Args:
        jobs: actors in all; None for as many as the cluster has cores or GPUs.
        address: of the cluster; None begins one on this machine.
        collect: bring finished runs back; None asks each node whether it sees the store.
    """

    def __init__(
        self,
        options: RunOptions,
        jobs: int | None,
        retry: int = 1,
        address: str | None = None,
        work: str = WORK,
        collect: bool | None = None,
    ) -> None:
        # A node works in a folder of its own, where a relative path would mean another place.
        root = None if options.data_root is None else os.path.abspath(own_path(options.data_root))
        self.options = replace(options, out=str(Path(options.out).resolve()), data_root=root)
        self.jobs, self.retry, self.address, self.work, self.collect = jobs, retry, address, work, collect
        self.token = TOKEN + secrets.token_hex(8)
        self.members: dict[int, _Member] = {}
        self.tries: dict[str, int] = {}
        self.waiting: list[tuple[float, RunRequest]] = []
        self.looked = 0.0
        self.born = self.stillborn = 0

    def run(
        self, requests: Sequence[RunRequest], more: More | None = None
    ) -> Iterator[Ready | RunProgress | RunResult]:
        """Carry out all requests, the first ones first. Closing the iterator interrupts what is under way.

        Args:
            more: as for ``Local.run``.

        Raises:
            EnvError: ray is not installed, there is no cluster at that address, or actors do not start.
        """
        ray = _ray()
        pending = Pending(requests)
        begun = not ray.is_initialized()
        out = Path(self.options.out)
        out.mkdir(parents=True, exist_ok=True)
        (out / self.token).touch()
        try:
            if begun:
                join(ray, self.address)
            while True:
                busy = sum(m.request is not None for m in self.members.values()) + len(self.waiting)
                if more is not None and (idle := self._places(ray) - busy - pending.ready) > 0:
                    pending.extend(more(idle))
                if not pending and not busy:
                    return
                self._grow(ray, pending)
                self._feed(pending)
                for event in self._listen(ray, pending):
                    if isinstance(event, RunResult):
                        pending.ended(event.key)
                    yield event
        finally:
            self._end(ray)
            (out / self.token).unlink(missing_ok=True)
            if begun and ray.is_initialized():
                ray.shutdown()

    # -- actors ---------------------------------------------------------------------------------------------

    def _grow(self, ray: Any, pending: Pending) -> None:
        """Actors for the cores that are there now, and in the place of lost ones."""
        if self.members and time.monotonic() - self.looked < LOOK:
            return
        self.looked = time.monotonic()
        gpu = self._on_gpus(ray.cluster_resources())
        wanted = min(self._places(ray), len(pending) + sum(m.request is not None for m in self.members.values()))
        for _ in range(wanted - len(self.members)):
            number, self.born = self.born, self.born + 1
            kind = ray.remote(max_concurrency=2, num_cpus=self.options.threads, num_gpus=int(gpu), max_restarts=0)(
                Actor
            )
            threads = {"OMP_NUM_THREADS": str(self.options.threads), "MKL_NUM_THREADS": str(self.options.threads)}
            handle = kind.options(runtime_env={"env_vars": threads}).remote(
                self.options, self.work, self.token, self.collect
            )
            self.members[number] = _Member(number, handle, handle.ready.remote())

    def _places(self, ray: Any) -> int:
        """How many actors the cluster has room for now, and one at least: nodes may come back."""
        have = ray.cluster_resources()
        room = int(have.get("GPU", 0)) if self._on_gpus(have) else int(have.get("CPU", 1)) // self.options.threads
        return max(1, min(self.jobs or room, room))

    def _on_gpus(self, have: Mapping[str, float]) -> bool:
        device = self.options.device
        return device.startswith("cuda") or (device == "auto" and have.get("GPU", 0) >= 1)

    def _feed(self, pending: Pending) -> None:
        now = time.monotonic()
        for due in [o for when, o in self.waiting if when <= now]:
            pending.again(due)
        self.waiting = [(when, o) for when, o in self.waiting if when > now]
        for member in self.members.values():
            if member.born is None and member.request is None and (request := pending.take()) is not None:
                member.request = request
                member.answer = member.handle.work.remote(member.request)

    def _listen(self, ray: Any, pending: Pending) -> Iterator[Ready | RunProgress | RunResult]:
        due = {m.born or m.answer: m for m in self.members.values() if m.born is not None or m.answer is not None}
        if not due:
            time.sleep(0.05)
            return
        answered, _ = ray.wait(list(due), num_returns=1, timeout=AGAIN)
        for reference in answered:
            yield from self._answered(ray, due[reference], reference, pending)
        yield from self._news(ray)

    def _answered(
        self, ray: Any, member: _Member, reference: Any, pending: Pending
    ) -> Iterator[Ready | RunProgress | RunResult]:
        try:
            value = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            yield from self._lost(member, str(error), pending)
            return
        except ray.exceptions.RayError as error:
            raise EnvError(
                f"an actor of Ray failed: {str(error).splitlines()[-1]}",
                help="`archdsl train` with the same spec shows details",
            ) from error
        if member.born is not None:
            member.born, member.host, member.pid, self.stillborn = None, value["host"], value["pid"], 0
            yield Ready(member.number, value["conditions"])
            return
        request, member.request, member.answer, member.progress = member.request, None, None, None
        if request is None:
            raise InternalError("an actor answered without a request")
        result, files = value
        if files is not None:
            result = self._stored(request, result, files)
        if result.status == "busy":
            self.waiting.append((time.monotonic() + AGAIN, request))
        elif not self._try_again(request, result, pending):
            yield result

    def _stored(self, request: RunRequest, result: RunResult, files: Mapping[str, bytes]) -> RunResult:
        """The result of a run that was made elsewhere, once the store has its files."""
        try:
            bring(Path(self.options.out), request, files, again=request.key in self.options.again)
        except RunLocked as error:
            return RunResult(request.key, "busy", error.message)
        except StoreError as error:
            return RunResult(request.key, "failed", str(error))
        return result

    def _try_again(self, request: RunRequest, result: RunResult, pending: Pending) -> bool:
        if result.cause not in INFRASTRUCTURE or self.tries.get(request.key, 0) >= self.retry:
            return False
        self.tries[request.key] = self.tries.get(request.key, 0) + 1
        pending.again(request)
        return True

    def _lost(self, member: _Member, words: str, pending: Pending) -> Iterator[RunResult]:
        """An actor is gone, alone or with its node; its claim goes with it, as nobody else can know that it is dead."""
        del self.members[member.number]
        if member.born is not None:
            self._stillborn(words)
        if member.request is None:
            return
        release_of(Path(self.options.out), member.host, member.pid)
        first = words.strip().splitlines()[0] if words.strip() else "its actor is gone"
        result = RunResult(member.request.key, "failed", f"its process died: {first}", "died")
        if not self._try_again(member.request, result, pending):
            yield result

    def _stillborn(self, words: str) -> None:
        """An actor ended before it was up, of which another one takes the place. On a node that others have left that happens now
        and then, and where something is wrong with archdsl again and again.

        Raises:
            EnvError: several in a row, and no other one is up.
        """
        self.stillborn += 1
        if self.stillborn <= STILLBORN:
            return
        last = (words.strip().splitlines() or ["it said nothing"])[-1].strip()
        said = f"{self.stillborn} actors of Ray in a row did not start: {last}"
        if not any(member.born is None for member in self.members.values()):
            raise EnvError(said, help="install the same version of archdsl and of what it needs on all nodes")
        if self.stillborn == STILLBORN + 1:
            notice(f"{said}; the study continues with those that are up")

    def _news(self, ray: Any) -> Iterator[RunProgress]:
        for member in self.members.values():
            if member.request is None:
                continue
            if member.progress is None:
                member.progress = member.handle.progress.remote()
            done, _ = ray.wait([member.progress], timeout=0)
            if not done:
                continue
            with suppress(ray.exceptions.RayError):
                epoch, share, warnings = ray.get(member.progress)
                if epoch or warnings:
                    yield RunProgress(member.request.key, member.number, epoch, share, warnings)
            member.progress = None

    def _end(self, ray: Any) -> None:
        """Let runs under way make a checkpoint, then end all actors."""
        if not ray.is_initialized():
            return
        busy = [m for m in self.members.values() if m.answer is not None]
        for member in busy:
            member.handle.stop.remote()
        if busy:
            ray.wait([m.answer for m in busy], num_returns=len(busy), timeout=LEAVE)
        for member in self.members.values():
            ray.kill(member.handle)
            if member.request is not None:
                release_of(Path(self.options.out), member.host, member.pid)
        self.members.clear()


def _ray() -> Any:
    require("ray")
    prepare()
    import ray
    import ray.exceptions

    return ray
