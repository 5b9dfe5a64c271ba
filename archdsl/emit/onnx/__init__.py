"""Model to ONNX: one file with a dynamic batch that gets its name only after onnx and onnxruntime agreed with torch."""

from archdsl.emit.onnx.exporter import OPSET, Report, export

__all__ = ["OPSET", "Report", "export"]
