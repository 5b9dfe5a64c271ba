"""The requests that no worker has yet, in the order in which they are to begin; those that need the runs of others wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from archdsl.study.execute.messages import RunRequest


class Pending:
    """Requests in order. A request is ready when none of the runs that it needs is requested and has not ended; a run that
    nobody requests has ended before.
    """

    def __init__(self, requests: Iterable[RunRequest] = ()) -> None:
        self._waiting: list[RunRequest] = []
        self._open: Counter[str] = Counter()  # keys of runs that were requested and have not ended
        self.extend(requests)

    def __len__(self) -> int:
        return len(self._waiting)

    def extend(self, requests: Iterable[RunRequest]) -> None:
        """Put requests behind the others."""
        for request in requests:
            self._waiting.append(request)
            self._open.update(one.key for one in request.each)

    def again(self, request: RunRequest) -> None:
        """Put a request behind the others that was taken and has not ended."""
        self._waiting.append(request)

    def ended(self, key: str) -> None:
        """A run has ended, in whatever way."""
        self._open[key] -= 1

    @property
    def ready(self) -> int:
        """How many requests could begin."""
        return sum(map(self._is_ready, self._waiting))

    def take(self) -> RunRequest | None:
        """The first request that is ready; None where none is."""
        at = next((n for n, request in enumerate(self._waiting) if self._is_ready(request)), None)
        return None if at is None else self._waiting.pop(at)

    def _is_ready(self, request: RunRequest) -> bool:
        return all(self._open[need] <= 0 for one in request.each for need in one.needs)
