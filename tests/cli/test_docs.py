"""The generated pages are those of the registry and of the codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_generated_pages_are_fresh(repo: Path) -> None:
    done = subprocess.run([sys.executable, "tools/docs.py", "--check"], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
