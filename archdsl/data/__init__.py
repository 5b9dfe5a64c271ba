"""Data sets: found under the data roots, decoded once, given as arrays; or decoded while training, where they do not
fit into memory.

Nothing here loads torch, except the download (through torchvision) of a set that is not there, and streaming.
"""

from __future__ import annotations

from archdsl.data.arrays import Arrays, DataParts, Split
from archdsl.data.load import load, locate
from archdsl.data.roots import data_roots
from archdsl.data.split import Splits, split
from archdsl.data.stream import Streamed

__all__ = ["Arrays", "DataParts", "Split", "Splits", "Streamed", "data_roots", "load", "locate", "split"]
