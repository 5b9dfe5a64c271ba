"""The order in which modifiers rewrite a term."""

from enum import IntEnum


class Phase(IntEnum):
    """What a modifier rewrites. Those of an earlier phase act first, those of one phase by their names: the order in a text
    does not matter. Structure comes before skips, skips before normalisation, that before gates and regularisation.
    """

    BLOCK = 10  # the layers of a block
    GROUPS = 12
    DEPTHWISE = 14
    SKIP = 20
    PREACTIVATION = 30
    NORM = 40
    WEIGHTS = 45  # how a layer uses its weights
    WEIGHTS_START = 46  # where they begin
    ACTIVATION = 50
    GATE = 60
    DROPOUT = 70
    DROPCONNECT = 72
    DROPPATH = 75
    BLOCK_START = 80  # the value with which a block begins
    BIAS = 90
