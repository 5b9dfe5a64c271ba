"""torchvision and timm, imported: the only modules of ours that name them do it here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from archdsl.errors import EnvError
from archdsl.extras import EXTRAS, missing
from archdsl.foreign import prepare


def import_torchvision() -> ModuleType:
    """The package torchvision, with ``models``, ``datasets`` and ``transforms``.

    Raises:
        EnvError: it is not installed, or does not import beside the torch that is.
    """
    prepare()
    try:
        import torchvision
    except Exception as error:  # beside another torch: OSError, RuntimeError, AttributeError, ...
        raise _refused("torchvision", error) from error
    return torchvision


def import_timm() -> ModuleType:
    """The package timm.

    Raises:
        EnvError: it is not installed, or does not import beside the torch that is.
    """
    import_torchvision()  # which timm imports: a fault of it should have its name
    try:
        import timm
    except Exception as error:
        raise _refused("timm", error) from error
    return timm


def _refused(name: str, error: Exception) -> EnvError:
    if isinstance(error, ModuleNotFoundError) and error.name == name:
        return missing(name) if name in EXTRAS else EnvError(f"{name} is not installed", help=f"pip install {name}")
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return EnvError(
        f"{_named(name)} does not import beside {_named('torch')}: {text}",
        help="install releases of torch and torchvision that belong together",
    )


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
