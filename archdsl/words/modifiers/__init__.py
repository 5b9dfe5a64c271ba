"""Modifiers: functions from a term to a term. Phases put structure before skips, skips before normalisation, that before
gates and regularisation, so that the order in the text does not matter."""

from archdsl.words.modifiers import gate, nf, norm, regular, residual, structure

__all__ = ["gate", "nf", "norm", "regular", "residual", "structure"]
