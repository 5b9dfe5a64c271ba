"""A user without a home folder: nothing is kept, which is said once, and everything works."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from archdsl import notices
from archdsl.accelerate.compiled import INDUCTOR, own_cache
from archdsl.cli.main import main
from archdsl.data import roots
from archdsl.data.fingerprint import fingerprint
from archdsl.errors import EnvError
from archdsl.transfer import zoo
from archdsl.words.data.sets import cifar10

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such users")


@pytest.fixture(autouse=True)
def homeless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import pwd

    def nobody(number: int) -> None:
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TORCH_HOME", "ARCHDSL_DATA", "ARCHDSL_WEIGHTS", INDUCTOR):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(notices, "_said", set())
    monkeypatch.setattr(notices, "_waiting", [])
    roots._passing.cache_clear()
    yield
    os.environ.pop(INDUCTOR, None)
    roots._passing.cache_clear()


def test_the_cache_is_a_private_folder_for_this_process() -> None:
    first, second = roots.cache_root(), roots.cache_base()
    assert first.parent == second
    assert stat.S_IMODE(second.stat().st_mode) == 0o700
    (said,) = notices.taken()
    assert "no home folder" in said
    own_cache()
    assert os.environ[INDUCTOR] == str(second / "inductor")
    assert notices.taken() == (), "it is said once"


def test_data_is_found_and_a_download_needs_a_folder(tmp_path: Path) -> None:
    assert roots.data_roots() == (roots.SYSTEM,)
    with pytest.raises(EnvError, match="no home folder to download data into") as caught:
        roots.download_root()
    assert "--data-root" in caught.value.help
    with pytest.raises(EnvError, match="no home folder to download data into"):
        fingerprint(cifar10(), fetch=True)  # the first that looks for the data of a run
    assert roots.download_root(tmp_path) == tmp_path
    assert zoo._own_cache("/kept", "TORCH_HOME") == Path("/kept")
    with pytest.raises(EnvError, match="no home folder for published weights"):
        zoo._own_cache(zoo.torch.hub.get_dir(), "TORCH_HOME")


@pytest.mark.parametrize("variable", ["ARCHDSL_DATA", "ARCHDSL_WEIGHTS"])
def test_a_tilde_names_nothing(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "~/data")
    with pytest.raises(EnvError, match="no home folder for ~/data"):
        roots.data_roots() if variable == "ARCHDSL_DATA" else zoo.folders()


def test_the_page_of_a_data_set_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "cifar10"]) == 0
    assert "no home folder" in capsys.readouterr().out
