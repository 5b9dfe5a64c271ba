"""Tables as plain data, and their formats: terminal, plain text, CSV, TSV, JSON, Markdown, LaTeX. Called as a function, the
package is ``archdsl.notebook.report``.
"""

import sys

from archdsl.callable import CallableModule
from archdsl.report.formats import FORMATS, several_tables
from archdsl.report.numbers import compact, exact, percent, size
from archdsl.report.render import is_terminal, render, write
from archdsl.report.table import Cell, Column, Table
from archdsl.report.text import json_text

__all__ = [
    "FORMATS",
    "Cell",
    "Column",
    "Table",
    "compact",
    "exact",
    "is_terminal",
    "json_text",
    "percent",
    "render",
    "several_tables",
    "size",
    "write",
]

sys.modules[__name__].__class__ = CallableModule
