"""Writes archdsl/syntax/tables.json: the automaton and the lexers that Lark computes from the grammar.

python tools/make_tables.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archdsl.syntax.engine import TABLES
from archdsl.syntax.generate import compute


def main(check: bool) -> int:
    """Write the file, or say whether it is fresh."""
    text = compute()
    if check and (not TABLES.is_file() or TABLES.read_text("utf-8") != text):
        print(f"{TABLES.name} is stale: run python tools/make_tables.py")
        return 1
    if not check:
        TABLES.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    if set(sys.argv[1:]) - {"--check"}:  # a mistyped `--check` would write
        sys.exit(__doc__)
    sys.exit(main("--check" in sys.argv[1:]))
