"""G2: `vgg[64x2,128x2] +bn`, batch 512 and 128, bf16, on one GPU, against the peers' own programs and our own eager step.

Same pictures, net, first weights, batch, learning rate, flip and crop. At batch 128 the host's launches are what an
eager step waits for: `archdsl eager` is the same plan without the CUDA graph. Without a GPU it exits with 4.
"""

from __future__ import annotations

from _gpu import race

if __name__ == "__main__":
    race("g2_vgg", "G2: vgg[64x2,128x2] +bn, 49k images", __doc__, "vgg[64x2,128x2] +bn", (512, 128), epochs=8)
