"""Blocks: words that unfold to other words."""

from archdsl.words.blocks import gate, reuse, separable

__all__ = ["gate", "reuse", "separable"]
