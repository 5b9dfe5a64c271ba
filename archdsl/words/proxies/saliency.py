"""Scores of the weights: sums of gradients, alone or times the weights that they are of.

Each takes the weights of layers, without biases, norms, learnt scales and positions, as Abdelfattah et al. (2021,
arXiv:2101.08134) do, who first used these figures of pruning to compare networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from archdsl.registry import proxy_word, setting
from archdsl.words.proxies.base import Proxy, gradients, layer_weights

TRAINED = ("classification", "regression", "segmentation", "tokens")


@proxy_word("synflow", paper="Tanaka et al. 2020, arXiv:2006.05467; Abdelfattah et al. 2021, arXiv:2101.08134")
@setting
class SynFlow(Proxy):
    """The logarithm of the synaptic flow: the sum of the sizes of each weight times the gradient of the summed outputs by it.

    All parameters are replaced by their absolute values, and the input is one example of ones; no data are looked at. Batch
    norm is taken out, and other normalisations stay. Computed in float64, as the flow grows by a factor with each layer; the
    logarithm leaves the order of networks as it is. A flow beyond float64 has no score.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "segmentation")

    def measure(
        self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
    ) -> float | None:
        """The logarithm of the sum over all weights of layers."""
        device = "cpu" if images.device.type == "mps" else images.device  # which has no float64
        model.to(device).double()
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.register_forward_hook(lambda module, arrived, result: arrived[0])
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.abs_()
        ones = torch.ones_like(images[:1], dtype=torch.float64, device=device)
        flows = [float((w * g).abs().sum()) for w, g in gradients(torch, model(ones).sum(), layer_weights(model))]
        return math.log(total) if 0 < (total := sum(flows)) < math.inf else None


@proxy_word("grad_norm", paper="Abdelfattah et al. 2021, arXiv:2101.08134", name="grad_norm")
@setting
class GradNorm(Proxy):
    """The sum over layers of the Euclidean norm of the loss's gradient by their weights, on one batch.

    The loss is that of the spec; batch norm uses the statistics of the batch.
    """

    tasks: ClassVar[tuple[str, ...]] = TRAINED
    ids: ClassVar[bool] = True
    batch_statistics: ClassVar[bool] = True

    def measure(
        self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
    ) -> float | None:
        """The sum of the norms."""
        pairs = gradients(torch, loss(model(images), labels), layer_weights(model))
        return math.fsum(float(g.double().norm()) for _, g in pairs)


@proxy_word("snip", paper="Lee et al. 2019, arXiv:1810.02340; Abdelfattah et al. 2021, arXiv:2101.08134")
@setting
class Snip(Proxy):
    """The sum over weights of the size of weight times gradient of the loss, on one batch: how much the loss changes, to first
    order, if each weight is removed.

    The loss is that of the spec; batch norm uses the statistics of the batch.
    """

    tasks: ClassVar[tuple[str, ...]] = TRAINED
    ids: ClassVar[bool] = True
    batch_statistics: ClassVar[bool] = True

    def measure(
        self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
    ) -> float | None:
        """The sum over all weights of layers."""
        pairs = gradients(torch, loss(model(images), labels), layer_weights(model))
        return math.fsum(float((w.double() * g.double()).abs().sum()) for w, g in pairs)
