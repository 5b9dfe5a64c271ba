"""Networks to other formats: ONNX, torch.export, int8, held equal to the model before a file gets its name.

Enter by ``deploy``; ``onnx`` has the graph, ``agree`` the comparison, ``latency`` the timing.
"""
