"""onnxruntime, imported with its telemetry off: the only module of ours that names it."""

from __future__ import annotations

from types import ModuleType

from archdsl.foreign import prepare


def import_onnxruntime() -> ModuleType:
    """The package onnxruntime.

    Raises:
        ImportError: it is not installed.
    """
    prepare()
    import onnxruntime

    return onnxruntime


def import_quantization() -> ModuleType:
    """Its part ``onnxruntime.quantization``, which needs onnx.

    Raises:
        ImportError: one of them is not installed.
    """
    prepare()
    from onnxruntime import quantization

    return quantization
