"""Model to ONNX: one file with a dynamic batch that gets its name only after onnx and onnxruntime agreed with torch."""

from archdsl.export.onnx.exporter import LIMIT, OPSET, Report, export

__all__ = ["LIMIT", "OPSET", "Report", "export"]
