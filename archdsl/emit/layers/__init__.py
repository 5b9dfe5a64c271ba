"""The few modules that torch lacks.

A class needs ``torch``, ``nn``, ``F``, the classes here that it derives from, and no other name, because its source is copied
into standalone model files. A module with a phase has ``set_progress(share)``, which the training loop calls with the share
of training that is over; other code need not know it.
"""

from archdsl.emit.layers.attend import Attend, AttendPacked, AttendWindows
from archdsl.emit.layers.attention import (
    Attention,
    ClassAttention,
    CrossCovarianceAttention,
    GeneralAttention,
    ReducedAttention,
    WeightedMean,
    Windows,
)
from archdsl.emit.layers.drop import Cutout, DropBlock2d, DropPath, GaussianNoise, PhasedDropout
from archdsl.emit.layers.nested import DropConnect, Ode, Shared
from archdsl.emit.layers.pixels import LowestPad2d, PixelLinear
from archdsl.emit.layers.pool import BlurPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MeanTokens
from archdsl.emit.layers.sequence import (
    GRU,
    LSTM,
    RNN,
    CausalConv1d,
    Embedding,
    TokenAvgPool1d,
    TokenConv1d,
    TokenMaxPool1d,
)
from archdsl.emit.layers.tokens import (
    AxesPosition,
    ClassToken,
    FourierPosition,
    PositionEmbedding,
    SinCosPosition,
    TiledPosition,
)
from archdsl.emit.layers.weightnorm import (
    NormedCausalConv1d,
    NormedConv2d,
    NormedLinear,
    NormedPixelLinear,
    NormedTokenConv1d,
    WeightNorm,
)
from archdsl.emit.layers.weights import (
    Affine,
    DiracConv2d,
    GlobalResponseNorm,
    GlobalResponseNorm2d,
    LayerNorm2d,
    LayerScale,
    RMSNorm2d,
    ScaledStdConv2d,
    StdConv2d,
    ZeroBatchNorm1d,
    ZeroBatchNorm2d,
)
from archdsl.emit.layers.whiten import PatchWhitening2d

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Affine",
    "Attend",
    "AttendPacked",
    "AttendWindows",
    "Attention",
    "AxesPosition",
    "BlurPool2d",
    "CausalConv1d",
    "ClassAttention",
    "ClassToken",
    "CrossCovarianceAttention",
    "Cutout",
    "DiracConv2d",
    "DropBlock2d",
    "DropConnect",
    "DropPath",
    "Embedding",
    "FourierPosition",
    "GaussianNoise",
    "GeneralAttention",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "GlobalResponseNorm",
    "GlobalResponseNorm2d",
    "LayerNorm2d",
    "LayerScale",
    "LowestPad2d",
    "MeanTokens",
    "NormedCausalConv1d",
    "NormedConv2d",
    "NormedLinear",
    "NormedPixelLinear",
    "NormedTokenConv1d",
    "Ode",
    "PatchWhitening2d",
    "PhasedDropout",
    "PixelLinear",
    "PositionEmbedding",
    "RMSNorm2d",
    "ReducedAttention",
    "ScaledStdConv2d",
    "Shared",
    "SinCosPosition",
    "StdConv2d",
    "TiledPosition",
    "TokenAvgPool1d",
    "TokenConv1d",
    "TokenMaxPool1d",
    "WeightNorm",
    "WeightedMean",
    "Windows",
    "ZeroBatchNorm1d",
    "ZeroBatchNorm2d",
]
