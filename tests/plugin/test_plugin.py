"""Words of another package: found through entry points, under the same laws, without a line of ours changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Path(__file__).parent / "example"


def run(*args: str, also: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(also), str(ROOT)])
    return subprocess.run([sys.executable, *args], env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, text=True,
                          capture_output=True, check=False)  # fmt: skip


def test_the_words_of_a_package_are_words() -> None:
    done = run("-m", "archdsl", "params", "conv(8) snake fireblock(8, 16) vgg[8x2] +snakes", "--input", "3x32x32",
               "--classes", "10", "--format", "json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"params": 4618' in done.stdout


def test_the_laws_hold_for_them() -> None:
    """The conformance suite of our own layers, run over a vocabulary that has the package's words."""
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/words/test_ops.py", "-k",
               "snake or fireblock")  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_a_package_that_does_not_load_is_named(tmp_path: Path) -> None:
    info = tmp_path / "broken.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\nbroken = not_there.words\n")
    done = run("-m", "archdsl", "words", also=tmp_path)
    assert done.returncode == 4
    assert "not_there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    info = tmp_path / "taken.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: taken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\ntaken = taken_words\n")
    (tmp_path / "taken_words.py").write_text(
        "from archdsl.ir.layer import Layer\nfrom archdsl.registry import op\n\n\n"
        '@op("conv(8) relu")\ndef relu(x: tuple) -> Layer:\n    """Another relu."""\n    return Layer(out=x)\n'
    )
    done = run("-m", "archdsl", "words", also=tmp_path)
    assert done.returncode != 0
    assert "already taken" in done.stderr
