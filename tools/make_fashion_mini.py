"""Make the embedded data set ``fashion-mini`` from the original idx files of Fashion-MNIST.

The first 800 training images and the first 200 test images of each class, in their original order: no draw,
so that anybody gets the same bytes. Written as idx files packed with xz, which the ordinary idx loader
reads.

    python tools/make_fashion_mini.py FOLDER_WITH_THE_FOUR_IDX_FILES
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
from pathlib import Path

import numpy as np

from archdsl.data import idx

HERE = Path(__file__).resolve().parent.parent / "archdsl" / "data_embedded" / "fashion-mini"
PER_CLASS = {"train": 800, "test": 200}
LICENCE = """\
The MIT License (MIT) Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction, including
without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the
following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO
EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR
THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def rows_of(labels: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` rows of each class, in rising order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))


def packed(array: np.ndarray) -> bytes:
    """The array as an idx file in xz: its two magic zeros, type 8 (unsigned byte), rank, sizes, bytes."""
    head = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return lzma.compress(head + array.tobytes(), preset=9 | lzma.PRESET_EXTREME)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Write the four files, their licence and where they come from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    files = idx.find(parser.parse_args().source)
    if files is None:
        raise SystemExit("the four idx files of Fashion-MNIST are not in that folder")
    HERE.mkdir(parents=True, exist_ok=True)
    sources, made = {}, {}
    for split, (images, labels) in files.items():
        targets = idx.read_array(labels, 1)
        rows = rows_of(targets, PER_CLASS[split])
        for path, array in ((images, idx.read_array(images, 3)[rows]), (labels, targets[rows])):
            target = HERE / (path.name.removesuffix(".gz").removesuffix(".xz") + ".xz")
            target.write_bytes(packed(array))
            sources[path.name], made[target.name] = digest(path), digest(target)
    record = {
        "name": "fashion-mini",
        "what": "the first 800 training and the first 200 test images of each class of Fashion-MNIST",
        "from": "Fashion-MNIST, https://github.com/zalandoresearch/fashion-mnist",
        "paper": "Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
        "licence": "MIT, Copyright (c) 2017 Zalando SE",
        "made by": "tools/make_fashion_mini.py",
        "sha256 of the sources": sources,
        "sha256 of these files": made,
    }
    (HERE / "PROVENANCE.json").write_text(json.dumps(record, indent=2) + "\n")
    (HERE / "LICENSE").write_text(LICENCE)


if __name__ == "__main__":
    main()
