"""Data sets: found under the data roots, decoded once, given as arrays of bytes.

Nothing here knows torch, except the download (through torchvision) of a set that is not there.
"""

from __future__ import annotations

from archdsl.train.datasets.arrays import Arrays, DataParts, Split
from archdsl.train.datasets.load import load
from archdsl.train.datasets.roots import data_roots
from archdsl.train.datasets.split import Splits, split

__all__ = ["Arrays", "DataParts", "Split", "Splits", "data_roots", "load", "split"]
