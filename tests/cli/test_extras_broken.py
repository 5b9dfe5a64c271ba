"""An optional package that is installed and cannot be imported is a fault of the environment, and is named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from archdsl.cli.main import main
from archdsl.extras import EXTRAS, broken

RAISED = {
    "ImportError('no library')": "no library",
    "OSError('libx.so: cannot open shared object file')": "libx.so: cannot open shared object file",
    "AttributeError('module numpy has no attribute bool')": "module numpy has no attribute bool",
    "RuntimeError()": "RuntimeError",
}


def spoilt(monkeypatch: pytest.MonkeyPatch, folder: Path, package: str, raised: str) -> None:
    """Put a package that raises before the one that is installed."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text(f"raise {raised}\n")
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("package", EXTRAS)
@pytest.mark.parametrize("raised", RAISED)
def test_every_optional_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, raised: str) -> None:
    spoilt(monkeypatch, tmp_path, package, raised)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the package raises
        importlib.import_module(package)
    error = broken(caught.value)
    assert error is not None
    assert error.exit_code == 4
    assert error.message.startswith(f"{package} is installed, but cannot be imported: ")
    assert error.message.endswith(RAISED[raised])
    assert f"pip install 'archdsl[{EXTRAS[package][1]}]'" in error.help


@pytest.mark.parametrize("raised", RAISED)
def test_a_command_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], raised: str
) -> None:
    spoilt(monkeypatch, tmp_path, "matplotlib", raised)
    assert main(["draw", "lenet5", "--out", str(tmp_path / "net.pdf")]) == 4
    err = capsys.readouterr().err
    assert f"matplotlib is installed, but cannot be imported: {RAISED[raised]}" in err
    assert "pip install 'archdsl[plot]'" in err
    assert not (tmp_path / "net.pdf").exists()


def test_other_exceptions_are_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for raised in (ValueError("x"), ImportError("x"), ModuleNotFoundError("x", name="nothing_of_ours")):
        with pytest.raises(type(raised)) as caught:
            raise raised
        assert broken(caught.value) is None
    monkeypatch.setattr("archdsl.extras.installed", lambda name: False)
    lacking = broken(ModuleNotFoundError("no", name="timm.models"))
    assert lacking is not None
    assert "timm, which is not installed" in lacking.message
