"""Where a network comes from: ``torchvision:resnet18``, ``timm:NAME``, or a class or function of a Python file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from archdsl import files
from archdsl.errors import ArchError

LIBRARIES = ("torchvision", "timm")
FORMS = (
    "`torchvision:resnet18`, `timm:resnet50`, `timm-blocks:ir_r2_k3_s2_e6_c24`, `net.py:Net` (a class), or "
    "`net.py:make()` (a function)"
)
_PARITY = re.compile(r"^# parity: (torchvision|timm)\.(\w+)$", re.MULTILINE)
_FILE = re.compile(r"(?P<path>.+\.py):(?P<name>[A-Za-z_]\w*)(?P<call>\(\))?")


@dataclass(frozen=True, slots=True)
class Named:
    """A source: its kind (a library, ``timm-blocks`` or ``file``), and what is named there."""

    kind: str
    name: str
    path: Path | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.name}" if self.path else f"{self.kind}:{self.name}"


def named(source: str) -> Named:
    """A source by its text.

    Raises:
        ArchError: it has none of the forms.
    """
    kind, colon, name = source.partition(":")
    if colon and kind in (*LIBRARIES, "timm-blocks"):
        if not name.strip():
            raise ArchError(f"`{source}` does not name a network", help=f"write {FORMS}")
        return Named(kind, name)
    found = _FILE.fullmatch(source)
    if found is None or "\0" in source:
        raise ArchError(f"`{source[:80]}` is not a source of a network", help=f"write {FORMS}")
    return Named("file", found["name"] + (found["call"] or ""), Path(found["path"]))


def shipped(source: Named) -> str | None:
    """The text of the published spec that is held to this network, if there is one; without torch."""
    if source.kind not in LIBRARIES:
        return None
    for path in files.specs():
        if path.parent.name == "imagenet":
            text = path.read_text(encoding="utf-8")
            found = _PARITY.search(text)
            if found and (found[1], found[2]) == (source.kind, source.name):
                return text
    return None
