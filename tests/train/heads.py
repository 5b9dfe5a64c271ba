"""Small data with two targets of different kinds, for the tests of nets with several heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archdsl.words.data.pictures import Pictures

NET = "net linear(16) relu heads(kind: (linear(8) relu linear(classes)) | price: linear(classes))"


def homes(path: Path, rows: int = 240) -> Path:
    """A table: the kind follows from two numbers, and the price is nearly linear in them."""
    rng = np.random.default_rng(0)
    area, age = rng.uniform(30, 200, rows), rng.uniform(0, 80, rows)
    price = 3000 * area - 900 * age + rng.normal(0, 5000, rows)
    kind = np.where(area < 80, "flat", np.where(age < 40, "house", "barn"))
    lines = [f"{a:.3f},{g:.2f},{k},{p:.1f}" for a, g, k, p in zip(area, age, kind, price, strict=True)]
    path.write_text("\n".join(["area,age,kind,price", *lines]) + "\n", "utf-8")
    return path


def text(path: Path | str, train: str = "adam", data: str = "", net: str = NET) -> str:
    """A whole experiment on such a table."""
    return f'{net}\ndata csv("{path}", target="kind", numbers="price") {data}\ntrain {train}\n'


def of_labelled(root: Path) -> Pictures:
    """Six files called pictures, in two tables; the last column is not used."""
    folder = root / "p"
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"{number}.png").write_bytes(f"content of {number}".encode())
    rows = [f"{n}.png,{'ab'[n % 2]},{n},x" for n in range(6)]
    for name, part in (("labels.csv", rows[:4]), ("labels.test.csv", rows[4:])):
        (folder / name).write_text("\n".join(["file,kind,size,note", *part]))
    return Pictures(str(folder / "labels.csv"), "kind", "size")
