"""C1: train `vgg[16x2,32x2] +bn` on 10k images × 3 epochs, batch 128, on the CPU, against the peers' own programs.

Same pictures, net, first weights, batch, learning rate, flip and crop. `archdsl` is what `archdsl train` does unasked.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from common import Work
from race import race

if __name__ == "__main__":
    race(
        "c1_train_small",
        "C1: vgg[16x2,32x2] +bn, 10k images × 3 epochs, batch 128",
        __doc__,
        Work("vgg[16x2,32x2] +bn", "", images=9984, epochs=3),
    )
