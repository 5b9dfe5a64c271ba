"""The event log: torn at its end it heals, damaged before that it says so; a resumed run reads as a straight one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from archdsl.errors import EnvError, StoreError
from archdsl.runs.store.log import EVENTS, append, effective, read_events, read_log, repair

STARTED = {"event": "started", "steps": 30}


def epoch(step: int, take: int = 1) -> dict:
    return {"event": "epochdone", "step": step, "take": take}


def fill(folder: Path) -> bytes:
    for record in (STARTED, epoch(10), epoch(20)):
        append(folder, record)
    return (folder / EVENTS).read_bytes()


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    assert read_log(tmp_path) == ([], [])
    append(tmp_path, {"event": "epochdone", "loss": float("nan"), "name": "größe\u2028\u0085\r"})
    assert read_events(tmp_path) == [{"event": "epochdone", "loss": None, "name": "größe\u2028\u0085\r"}]


def test_torn_at_every_byte_of_the_last_line(tmp_path: Path) -> None:
    whole = fill(tmp_path)
    start = whole[:-1].rindex(b"\n") + 1
    for length in range(start + 1, len(whole)):
        (tmp_path / EVENTS).write_bytes(whole[:length])
        records, warnings = read_log(tmp_path)
        assert records == [STARTED, epoch(10)]
        assert warnings == [f"{tmp_path / EVENTS}:3: the last line is incomplete and was dropped"]
    assert repair(tmp_path) == warnings
    append(tmp_path, epoch(20, 2))
    assert read_log(tmp_path) == ([STARTED, epoch(10), epoch(20, 2)], [])
    assert repair(tmp_path) == []


@pytest.mark.parametrize("line", [b"{\n", b"\0\0\0\n", b"[]\n", b"\n", b"\xff\n", b"[" * 100000 + b"\n"])
def test_damage_in_the_middle_names_its_line(tmp_path: Path, line: bytes) -> None:
    first, _, third = fill(tmp_path).splitlines(keepends=True)
    (tmp_path / EVENTS).write_bytes(first + line + third)
    for use in (read_log, read_events, repair):
        with pytest.raises(StoreError, match=r"events\.jsonl:2: this line is damaged") as caught:
            use(tmp_path)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    whole, real = fill(tmp_path), os.write
    calls = []

    def half(handle: int, data) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(number, os.strerror(number))
        return real(handle, data[:5])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(EnvError, match=os.strerror(number)):
            append(tmp_path, epoch(30))
    assert (tmp_path / EVENTS).read_bytes() == whole


def test_a_resumed_run_reads_as_a_straight_one() -> None:
    resumed = {"event": "resumed", "step": 15}
    straight = [STARTED, epoch(10), epoch(20, 2), {"event": "finished", "step": 20}]
    stopped = {"event": "stopped", "step": 25}
    assert effective([STARTED, epoch(10), epoch(20), stopped, STARTED, resumed, *straight[2:]]) == straight
    # Killed again before it could say that it goes on.
    assert effective([STARTED, epoch(10), epoch(20), STARTED, STARTED, resumed, *straight[2:]]) == straight
    # Begun anew, as there was no checkpoint.
    assert effective([STARTED, epoch(10, 0), STARTED, epoch(10), *straight[2:]]) == straight
    assert effective([STARTED]) == [STARTED]
    assert effective([STARTED, STARTED, {"event": "resumed", "step": 3}, epoch(10)]) == [STARTED, epoch(10)]


def test_a_warning_before_a_run_is_resumed_leaves_its_epochs() -> None:
    resumed, warned = {"event": "resumed", "step": 20}, {"event": "warned", "text": "the last line was dropped"}
    before, after = [STARTED, epoch(10), epoch(20)], epoch(30)
    assert effective([*before, STARTED, warned, resumed, after]) == [*before, warned, after]
    assert effective([*before, STARTED, warned]) == before
    # Killed before it could say that it goes on.
    assert effective([*before, STARTED, warned, STARTED, warned, resumed, after]) == [*before, warned, after]
    assert effective([STARTED, warned, epoch(10)]) == [STARTED, warned, epoch(10)]
    assert effective([STARTED, warned]) == [STARTED, warned]


def test_what_was_logged_behind_the_last_checkpoint_counts_once() -> None:
    """The disk is full between the line of an epoch, or of the end, and the checkpoint or the result behind it."""
    resumed, finished = {"event": "resumed", "step": 20}, {"event": "finished", "step": 20}
    stopped = {"event": "stopped", "step": 20}
    records = [STARTED, epoch(10), stopped, STARTED, resumed, epoch(20), STARTED, resumed, epoch(20, 2), finished]
    straight = [STARTED, epoch(10), epoch(20, 2), finished]
    assert effective(records) == straight
    assert effective([*records, STARTED, resumed, finished]) == straight
