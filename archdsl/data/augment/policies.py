"""The pairs of operations that AutoAugment's search found (Cubuk et al. 2019, arXiv:1805.09501, tables 7 to 9).

A line is a pair: an operation, its probability in tenths and its magnitude from 0 to 9, twice; `-` where an operation has no
magnitude.
"""

from __future__ import annotations

Step = tuple[str, int, int]

IMAGENET = """
posterize 4 8  rotate 6 9
solarize 6 5  autocontrast 6 -
equalize 8 -  equalize 6 -
posterize 6 7  posterize 6 6
equalize 4 -  solarize 2 4
equalize 4 -  rotate 8 8
solarize 6 3  equalize 6 -
posterize 8 5  equalize 10 -
rotate 2 3  solarize 6 8
equalize 6 -  posterize 4 6
rotate 8 8  color 4 0
rotate 4 9  equalize 6 -
equalize 0 -  equalize 8 -
invert 6 -  equalize 10 -
color 6 4  contrast 10 8
rotate 8 8  color 10 2
color 8 8  solarize 8 7
sharpness 4 7  invert 6 -
shear-x 6 5  equalize 10 -
color 4 0  equalize 6 -
equalize 4 -  solarize 2 4
solarize 6 5  autocontrast 6 -
invert 6 -  equalize 10 -
color 6 4  contrast 10 8
equalize 8 -  equalize 6 -
"""
CIFAR10 = """
invert 1 -  contrast 2 6
rotate 7 2  translate-x 3 9
sharpness 8 1  sharpness 9 3
shear-y 5 8  translate-y 7 9
autocontrast 5 -  equalize 9 -
shear-y 2 7  posterize 3 7
color 4 3  brightness 6 7
sharpness 3 9  brightness 7 9
equalize 6 -  equalize 5 -
contrast 6 7  sharpness 6 5
color 7 7  translate-x 5 8
equalize 3 -  autocontrast 4 -
translate-y 4 3  sharpness 2 6
brightness 9 6  color 2 8
solarize 5 2  invert 0 -
equalize 2 -  autocontrast 6 -
equalize 2 -  equalize 6 -
color 9 9  equalize 6 -
autocontrast 8 -  solarize 2 8
brightness 1 3  color 7 0
solarize 4 5  autocontrast 9 -
translate-y 9 9  translate-y 7 9
autocontrast 9 -  solarize 8 3
equalize 8 -  invert 1 -
translate-y 7 9  autocontrast 9 -
"""
SVHN = """
shear-x 9 4  invert 2 -
shear-y 9 8  invert 7 -
equalize 6 -  solarize 6 6
invert 9 -  equalize 6 -
equalize 6 -  rotate 9 3
shear-x 9 4  autocontrast 8 -
shear-y 9 8  invert 4 -
shear-y 9 5  solarize 2 6
invert 9 -  autocontrast 8 -
equalize 6 -  rotate 9 3
shear-x 9 4  solarize 3 3
shear-y 8 8  invert 7 -
equalize 9 -  translate-y 6 6
invert 9 -  equalize 6 -
contrast 3 3  rotate 8 4
invert 8 -  translate-y 0 2
shear-y 7 6  solarize 4 8
invert 6 -  rotate 8 4
shear-y 3 7  translate-x 9 3
shear-x 1 6  invert 6 -
solarize 7 2  translate-y 6 7
shear-y 8 4  invert 8 -
shear-x 7 9  translate-y 8 3
shear-y 8 5  autocontrast 7 -
shear-x 7 2  invert 1 -
"""


def _pairs(text: str) -> tuple[tuple[Step, Step], ...]:
    rows = (line.split() for line in text.split("\n") if line)
    return tuple((_step(*row[:3]), _step(*row[3:])) for row in rows)


def _step(name: str, tenths: str, magnitude: str) -> Step:
    return name, int(tenths), 0 if magnitude == "-" else int(magnitude)


POLICIES = {"cifar10": _pairs(CIFAR10), "imagenet": _pairs(IMAGENET), "svhn": _pairs(SVHN)}
