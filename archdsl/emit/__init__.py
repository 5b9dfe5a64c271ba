"""Traces to things that run: a torch module, a standalone source file, an ONNX file. torch is known from here on."""
