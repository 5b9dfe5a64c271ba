"""Families: words with a stage list."""

from archdsl.words.families import convnext, efficientnet, inception, lenet, mobilenet, nasnet, plain, vgg, vit

__all__ = [
    "convnext",
    "efficientnet",
    "inception",
    "lenet",
    "mobilenet",
    "nasnet",
    "plain",
    "vgg",
    "vit",
]
