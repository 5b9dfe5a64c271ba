"""A network as a drawing: a diagram of boxes, frames and wires as plain data, and its ways out: text, dot, mermaid, svg,
and through matplotlib png and pdf. Knows no torch."""

from archdsl.draw.diagram import Box, Diagram, Frame, Panel, Wire, boxes
from archdsl.draw.view import diagram

__all__ = ["Box", "Diagram", "Frame", "Panel", "Wire", "boxes", "diagram"]
