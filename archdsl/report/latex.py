"""Tables for papers: LaTeX with the rules of booktabs."""

from __future__ import annotations

import re

from archdsl.report.formats import table_format
from archdsl.report.table import Table
from archdsl.report.text import on_one_line, shown

_SPECIAL = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "–": "--",
    "·": r"$\cdot$",
    '"': r"\textquotedbl{}",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "→": r"$\rightarrow$",
    "[": "{[}",
    "]": "{]}",
    "`": r"\textasciigrave{}",
}
_DASHES = re.compile("(?<=-)(?=-)")  # LaTeX would make one long dash of the two in `--seeds`
_NEGATIVE = re.compile(r"^-(?=[0-9])")


def escaped(text: str) -> str:
    """The text as LaTeX prints it on one line, whatever it holds: a blank line would end the argument that it is in, and a star
    behind the end of a row would be a part of that.
    """
    parts = _DASHES.split(on_one_line(text))
    return ("{}" if parts[0].startswith("*") else "") + "{}".join(
        "".join(_SPECIAL.get(c, c) for c in part) for part in parts
    )


@table_format("latex", people=True)
def latex_text(table: Table) -> str:
    """A ``table`` environment; it needs ``\\usepackage{booktabs}``. The notes are below as a small paragraph."""
    rows, foot = shown(table)

    def line(cells: list[str]) -> str:
        return " & ".join(escaped(_NEGATIVE.sub("−", cell)) for cell in cells) + r" \\"

    sides = "".join("l" if column.side == "left" else "r" for column in table.columns)
    lines = [r"% \usepackage{booktabs}", r"\begin{table}", r"\centering"]
    lines += [rf"\caption{{{escaped(table.title)}}}"] if table.title else []
    lines += [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", line([c.name for c in table.columns]), r"\midrule"]
    lines += [line(row) for row in rows]
    lines += [r"\midrule", line(foot)] if foot else []
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += ["", r"\par\smallskip{\footnotesize " + r" \\ ".join(map(escaped, table.notes)) + "}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"
