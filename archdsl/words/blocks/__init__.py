"""Blocks: words that unfold to other words."""

from archdsl.words.blocks import gate, separable

__all__ = ["gate", "separable"]
