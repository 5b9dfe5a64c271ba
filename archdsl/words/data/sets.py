"""The published data sets. Their shapes and classes are known here, without the files."""

from __future__ import annotations

from archdsl.registry import data_word
from archdsl.words.data.names import CIFAR10, CIFAR100, DIGITS, FASHION
from archdsl.words.data.values import Dataset

_FASHION_HOME = "https://github.com/zalandoresearch/fashion-mnist"
_UNSTATED = "not stated by the authors"
_CIFAR_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"


@data_word("fashion-mini", slot="dataset", paper="Xiao et al. 2017", name="fashion-mini")
def fashion_mini() -> Dataset:
    """8,000 training and 2,000 test images of Fashion-MNIST, 1x28x28, ten classes; comes with the package."""
    return Dataset(
        "fashion-mini", "Fashion-MNIST, the first 800 + 200 images of each class", (1, 28, 28), FASHION,
        (0.2860,), (0.3530,), 8_000, 2_000, _FASHION_HOME, "MIT",
    )  # fmt: skip


@data_word("fashion-mnist", slot="dataset", paper="Xiao et al. 2017", name="fashion-mnist")
def fashion_mnist() -> Dataset:
    """Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 1x28x28, ten classes."""
    return Dataset(
        "fashion-mnist", "Fashion-MNIST", (1, 28, 28), FASHION,
        (0.2860,), (0.3530,), 60_000, 10_000, _FASHION_HOME, "MIT",
    )  # fmt: skip


@data_word("mnist", slot="dataset", paper="LeCun et al. 1998")
def mnist() -> Dataset:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 1x28x28, ten classes."""
    return Dataset(
        "mnist", "MNIST", (1, 28, 28), DIGITS,
        (0.1307,), (0.3081,), 60_000, 10_000, "http://yann.lecun.com/exdb/mnist/", _UNSTATED,
    )  # fmt: skip


@data_word("cifar10", slot="dataset", paper="Krizhevsky 2009")
def cifar10() -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test colour images, 3x32x32, ten classes."""
    return Dataset(
        "cifar10", "CIFAR-10", (3, 32, 32), CIFAR10,
        (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 50_000, 10_000, _CIFAR_HOME, _UNSTATED,
    )  # fmt: skip


@data_word("cifar100", slot="dataset", paper="Krizhevsky 2009")
def cifar100() -> Dataset:
    """CIFAR-100: 50,000 training and 10,000 test colour images, 3x32x32, a hundred (fine) classes."""
    return Dataset(
        "cifar100", "CIFAR-100", (3, 32, 32), CIFAR100,
        (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), 50_000, 10_000, _CIFAR_HOME, _UNSTATED,
    )  # fmt: skip
