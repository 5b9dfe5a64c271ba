"""Published sets: their shapes and classes are known here, without the files."""

from __future__ import annotations

from typing import Literal

from archdsl.registry import data_word
from archdsl.registry.types import Count
from archdsl.words.data.names import (
    CAPITALS,
    CIFAR10,
    CIFAR100,
    DIGITS,
    FASHION,
    IMAGENETTE,
    KUZUSHIJI,
    SMALL,
    STL10,
    UNLIKE,
)
from archdsl.words.data.values import Dataset

_FASHION_HOME = "https://github.com/zalandoresearch/fashion-mnist"
_UNSTATED = "not stated by the authors"
_CIFAR_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_EMNIST_HOME = "https://www.nist.gov/itl/products-and-services/emnist-dataset"

# Of all of ImageNet, as published networks are trained with.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# A split of EMNIST → its classes, training images, test images (Cohen et al. 2017, table II).
EMNIST = {
    "balanced": ((*DIGITS, *CAPITALS, *UNLIKE), 112_800, 18_800),
    "byclass": ((*DIGITS, *CAPITALS, *SMALL), 697_932, 116_323),
    "bymerge": ((*DIGITS, *CAPITALS, *UNLIKE), 697_932, 116_323),
    "letters": (SMALL, 124_800, 20_800),
    "digits": (DIGITS, 240_000, 40_000),
    "mnist": (DIGITS, 60_000, 10_000),
}


@data_word("fashion-mini", slot="dataset", paper="Xiao et al. 2017", name="fashion-mini")
def fashion_mini() -> Dataset:
    """8,000 training and 2,000 test images of Fashion-MNIST, 1x28x28, ten classes; comes with the package."""
    return Dataset(
        "fashion-mini",
        "Fashion-MNIST, the first 800 + 200 images of each class",
        (1, 28, 28),
        FASHION,
        (0.2860,),
        (0.3530,),
        8_000,
        2_000,
        _FASHION_HOME,
        "MIT",
    )


@data_word("fashion-mnist", slot="dataset", paper="Xiao et al. 2017", name="fashion-mnist")
def fashion_mnist() -> Dataset:
    """Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 1x28x28, ten classes."""
    return Dataset(
        "fashion-mnist",
        "Fashion-MNIST",
        (1, 28, 28),
        FASHION,
        (0.2860,),
        (0.3530,),
        60_000,
        10_000,
        _FASHION_HOME,
        "MIT",
    )


@data_word("mnist", slot="dataset", paper="LeCun et al. 1998")
def mnist() -> Dataset:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 1x28x28, ten classes."""
    return Dataset(
        "mnist",
        "MNIST",
        (1, 28, 28),
        DIGITS,
        (0.1307,),
        (0.3081,),
        60_000,
        10_000,
        "http://yann.lecun.com/exdb/mnist/",
        _UNSTATED,
    )


@data_word("cifar10", slot="dataset", paper="Krizhevsky 2009")
def cifar10() -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test colour images, 3x32x32, ten classes."""
    return Dataset(
        "cifar10",
        "CIFAR-10",
        (3, 32, 32),
        CIFAR10,
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
        50_000,
        10_000,
        _CIFAR_HOME,
        _UNSTATED,
    )


@data_word("cifar100", slot="dataset", paper="Krizhevsky 2009")
def cifar100() -> Dataset:
    """CIFAR-100: 50,000 training and 10,000 test colour images, 3x32x32, a hundred (fine) classes."""
    return Dataset(
        "cifar100",
        "CIFAR-100",
        (3, 32, 32),
        CIFAR100,
        (0.5071, 0.4865, 0.4409),
        (0.2673, 0.2564, 0.2762),
        50_000,
        10_000,
        _CIFAR_HOME,
        _UNSTATED,
    )


@data_word("kmnist", slot="dataset", paper="Clanuwat et al. 2018")
def kmnist() -> Dataset:
    """Kuzushiji-MNIST: 60,000 training and 10,000 test images of cursive Japanese, 1x28x28, ten classes."""
    return Dataset(
        "kmnist",
        "Kuzushiji-MNIST",
        (1, 28, 28),
        KUZUSHIJI,
        (),
        (),
        60_000,
        10_000,
        "https://codh.rois.ac.jp/kmnist/",
        "CC BY-SA 4.0",
    )


@data_word("emnist", "emnist(letters)", "emnist(split=digits)", slot="dataset", paper="Cohen et al. 2017")
def emnist(split: Literal["balanced", "byclass", "bymerge", "letters", "digits", "mnist"] = "balanced") -> Dataset:
    """EMNIST: handwritten letters and digits, 1x28x28, put upright.

    The splits: `balanced` has 47 classes (112,800 + 18,800 images); `byclass` 62 and `bymerge` 47 (697,932 +
    116,323); `letters` 26 (124,800 + 20,800); `digits` 10 (240,000 + 40,000); `mnist` 10 (60,000 + 10,000).
    """
    names, train, test = EMNIST[split]
    return Dataset(
        f"emnist-{split}",
        f"EMNIST, {split}",
        (1, 28, 28),
        names,
        (),
        (),
        train,
        test,
        _EMNIST_HOME,
        _UNSTATED,
    )


@data_word("svhn", slot="dataset", paper="Netzer et al. 2011")
def svhn() -> Dataset:
    """SVHN, cropped: 73,257 training and 26,032 test images of house numbers, 3x32x32, ten classes."""
    return Dataset(
        "svhn",
        "Street View House Numbers, cropped digits",
        (3, 32, 32),
        DIGITS,
        (),
        (),
        73_257,
        26_032,
        "http://ufldl.stanford.edu/housenumbers/",
        "for non-commercial use",
    )


@data_word("stl10", slot="dataset", paper="Coates et al. 2011")
def stl10() -> Dataset:
    """STL-10: 5,000 training and 8,000 test colour images, 3x96x96, ten classes; its unlabelled images stay out."""
    return Dataset(
        "stl10",
        "STL-10",
        (3, 96, 96),
        STL10,
        (),
        (),
        5_000,
        8_000,
        "https://cs.stanford.edu/~acoates/stl10/",
        _UNSTATED,
    )


@data_word("imagenette", "imagenette(64)", slot="dataset", unpublished="published as files, without a paper")
def imagenette(size: Count = 128) -> Dataset:
    """Imagenette: ten easy classes of ImageNet, 9,469 training and 3,925 test pictures, as 3 x size x size.

    Each picture's shorter side is scaled to `size`, then the middle is cut. The smallest published version
    whose shorter side has at least `size` pixels is taken: 160, 320 or the full one.
    """
    return Dataset(
        "imagenette",
        "Imagenette, version 2",
        (3, size, size),
        tuple(IMAGENETTE.values()),
        IMAGENET_MEAN,
        IMAGENET_STD,
        9_469,
        3_925,
        "https://github.com/fastai/imagenette",
        "the pictures are ImageNet's, for non-commercial research",
    )
