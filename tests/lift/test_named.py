"""Published networks whose weights are parts of those of a spec, so that they are held to their peer by the import's gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.api import load
from tests.conftest import Cli


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters", "lines"),
    [
        ("coatnet_0_rw_224", 27_435_562, 40),  # Dai et al. 2021, arXiv:2106.04803
        ("dm_nfnet_f0", 71_489_284, 80),  # Brock et al. 2021, arXiv:2102.06171
        ("xcit_nano_12_p8_224", 3_049_016, 30),  # El-Nouby et al. 2021, arXiv:2106.09681
    ],
)
def test_a_published_net_is_imported(cli: Cli, tmp_path: Path, name: str, parameters: int, lines: int) -> None:
    pytest.importorskip("timm")
    done = cli("import", f"timm:{name}", "-o", "net.arch", cwd=tmp_path, timeout=1500)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "net.arch").read_text("utf-8")
    assert load(text).cost.params == parameters
    assert len(text.splitlines()) < lines
