"""Whether a library has a network, read off its source text: importing it takes many seconds only to say no."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from archdsl.errors import ArchError, suggest
from archdsl.importer.sources import Named

_MODEL = re.compile(
    r"""^@register_model(?:\((?:name=["'](\w+)["'])?\))?\n(?:(?!def ).*\n)*?def (\w+)\(""", re.MULTILINE
)
# Folders of torchvision/models whose networks do not give a vector of classes, or are not made of plain layers.
OTHERS = {
    "segmentation": "a segmentation network: it gives an image of classes, in a dictionary",
    "detection": "a detection network: it gives boxes, in a dictionary",
    "video": "a network for videos, whose input has an axis of time",
    "optical_flow": "a network for optical flow: it takes two images",
    "quantization": "a quantised network; the one in floating point has the same name without `quantized_`",
}


def refuse_unknown(source: Named) -> None:
    """Say at once that a library lacks a network. Without the library, or where its files are laid out otherwise, nothing
    is said here.

    Raises:
        ArchError: it has none of that name, or one of another kind.
    """
    models = _folder(source.kind)
    if models is None:
        return
    if source.kind == "torchvision":
        _torchvision(source.name, models)
    else:
        _timm(source.name, models)


def _folder(library: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(library)
    except (ImportError, ValueError):
        return None
    folder = Path(spec.origin).parent / "models" if spec is not None and spec.origin else None
    return folder if folder is not None and folder.is_dir() else None


def _names(folder: Path) -> list[str]:
    """The networks that the files of one folder register."""
    return [m[1] or m[2] for path in sorted(folder.glob("*.py")) for m in _MODEL.finditer(_text(path))]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _torchvision(name: str, models: Path) -> None:
    known = _names(models)
    if not known or name in known:
        return
    for folder, what in OTHERS.items():
        if name in _names(models / folder):
            raise ArchError(
                f"torchvision's `{name}` is {what}",
                help="`import` takes networks that give one vector of "
                "classes for an image; a part of it can be imported from a file: `net.py:make()`",
            )
    raise ArchError(
        f"torchvision has no classification network `{name[:60]}`",
        help=suggest(name[:60], known) or f"it has {', '.join(known[:6])}, …",
    )


def _timm(name: str, models: Path) -> None:
    """A name with a tag of weights (`resnet50.a1_in1k`) is known by what is before the dot. Old names are in tables."""
    bare = name.partition(".")[0]
    texts = [_text(path) for path in sorted(models.glob("*.py"))]
    known = re.compile(rf"""^def {re.escape(bare)}\(|['"]{re.escape(bare)}['"]\s*:""", re.MULTILINE)
    if not any(texts) or any(known.search(t) for t in texts):
        return
    raise ArchError(f"timm has no network `{name[:60]}`", help=suggest(bare[:60], _names(models)))
