"""The optional packages: what needs them, and what to install where one is missing. One table, so that each message is alike."""

from __future__ import annotations

import importlib.util

from archdsl.errors import EnvError

# What needs the package, and our extra that brings it.
EXTRAS = {
    "matplotlib": ("figures are drawn by matplotlib", "plot"),
    "ray": ("a study on a cluster needs ray", "ray"),
    "tensorboard": ("curves for TensorBoard need tensorboard", "tensorboard"),
    "onnx": ("ONNX files need onnx", "onnx"),
    "onnxscript": ("an export to ONNX needs onnxscript", "onnx"),
    "onnxruntime": ("an ONNX file is compared and timed by onnxruntime", "onnx"),
    "pygls": ("the language server needs pygls", "lsp"),
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
