"""The optional packages: what needs them, and what to install where one is missing. One table, so that each message is alike."""

from __future__ import annotations

import importlib.util
import traceback

from archdsl.errors import EnvError

# What needs the package, and our extra that brings it.
EXTRAS = {
    "matplotlib": ("figures are drawn by matplotlib", "plot"),
    "optuna": ("the samplers of a search are Optuna's", "search"),
    "threadpoolctl": ("the model of a search needs threadpoolctl", "search"),
    "ray": ("a study on a cluster needs ray", "ray"),
    "tensorboard": ("curves for TensorBoard need tensorboard", "tensorboard"),
    "onnx": ("ONNX files need onnx", "onnx"),
    "onnxscript": ("an export to ONNX needs onnxscript", "onnx"),
    "onnxruntime": ("an ONNX file is compared and timed by onnxruntime", "onnx"),
    "pygls": ("the language server needs pygls", "lsp"),
    "uvicorn": ("a live page is served by uvicorn", "watch"),
    "timm": ("networks and weights of timm need timm", "timm"),
}
ONNX = ("onnx", "onnxscript", "onnxruntime")


def installed(package: str) -> bool:
    """Whether a package can be found; it is not imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def missing(package: str, otherwise: str = "") -> EnvError:
    """The error for a package that is not installed; ``otherwise`` says what goes without it."""
    why, extra = EXTRAS[package]
    more = f", or {otherwise}" if otherwise else ""
    return EnvError(f"{why}, which is not installed", help=f"pip install 'archdsl[{extra}]'{more}")


def broken(error: BaseException) -> EnvError | None:
    """The error for a package that can be found and stopped while it was imported; None for any other exception. A package
    stops with exceptions of every kind: ImportError, OSError for a library of the system, AttributeError beside another numpy.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if frame.f_code.co_name == "<module>" and package in EXTRAS:
            text = (str(error).strip().splitlines() or [type(error).__name__])[0]
            return EnvError(
                f"{package} is installed, but cannot be imported: {text}",
                help=f"pip uninstall {package}, then pip install 'archdsl[{EXTRAS[package][1]}]'",
            )
    named = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return missing(named) if named in EXTRAS and not installed(named) else None


def require(*packages: str, otherwise: str = "") -> None:
    """Refuse before any work what could not be done after it.

    Raises:
        EnvError: one of the packages is not installed.
    """
    lacking = [package for package in packages if not installed(package)]
    if lacking:
        error = missing(lacking[0], otherwise)
        if lacking[1:]:
            error.message += f"; nor is {', nor '.join(lacking[1:])}"
        raise error
