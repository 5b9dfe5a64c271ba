"""airbench94 itself, out of a checkout: a JSON line with the seconds and the accuracy of each run."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import torch
from torchvision.io import ImageReadMode, decode_image

about = json.loads(sys.argv[1])
sys.path.insert(0, about["checkout"])


def part(start: str, target: Path) -> None:
    """The pictures of a part as airbench's loader wants them: images (N, 32, 32, 3) uint8."""
    rows = pq.read_table(next(Path(about["parquet"]).glob(f"{start}*.parquet"))).to_pylist()
    found = [next(row[k] for k in row if k.startswith("im"))["bytes"] for row in rows]
    images = [decode_image(torch.frombuffer(bytearray(b), dtype=torch.uint8), ImageReadMode.RGB) for b in found]
    labels = torch.tensor([next(row[k] for k in row if k.startswith("label")) for row in rows])
    torch.save(
        {"images": torch.stack(images).permute(0, 2, 3, 1), "labels": labels, "classes": list(range(10))}, target
    )


with tempfile.TemporaryDirectory() as home:
    os.chdir(home)
    Path("cifar10").mkdir()
    part("train", Path("cifar10/train.pt"))
    part("test", Path("cifar10/test.pt"))
    from airbench import CifarLoader, evaluate, train94  # it lies in the checkout

    torch.backends.cudnn.benchmark = True
    begun = time.perf_counter()
    loader = CifarLoader("cifar10", train=True, batch_size=1024, aug={"flip": True, "translate": 2}, altflip=True)
    test = CifarLoader("cifar10", train=False, batch_size=2000)
    torch.cuda.synchronize()
    setup = time.perf_counter() - begun
    for number in range(-1, about["runs"]):  # the first one warms the kernels up
        torch.cuda.synchronize()
        begun = time.perf_counter()
        model = train94(loader, verbose=False)
        accuracy = evaluate(model, test, tta_level=2)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
        if number >= 0:
            print("RUN " + json.dumps({"seconds": seconds, "setup": setup, "accuracy": accuracy}), flush=True)
