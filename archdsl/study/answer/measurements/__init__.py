"""Results of any tool, as tables: which rows belong to which arm and pair, and the metric of each. Nothing is guessed: what
cannot be read exactly is refused with its row and its column. Each format has a file of its own.
"""

from archdsl.study.answer.measurements.pairs import paired, samples
from archdsl.study.answer.measurements.read import LARGEST_FRACTION, Columns, Failed, Measurements, measure
from archdsl.study.answer.measurements.sheet import Sheet
from archdsl.study.answer.measurements.sources import open_sheet

__all__ = [
    "LARGEST_FRACTION",
    "Columns",
    "Failed",
    "Measurements",
    "Sheet",
    "measure",
    "open_sheet",
    "paired",
    "samples",
]
