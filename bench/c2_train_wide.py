"""C2: train `vgg[64x2,128x2] +bn` on 5k images × 1 epoch, batch 128, on the CPU, against the peers' own programs.

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
        "c2_train_wide",
        "C2: vgg[64x2,128x2] +bn, 5k images × 1 epoch, batch 128",
        __doc__,
        Work("vgg[64x2,128x2] +bn", "", images=4992, epochs=1),
    )
