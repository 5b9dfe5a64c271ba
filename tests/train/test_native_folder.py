"""Folders for kernels that cannot be written."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
import torch

from archdsl.accelerate.native import kernels as native

from .test_native_trust import cache, load, needs, noticed

__all__ = ["cache"]


@needs
def test_what_a_folder_that_cannot_be_written_lacks_is_compiled_for_this_command(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have the libraries of another processor or version alone."""
    assert load("norm") is not None
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != cache)
    assert native._place("norm", torch.float32, False).file.parent == cache  # type: ignore[union-attr]
    assert not noticed()
    (file,) = cache.glob("*.so")
    file.rename(cache / "kernels-norm-of-another-processor.so")
    assert load("norm") is not None
    assert f"compiled for this command alone: {cache} cannot be written" in noticed()
    assert [f.name for f in cache.glob("*.so")] == ["kernels-norm-of-another-processor.so"]


@needs
def test_where_nothing_can_be_written_torch_has_the_work(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **named: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert load("norm") is None
    assert "torch's own do the work" in (words := noticed())
    assert words.endswith("cannot be written, and No usable temporary directory found")
