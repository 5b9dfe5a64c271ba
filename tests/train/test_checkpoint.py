"""Checkpoints: whatever happens to a file, the last good one loads, or the run says that none does."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import random
from pathlib import Path

import pytest
import torch

from archdsl.errors import EnvError, StoreError
from archdsl.runs.store import checkpoint as store
from archdsl.runs.store.checkpoint import Checkpoints, data_of, load_checkpoint, save_checkpoint, sidecar_of


def state(step: int, size: int = 2000) -> dict[str, torch.Tensor]:
    return {"model/w": torch.full((size,), float(step)), "rng": torch.arange(16, dtype=torch.uint8)}


def two(folder: Path) -> None:
    """Steps 1 and 2, in slots a and b."""
    for step in (1, 2):
        save_checkpoint(folder, state(step), {"step": step, "best": float("inf")})


def step_of(folder: Path) -> tuple[int, list[str]]:
    found = load_checkpoint(folder)
    assert found is not None
    tensors, meta, warnings = found
    assert torch.equal(tensors["model/w"], state(meta["step"])["model/w"])
    return meta["step"], warnings


def test_the_latest_comes_back_bit_for_bit(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    two(tmp_path)
    for step in (3, 4, 5):
        save_checkpoint(tmp_path, state(step), {"step": step, "best": float("inf")})
        assert step_of(tmp_path) == (step, [])
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[1]["best"] == float("inf")
    assert len(list(tmp_path.iterdir())) == 4


def test_tied_weights_views_and_other_layouts_are_kept(tmp_path: Path) -> None:
    base = torch.randn(4, 6, 3, 3)
    given = {
        "a": base,
        "tied": base,
        "part": base[1],
        "t": base[0, 0].t(),
        "none": torch.empty(0),
        "cl": base.to(memory_format=torch.channels_last),
        "one": torch.tensor(3),
    }
    save_checkpoint(tmp_path, given, {"step": 0})
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[0].keys() == given.keys()
    assert all(torch.equal(found[0][k], v) for k, v in given.items())


def test_cut_at_every_kib(tmp_path: Path) -> None:
    two(tmp_path)
    path = data_of(tmp_path, "b")
    whole = path.read_bytes()
    for length in range(0, len(whole), 1024):
        path.write_bytes(whole[:length])
        step, warnings = step_of(tmp_path)
        assert step == 1
        assert len(warnings) == 1
        assert "checkpoint-b" in warnings[0]
    path.write_bytes(whole)
    assert step_of(tmp_path) == (2, [])


@pytest.mark.parametrize("of", [data_of, sidecar_of])
def test_any_bit_flipped(tmp_path: Path, of) -> None:
    two(tmp_path)
    path, rng = of(tmp_path, "b"), random.Random(0)
    whole = path.read_bytes()
    for _ in range(300):
        bit = rng.randrange(8 * len(whole))
        torn = bytearray(whole)
        torn[bit // 8] ^= 1 << bit % 8
        path.write_bytes(torn)
        step, warnings = step_of(tmp_path)
        assert (step, len(warnings)) == (1, 1), f"bit {bit}"


def test_the_next_save_spares_the_good_one_that_is_left(tmp_path: Path) -> None:
    two(tmp_path)
    data_of(tmp_path, "b").write_bytes(b"")
    good = data_of(tmp_path, "a").read_bytes()
    save_checkpoint(tmp_path, state(3), {"step": 3})
    assert data_of(tmp_path, "a").read_bytes() == good
    assert step_of(tmp_path) == (3, [])


def test_none_that_is_good_is_a_damaged_run(tmp_path: Path) -> None:
    two(tmp_path)
    for slot in "ab":
        data_of(tmp_path, slot).write_bytes(b"")
    with pytest.raises(StoreError, match=r"no checkpoint of .* can be used") as caught:
        load_checkpoint(tmp_path)
    assert caught.value.exit_code == 5
    assert caught.value.help


def test_a_first_write_cut_short_is_no_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(1), {"step": 1})
    sidecar_of(tmp_path, "a").unlink()
    assert load_checkpoint(tmp_path) is None


def test_of_another_run(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "mine").save(state(1), {"step": 1})
    (tmp_path / "other").mkdir()
    for step in (1, 2):
        Checkpoints(tmp_path / "other", "other").save(state(step), {"step": step})
    for of in (data_of, sidecar_of):
        of(tmp_path / "other", "b").rename(of(tmp_path, "b"))
    found = load_checkpoint(tmp_path, "mine")
    assert found is not None
    assert found[1]["step"] == 1
    assert "belongs to another run" in found[2][0]
    with pytest.raises(StoreError, match="another run"):
        load_checkpoint(tmp_path, "third")


def test_a_newer_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(store, "FORMAT", store.FORMAT + 1)
        save_checkpoint(tmp_path, state(3), {"step": 3})
    for use in (load_checkpoint, lambda folder: save_checkpoint(folder, state(4), {"step": 4})):
        with pytest.raises(StoreError, match="newer archdsl"):
            use(tmp_path)


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dump", ["pickle", "torch"])
def test_a_pickle_is_never_executed(tmp_path: Path, dump: str, signed: bool) -> None:
    two(tmp_path)
    done, path = tmp_path / "executed", data_of(tmp_path, "b")
    if dump == "pickle":
        path.write_bytes(pickle.dumps(Malicious(done)))
    else:
        torch.save(Malicious(done), path)
    data = path.read_bytes()
    if signed:  # by somebody who also wrote the checksums
        about = json.loads(sidecar_of(tmp_path, "b").read_bytes())["about"]
        about |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        sidecar_of(tmp_path, "b").write_bytes(store._sidecar(about))
    step, warnings = step_of(tmp_path)
    assert (step, len(warnings)) == (1, 1)
    assert ("not a safetensors file" in warnings[0]) == signed
    assert not done.exists()
    if dump == "pickle":
        pickle.loads(data)  # noqa: S301 - the trap itself works
        assert done.is_dir()


def saved(keeper: Checkpoints, step: int) -> EnvError | None:
    try:
        keeper.save(state(step), {"step": step})
    except EnvError as error:
        return error
    return None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_every_call_fails_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    two(tmp_path)
    real, failed, step = getattr(os, call), 0, 2
    for at in range(20):
        seen = [0]

        def fails(*args, seen=seen, at=at, **more):
            seen[0] += 1
            if seen[0] == at + 1:
                raise OSError(number, os.strerror(number))
            return real(*args, **more)

        keeper = Checkpoints(tmp_path)
        keeper.load()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            raised = saved(keeper, step + 1)
        if raised is not None:
            assert raised.exit_code == 4
            assert os.strerror(number) in str(raised)
            failed += 1
        if seen[0] <= at:
            break
        assert not list(tmp_path.glob(".tmp-*"))
        step, warnings = step_of(tmp_path)
        assert step >= 2
        assert not warnings
    assert failed == {"open": 4, "write": 2, "fsync": 4, "replace": 2}[call]
    assert step_of(tmp_path)[0] == step + 1


def test_a_claim_lost_on_the_way_leaves_the_last_one(tmp_path: Path) -> None:
    two(tmp_path)
    for fatal in range(3):
        calls = iter(range(9))

        def guard(calls=calls, fatal=fatal) -> None:
            if next(calls) == fatal:
                raise EnvError("lost")

        with pytest.raises(EnvError, match="lost"):
            Checkpoints(tmp_path).save(state(9), {"step": 9}, guard)
        assert step_of(tmp_path) == (2, [])


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("missing", "file"):
        with pytest.raises(EnvError, match="cannot write"):
            save_checkpoint(tmp_path / place, state(1), {"step": 1})
    data_of(tmp_path, "a").mkdir()
    with pytest.raises(EnvError, match="cannot write"):
        save_checkpoint(tmp_path, state(1), {"step": 1})
