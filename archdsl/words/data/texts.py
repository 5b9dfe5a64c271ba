"""Text as a sequence of characters: ``text("FILE")``, and the embedded ``sonnets``. Loads neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.registry import data_word
from archdsl.registry.shapes import Ids
from archdsl.registry.types import Count
from archdsl.report.numbers import many
from archdsl.unchanged import About, seen
from archdsl.words.data.heads import own_path
from archdsl.words.data.values import Kept, Own
from archdsl.words.tasks import TASKS, Task

SONNETS = Path(__file__).resolve().parents[2] / "data_embedded" / "sonnets" / "sonnets.txt"
ONE_IN = 10  # of a text without a test file, the last tenth is for the test


@dataclass(frozen=True, slots=True)
class Text(Own):
    """The characters of a file at ``path``, cut into windows of ``length``; a net says of each character which one follows.

    ``kept`` is what runs have recorded of it, where it is gone.
    """

    path: str
    length: int = 64
    word: str = "text"
    kept: Kept | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.word if self.word != "text" else f"text:{self.path}"

    @property
    def task(self) -> Task:
        """The token that follows."""
        return TASKS["tokens"]

    @property
    def input(self) -> tuple[int, ...]:
        return self.kept.input if self.kept is not None else Ids(self.length, len(self.class_names))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The characters of both parts, sorted."""
        if self.kept is not None:
            return self.kept.class_names
        train, test = self.parts()
        return tuple(sorted(set(train) | set(test)))

    def files(self) -> tuple[Path, Path | None]:
        """The text, and the test text beside it (``tale.test.txt`` beside ``tale.txt``), None where there is none.

        Raises:
            EnvError: there is no such file.
        """
        path = own_path(self.path)
        if path.is_dir():
            raise EnvError(f"{path} is a folder, not a text", help="name one file; `cat` joins several")
        if not path.is_file():
            raise EnvError(f"there is no file {path}", help="relative paths start from the current folder")
        beside = path.with_suffix(f".test{path.suffix}")
        return path, beside if beside.is_file() else None

    def parts(self) -> tuple[str, str]:
        """The training and the test text: two files, or the last tenth of one for the test.

        Raises:
            EnvError: a file is missing, is not UTF-8, or is too short for windows of this length.
        """
        path, beside = self.files()
        whole = _text(path)
        cut = len(whole) - len(whole) // ONE_IN
        train, test = (whole, _text(beside)) if beside is not None else (whole[:cut], whole[cut:])
        for part, found, file in (("training", train, path), ("test", test, beside or path)):
            if len(found) <= self.length:
                raise EnvError(
                    f"the {part} part of {file} has {many(len(found), 'character')}, too few for a window of {self.length} and "
                    "the character behind it",
                    help="a shorter length, or more text",
                )
        return train, test


def _text(path: Path) -> str:
    return _read(path, seen(path))


@lru_cache(maxsize=4)  # what was seen of the file is an argument so that a changed one is read again
def _read(path: Path, facts: About) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise EnvError(
            f"{path} is not a text in UTF-8: line {line} has other bytes", help="save it as UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise EnvError(f"{path} is not a text: line {line} has a character of the value zero", help="name a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@data_word('text("tale.txt")', 'text("tale.txt", length=128)', slot="dataset", unpublished="a format")
def text(path: str, length: Count = 64) -> Text:
    """A text of one's own, for a language model: of each character the net says which one follows.

    The tokens are the characters that occur, and `classes` is their number. The text is cut into windows of `length`
    characters, one behind the other. The test part is `FILE.test.txt` beside FILE.txt, or the last tenth of the text.
    """
    return Text(path, length)


@data_word("sonnets", "sonnets(length=128)", slot="dataset", unpublished="poems of 1609")
def sonnets(length: Count = 64) -> Text:
    """Sonnets of Shakespeare in modern spelling, as a text of characters; comes with the package."""
    return Text(str(SONNETS), length, "sonnets")
