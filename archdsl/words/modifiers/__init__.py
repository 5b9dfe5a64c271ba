"""Modifiers: functions from a term to a term, one after the other in the order of ``archdsl.registry.Phase``."""

from archdsl.words.modifiers import gate, nf, norm, regular, residual, structure

__all__ = ["gate", "nf", "norm", "regular", "residual", "structure"]
