"""``archdsl explain``: an error code's paragraph and example, or a word's help."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    what: Annotated[str, typer.Argument(metavar="CODE|WORD", help="A code like A203, or a word like conv or +bn.")],
) -> None:
    """Explain an error code or a word."""
    from archdsl.cli.output import put
    from archdsl.codes import CODES, lookup

    code = what.strip("[]").upper()
    if code in CODES or (code[:1] == "A" and code[1:].isdigit()):
        put(lookup(code).text() + "\n")
        return
    from archdsl.cli.commands.words import describe

    put(describe(what))
