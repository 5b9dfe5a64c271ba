"""What ``predict`` does for nets whose output is not one class: numbers of rows, texts that go on, masks of pictures."""

from __future__ import annotations

import os
from collections import Counter
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, EnvError
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.evaluate import Trained


def of_numbers(net: Trained, own: object, files: Sequence[Path], batch: int) -> list[dict[str, Any]]:
    """The predicted numbers of the rows of tables, with their targets where the files have them."""
    import torch

    from archdsl.cli.output import say
    from archdsl.cli.support.class_predictions import say_not_finite
    from archdsl.evaluate.load import enough_memory
    from archdsl.evaluate.rows import read_rows

    records: list[dict[str, Any]] = []
    for held in [read_rows(net, own, file) for file in files]:
        row = 0
        for part in (torch.from_numpy(held.values[n : n + batch]) for n in range(0, len(held.values), batch)):
            with torch.no_grad(), enough_memory(batch):
                values = net.values(net.model(net.normalise(part.to(net.device)))).tolist()
            for found in values:
                row += 1
                known = {"targets": held.known[row - 1]} if held.known is not None else {}
                predicted = dict(zip(net.class_names, found, strict=True))
                records.append({"file": str(held.path), "row": row, "predictions": predicted, **known})
        for text in held.notes:
            say(text)
    say_not_finite(sum(not all(map(isfinite, r["predictions"].values())) for r in records), "row")
    return records


def prompts(files: Sequence[Path], prompt: str | None) -> list[tuple[str, str]]:
    """The texts that are to go on, each with where it is from.

    Raises:
        ArchError: there is none.
        EnvError: a file is missing or not a text.
    """
    found = [("--prompt", prompt)] if prompt is not None else []
    for file in files:
        try:
            found.append((str(file), file.read_text("utf-8-sig")))
        except OSError as error:
            raise EnvError(f"{file} cannot be read: {error.strerror}", help="name text files") from error
        except UnicodeDecodeError as error:
            raise EnvError(f"{file} is not a text in UTF-8", help="name text files") from error
    if not found:
        raise ArchError("no text is given to continue", help="name a file, or give --prompt 'Shall I compare'")
    return found


def of_texts(
    net: Trained, given: Sequence[tuple[str, str]], length: int, temperature: float, seed: int
) -> list[dict[str, Any]]:
    """Each text with the characters that the net lets follow."""
    from archdsl.evaluate.continuation import continued

    return [
        {"file": file, "prompt": prompt, "continuation": "".join(continued(net, prompt, length, temperature, seed))}
        for file, prompt in given
    ]


def of_pictures(net: Trained, files: Sequence[Path], batch: int, save: Path | None) -> list[dict[str, Any]]:
    """For each picture the fraction of its pixels of each class that occurs; the masks are written into the folder ``save``.

    Args:
        files: pictures, and folders of them.

    Raises:
        EnvError: a picture does not decode, two have one name and would be one mask, or a mask would replace a picture.
    """
    import torch

    from archdsl.cli.output import say
    from archdsl.cli.support.class_predictions import pictures_of, say_not_finite
    from archdsl.data.decode import said
    from archdsl.evaluate.images import decoded
    from archdsl.evaluate.load import enough_memory

    files = pictures_of(net, files)
    targets = _targets(files, save) if save is not None else {}
    records: list[dict[str, Any]] = []
    model, done, bad = net.answering(), Counter[str](), 0
    for part in decoded(files, net.input, batch, done):
        with torch.no_grad(), enough_memory(batch):
            output = model(net.normalise(torch.from_numpy(part).to(net.device)))  # (N, classes, H, W)
            masks = output.argmax(1).cpu()  # (N, H, W)
            bad += int((~output.isfinite()).flatten(1).any(1).sum())
        for mask in masks:
            file = files[len(records)]
            counts = torch.bincount(mask.flatten(), minlength=len(net.class_names)).tolist()
            fractions = {n: count / mask.numel() for n, count in zip(net.class_names, counts, strict=True) if count}
            record: dict[str, Any] = {"file": str(file), "classes": fractions}
            if file in targets:
                _write(mask.to(torch.uint8).numpy(), targets[file])
                record["mask"] = str(targets[file])
            records.append(record)
    for text in said(done, len(files)):
        say(text)
    say_not_finite(bad, "picture")
    return records


def _targets(files: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Where the mask of each picture goes; says which files are there already."""
    from archdsl.cli.output import say

    targets = {file: folder / f"{file.stem}.png" for file in files}
    if len(set(targets.values())) < len(files):
        raise EnvError(
            "two of the pictures have one name, and their masks too", help="predict them one folder at a time"
        )
    _check_kept(files, targets)
    there = [target for target in targets.values() if target.is_file()]
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise EnvError(f"the folder {folder} cannot be made: {error.strerror}", help="choose another --save") from error
    if there:
        more = f" and {many(len(there) - 1, 'more file')}" if len(there) > 1 else ""
        say(f"note: {there[0]}{more} of {folder} will be replaced")
    return targets


def _check_kept(files: Sequence[Path], targets: dict[Path, Path]) -> None:
    """Refuse masks in the places of the pictures, which would be lost: by whatever name, as where a system takes `A.PNG` and
    `a.png` for one.
    """
    pictures = {(found.st_dev, found.st_ino) for found in map(os.stat, files)}
    for file, target in targets.items():
        if target.is_file() and ((found := target.stat()).st_dev, found.st_ino) in pictures:
            raise EnvError(
                f"the mask of {file} would replace the picture {target}",
                help="name a folder without pictures: --save masks",
            )


def _write(mask: Any, target: Path) -> None:
    """Class numbers (H, W) uint8 as a grey picture."""
    from PIL import Image

    from archdsl.export.target import replacing

    with replacing(target) as temporary, temporary.open("wb") as stream:
        Image.fromarray(mask).save(stream, "png")
