"""torchvision is imported as it is; only where its operators do not load, their schemas are declared."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.emit import vision
from archdsl.errors import EnvError
from tests.forked import Forked

FAKE = """
import torch
from torchvision import parts  # what a half import leaves behind

for name in ("nms", "qnms"):
    torch.library.register_fake(f"torchvision::{name}")(lambda dets, scores, limit: dets.new_empty(0))
tries = parts.TRIES
tries.append(1)
"""


Run = Callable[..., str]


@pytest.fixture
def run(forking: Forked) -> Run:
    """What a program prints, with folders in front of the module path."""

    def call(code: str, *folders: Path) -> str:
        head = f"import sys; sys.path[:0] = {[str(f) for f in folders]!r}\nassert 'torchvision' not in sys.modules\n"
        done = forking.run(head + code)
        assert done.code == 0, done.err
        return done.out.strip()

    return call


def package(folder: Path, text: str) -> Path:
    """A stand-in for torchvision, so that each case exists whatever build is installed."""
    (folder / "torchvision").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text(text)
    (folder / "torchvision" / "parts.py").write_text("TRIES = []\n")
    return folder


def test_torchvision_imports_whatever_torch_it_was_built_for(run: Run) -> None:
    code = (
        "from archdsl.emit.vision import import_torchvision\n"
        "tv = import_torchvision()\n"
        "assert import_torchvision() is tv\n"
        "import torch\n"
        "from torchvision import models\n"
        "models.resnet18()(torch.zeros(2, 3, 32, 32))\n"
        "assert tv.__file__ and tv.__spec__.origin\n"
        "print(tv.datasets.CIFAR10.__name__)"
    )
    assert run(code) == "CIFAR10"


def test_an_import_that_failed_before_does_not_stand_in_the_way(run: Run) -> None:
    """A user's own `import torchvision`, which fails where the builds of torch and torchvision differ."""
    code = (
        "try:\n    import torchvision\n"
        "except RuntimeError:\n    pass\n"
        "from archdsl.emit.vision import import_torchvision\n"
        "print(import_torchvision().models.resnet18.__name__)"
    )
    assert run(code) == "resnet18"


def test_missing_operators_are_declared_after_the_import_has_failed(tmp_path: Path, run: Run) -> None:
    code = (
        "from archdsl.emit.vision import import_torchvision\n"
        "tv = import_torchvision()\n"
        "import torch\n"
        "names = [getattr(torch.ops.torchvision, n).default.name() for n in ('nms', 'qnms')]\n"
        "print(tv.tries, sys.modules['torchvision'] is tv, *names)"
    )
    assert run(code, package(tmp_path, FAKE)) == "[1] True torchvision::nms torchvision::qnms"


def test_nothing_is_declared_for_another_reason(tmp_path: Path, run: Run) -> None:
    """An operator that is declared before the real one loads ends the process: C++ does not catch it."""
    lines = {
        "import torch": "None",
        "raise RuntimeError('operator torchvision::other does not exist')": "operator torchvision::other does not exist",
        "raise OSError('libtorch.so: undefined symbol')": "libtorch.so: undefined symbol",
        "raise AttributeError('partially initialized module')": "partially initialized module",
        "import torch.no_such_part": "No module named 'torch.no_such_part'",
    }
    for number, line in enumerate(lines):
        package(tmp_path / str(number), line)
    code = (
        "import torch\n"
        "declared = []\n"
        "torch.library.define = lambda *a: declared.append(a)\n"
        "from archdsl.emit.vision import import_torchvision\n"
        "from archdsl.errors import EnvError\n"
        f"for number in range({len(lines)}):\n"
        f"    sys.path.insert(0, {str(tmp_path)!r} + '/' + str(number))\n"
        "    sys.modules.pop('torchvision', None)\n"
        "    try:\n        import_torchvision()\n        print(None, declared)\n"
        "    except EnvError as error:\n        print(error.message, declared)"
    )
    first, *said = run(code).splitlines()
    assert first == "None []"
    for line, (_, reason) in zip(said, list(lines.items())[1:], strict=True):
        assert " does not import beside torch " in line
        assert line.endswith(f"{reason} []")


@pytest.mark.parametrize("name", ["torchvision", "timm"])
def test_a_package_that_is_not_installed_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EnvError, match=f"{name}(, which)? is not installed"):
        getattr(vision, f"import_{name}")()


def test_a_file_of_a_user_imports_them_too(tmp_path: Path, run: Run) -> None:
    (tmp_path / "net.py").write_text(
        "import timm\nfrom torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 4, 3), nn.ReLU())\n"
    )
    code = (
        "from pathlib import Path\n"
        "from archdsl.importer.models import model\n"
        "from archdsl.importer.sources import Named\n"
        f"print(type(model(Named('file', 'Net', Path({str(tmp_path / 'net.py')!r})))[0]).__name__)"
    )
    assert run(code) == "Net"
