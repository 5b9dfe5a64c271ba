"""``archdsl predict --save``: masks are written beside no picture that they would replace."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from archdsl.cli.support.class_predictions import of_classes
from archdsl.cli.support.other_predictions import of_pictures
from archdsl.errors import EnvError
from archdsl.words.tasks import CLASSIFICATION


def pictures(folder: Path, *names: str) -> list[Path]:
    folder.mkdir()
    for name in names:
        Image.fromarray(np.full((9, 12, 3), 200, np.uint8)).save(folder / name)
    return [folder / name for name in names]


def net() -> Any:
    """The first class where a pixel is dark, else the second."""
    return SimpleNamespace(
        input=(3, 8, 8),
        device=torch.device("cpu"),
        class_names=("night", "day"),
        normalise=lambda x: x.float() / 255,
        answering=lambda: lambda x: torch.stack([1 - x[:, 0], x[:, 0]], 1),
    )


def test_masks_get_a_folder_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = pictures(tmp_path / "photos", "a.png", "b.jpg")
    for said in (
        "",
        f"note: {tmp_path / 'masks' / 'a.png'} and 1 more file of {tmp_path / 'masks'} will be replaced\n",
    ):
        records = of_pictures(net(), files, 500, tmp_path / "masks")
        assert capsys.readouterr().err == said
        assert [r["classes"] for r in records] == [{"day": 1.0}] * 2
        with Image.open(tmp_path / "masks" / "b.png") as mask:
            assert (mask.size, mask.getpixel((0, 0))) == ((8, 8), 1)


@pytest.mark.parametrize("how", ["folder", "file", "link", "other"])
def test_a_mask_never_replaces_a_picture(tmp_path: Path, how: str) -> None:
    photos = tmp_path / "photos"
    given = pictures(photos, "a.png", "b.png")
    save = photos
    if how == "link":
        save = tmp_path / "link"
        save.symlink_to(photos)
    elif how == "other":  # the mask of one picture in the place of another one
        given = [photos / "a.png", *pictures(tmp_path / "more", "c.png")]
        (tmp_path / "more" / "a.png").symlink_to(photos / "a.png")
        save = tmp_path / "more"
    before = {file: file.read_bytes() for file in given}
    with pytest.raises(EnvError, match=r"the mask of .* would replace the picture"):
        of_pictures(net(), [photos] if how == "folder" else given, 500, save)
    assert {file: file.read_bytes() for file in given} == before


def test_what_was_done_to_the_pictures_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = pictures(tmp_path / "photos", "a.png")
    Image.fromarray(np.full((9, 12, 4), 128, np.uint8)).save(file)
    of_pictures(net(), [file], 500, None)
    assert "1 of 1 picture has transparency: composited on white" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["masks", "classes"])
def test_an_output_that_is_not_finite_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Its most probable class is the first one, whatever the picture shows."""
    files = pictures(tmp_path / "photos", "a.png", "b.png", "c.png")
    shape, lost = ((2, 8, 8) if kind == "masks" else (2,)), net()
    lost.answering = lambda: lambda x: torch.full((len(x), *shape), torch.nan)
    lost.task = CLASSIFICATION
    if kind == "masks":
        of_pictures(lost, files, 2, None)
    else:
        of_classes(lost, None, files, 1, None, 2, 0)
    said = "warning: for 3 pictures the output of the net is not finite, and the prediction has no meaning\n"
    assert capsys.readouterr().err == said


def test_memory_that_does_not_suffice_for_masks_is_said(tmp_path: Path) -> None:
    def allocate(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    small = net()
    small.answering = lambda: allocate
    with pytest.raises(EnvError, match="not enough memory for a batch") as caught:
        of_pictures(small, pictures(tmp_path / "photos", "a.png"), 500, None)
    assert caught.value.help == "less than --batch 500"
