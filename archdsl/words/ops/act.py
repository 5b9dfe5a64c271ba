"""Activations: no weights, the shape stays."""

from __future__ import annotations

from archdsl.ir.layer import Layer
from archdsl.registry import op
from archdsl.registry.types import NonNegative, Shape


@op("conv(8) relu", paper="Nair & Hinton 2010", traits="act")
def relu(x: Shape) -> Layer:
    """max(0, x)."""
    return Layer(out=x, module=lambda nn: nn.ReLU())


@op("conv(8) relu6", paper="Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10", traits="act")
def relu6(x: Shape) -> Layer:
    """min(max(0, x), 6)."""
    return Layer(out=x, module=lambda nn: nn.ReLU6())


@op("conv(8) leaky(0.1)", paper="Maas et al. 2013", traits="act")
def leaky(x: Shape, slope: NonNegative = 0.01) -> Layer:
    """x where positive, `slope`·x elsewhere."""
    return Layer(out=x, module=lambda nn: nn.LeakyReLU(slope))


@op("conv(8) prelu", paper="He et al. 2015, Delving deep into rectifiers, arXiv:1502.01852", traits="act")
def prelu(x: Shape) -> Layer:
    """leaky with one learnt slope a channel (torch's channel axis; of tokens, one slope for all)."""
    n = 1 if len(x) == 2 else x[0]
    return Layer(out=x, weights={"weight": (n,)}, module=lambda nn: nn.PReLU(n))


@op("conv(8) elu", paper="Clevert et al. 2015, arXiv:1511.07289", traits="act")
def elu(x: Shape, alpha: NonNegative = 1.0) -> Layer:
    """x where positive, alpha·(exp(x) − 1) elsewhere."""
    return Layer(out=x, module=lambda nn: nn.ELU(alpha))


@op("conv(8) selu", paper="Klambauer et al. 2017, arXiv:1706.02515", traits="act")
def selu(x: Shape) -> Layer:
    """Scaled elu, self-normalising."""
    return Layer(out=x, module=lambda nn: nn.SELU())


@op("conv(8) gelu", "conv(8) gelu(tanh)", paper="Hendrycks & Gimpel 2016, arXiv:1606.08415", traits="act")
def gelu(x: Shape, tanh: bool = False) -> Layer:
    """x·Φ(x), exact; with `tanh` the paper's approximation of Φ."""
    settings = {"approximate": "tanh"} if tanh else {}
    return Layer(out=x, module=lambda nn: nn.GELU(**settings))


@op("conv(8) silu", paper="Elfwing et al. 2017, arXiv:1702.03118 (swish: Ramachandran et al. 2017)", traits="act")
def silu(x: Shape) -> Layer:
    """x·sigmoid(x), also called swish."""
    return Layer(out=x, module=lambda nn: nn.SiLU())


@op("conv(8) mish", paper="Misra 2019, arXiv:1908.08681", traits="act")
def mish(x: Shape) -> Layer:
    """x·tanh(softplus(x))."""
    return Layer(out=x, module=lambda nn: nn.Mish())


@op("conv(8) hardswish", paper="Howard et al. 2019, arXiv:1905.02244", traits="act")
def hardswish(x: Shape) -> Layer:
    """x·relu6(x + 3)/6."""
    return Layer(out=x, module=lambda nn: nn.Hardswish())


@op("conv(8) hardsigmoid", paper="Courbariaux et al. 2015, arXiv:1511.00363", traits="act")
def hardsigmoid(x: Shape) -> Layer:
    """relu6(x + 3)/6."""
    return Layer(out=x, module=lambda nn: nn.Hardsigmoid())


@op("conv(8) sigmoid", traits="act")
def sigmoid(x: Shape) -> Layer:
    """1/(1 + exp(−x))."""
    return Layer(out=x, module=lambda nn: nn.Sigmoid())


@op("conv(8) tanh", traits="act")
def tanh(x: Shape) -> Layer:
    """Hyperbolic tangent."""
    return Layer(out=x, module=lambda nn: nn.Tanh())


@op("conv(8) softplus", traits="act")
def softplus(x: Shape) -> Layer:
    """log(1 + exp(x))."""
    return Layer(out=x, module=lambda nn: nn.Softplus())


@op("gap linear(10) softmax", traits="softmax")
def softmax(x: Shape) -> Layer:
    """Exponentials that sum to 1: over channels of an image, over the last axis of tokens or a vector.

    The training loss takes logits: a softmax before it is nearly always a mistake, and the checker says so.
    """
    axis = 1 if len(x) == 3 else -1
    return Layer(out=x, module=lambda nn: nn.Softmax(axis))
