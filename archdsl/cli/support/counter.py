"""How much of an evaluation is done, on a terminal."""

from __future__ import annotations

import sys

from archdsl.cli.output import live


class Counter:
    """A live line on a terminal, nothing elsewhere."""

    def __init__(self, total: int) -> None:
        from archdsl.report import is_terminal

        self._total, self._before, self._passes, self._seen = max(total, 1), 0, 1, 0
        self._live = sys.stderr is not None and is_terminal(sys.stderr)

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            live("")

    def begin(self, passes: int) -> None:
        """A new row of so many passes."""
        self._before += self._seen * self._passes
        self._passes, self._seen = passes, 0

    def tell(self, images: int) -> None:
        """So many images of this row are done."""
        self._seen = images
        if self._live:
            share = (self._before + images * self._passes) / self._total
            live(f"evaluating {100 * share:3.0f} %")
