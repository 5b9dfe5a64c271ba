import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_torchvision_imports_whatever_torch_it_was_built_for() -> None:
    code = (
        "from archdsl.emit.vision import import_torchvision\n"
        "tv = import_torchvision()\n"
        "assert import_torchvision() is tv\n"
        "import torch\n"
        "tv.models.resnet18()(torch.zeros(2, 3, 32, 32))\n"
        "print(tv.datasets.CIFAR10.__name__)"
    )
    assert run(code) == "CIFAR10"


def test_nothing_is_declared_where_the_real_operators_load() -> None:
    code = (
        "from archdsl.emit import vision\n"
        "import torch\n"
        "declared = []\n"
        "vision._real_operators = lambda: True\n"
        "torch.library.define = lambda *a: declared.append(a)\n"
        "try:\n    vision.import_torchvision()\n"
        "except RuntimeError:\n    pass\n"  # here the operators are in truth missing
        "print(declared)"
    )
    assert run(code) == "[]"
