"""``archdsl lsp``: the language server, for an editor to start."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak over standard input and output, as it always does.")
    ] = True,
    log: Annotated[
        str,
        typer.Option(
            "--log", metavar="LEVEL", help="What goes to standard error: error, info (each text), debug (each answer)."
        ),
    ] = "error",
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> int:
    """Serve an editor: findings, shapes under the cursor, completion, formatting, renaming. Started by the editor."""
    import logging
    import sys

    from archdsl.cli.output import put
    from archdsl.errors import ArchError, EnvError, suggest
    from archdsl.extras import require
    from archdsl.version import __version__

    if version:
        put(f"archdsl lsp {__version__}\n")
        return 0
    levels = {"error": logging.ERROR, "info": logging.INFO, "debug": logging.DEBUG}
    if log not in levels:
        raise ArchError(f"there is no level `{log}`", help=suggest(log, levels) or "levels are error, info and debug")
    require("pygls")
    from archdsl.lsp.server import serve

    if sys.stdin is None or sys.stdout is None:
        raise EnvError(
            "standard input or output is closed", help="an editor starts this command and speaks through them"
        )
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("archdsl.lsp").setLevel(levels[log])
    from functools import partial

    from archdsl.study.plan.checks import study_findings

    return serve(partial(study_findings, edited=True))
