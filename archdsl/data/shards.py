"""The Parquet files of a part of a set: which there are, whether one is missing, and how many rows they hold."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from archdsl.data.arrays import damaged
from archdsl.errors import EnvError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# As Hugging Face writes them: train-00000-of-00002.parquet, older ones with a hash at the end.
_NUMBERED = re.compile(r"-(\d+)-of-(\d+)(-[0-9a-f]+)?")
NAMED = 4


def shards(folder: Path, part: str) -> list[Path]:
    """The files of a part (``train``, ``test``), sorted by name."""
    return sorted(folder.glob(f"{part}-*.parquet"))


def check(files: Sequence[Path], part: str) -> None:
    """Hold the files to what their names promise.

    Raises:
        EnvError: one of several is missing, or files of two versions of the set are in one folder.
    """
    numbers: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    other = []
    for path in files:
        found = _NUMBERED.fullmatch(path.stem.removeprefix(part))
        if found is None:
            other.append(path.name)
        else:
            numbers[int(found[2])][int(found[1])].append(path.name)
    if not numbers:
        return  # one name or another: nothing is promised but the number of images
    folder = files[0].parent
    help = "keep the files of one version of the set, all of them, and nothing else that begins like them"
    if len(numbers) > 1 or other:
        names = [next(iter(found.values()))[0] for found in numbers.values()] + other
        raise EnvError(
            f"{folder} holds {part} files of more than one version of the set: {', '.join(names[:NAMED])}", help=help
        )
    ((total, found_by),) = numbers.items()
    twice = [names for names in found_by.values() if len(names) > 1]
    if twice:
        raise EnvError(f"{folder} holds one {part} file in two versions: {' and '.join(twice[0])}", help=help)
    missing = [i for i in range(total) if i not in found_by]
    beyond = [i for i in found_by if i >= total]
    if beyond:
        raise EnvError(f"{folder / found_by[beyond[0]][0]} is numbered beyond its total", help=help)
    if missing:
        width = len(re.findall(r"\d+", next(iter(found_by.values()))[0])[0])
        names = [f"{part}-{i:0{width}}-of-{total:0{width}}.parquet" for i in missing]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise EnvError(
            f"{folder} lacks {len(names)} of {total} {part} files: {', '.join(names[:NAMED])}{more}",
            help="fetch the missing files, or delete the others to have the set fetched",
        )


def opened(path: Path) -> Any:
    """A Parquet file, its metadata read.

    Raises:
        EnvError: pyarrow is not installed, or the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EnvError(f"{path} needs the package pyarrow", help="pip install pyarrow") from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise damaged(path, f"is not a Parquet file ({error})") from error
