"""G1: ResNet-18 for 32×32, batch 512 and 128, bf16, on one GPU, against the peers' own programs.

Same pictures, net, first weights, batch, learning rate, flip and crop. `archdsl` is what `archdsl train` does unasked;
`airbench's loader` is the ceiling: data resident on the GPU, and nothing else in the loop. Without a GPU it exits with 4.
"""

from __future__ import annotations

from _gpu import race

NET = "conv(64) bn relu resnet[64x2, 128x2, 256x2, 512x2] gap linear(10)"

if __name__ == "__main__":
    race("g1_resnet18", "G1: ResNet-18, 49k images", __doc__, NET, (512, 128), epochs=6)
