"""Scores of how well an untrained network tells the images of a batch apart. Labels are not looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from archdsl.registry import proxy_word, setting
from archdsl.words.proxies.base import Proxy

RECTIFIERS = ("ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Hardswish")
JITTER = 1e-5  # added to eigenvalues, as in the authors' code


@proxy_word("naswot", paper="Mellor et al. 2021, arXiv:2006.04647")
@setting
class NASWOT(Proxy):
    """The logarithm of the determinant of the matrix K: for two images, the number of rectified units on which they agree.

    A unit is on where its input is positive. The paper has ReLU; units of its relatives with one switch at 0, such as GELU and
    SiLU, count alike here. Batch norm uses the statistics of the batch. The score is not defined where K is singular: two images
    on which all units agree, or fewer units than images.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "segmentation")
    ids: ClassVar[bool] = True
    batch_statistics: ClassVar[bool] = True

    def measure(
        self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
    ) -> float | None:
        """log |det K|, K (N, N); None of a net without rectified units."""
        count = len(images)
        agreements: list[Any] = []  # for each activation (N, N) counts

        def look(module: Any, arrived: tuple[Any, ...]) -> None:
            on = (arrived[0].reshape(count, -1) > 0).float()
            agreements.append((on @ on.T + (1 - on) @ (1 - on).T).cpu().double())

        rectifiers: Any = tuple(getattr(torch.nn, name) for name in RECTIFIERS)
        for module in model.modules():
            if isinstance(module, rectifiers):
                module.register_forward_pre_hook(look)
        with torch.no_grad():
            model(images)
        kernel = sum(agreements)
        if not agreements or int(torch.linalg.matrix_rank(kernel, hermitian=True)) < count:
            return None  # rounding would give a singular matrix some determinant
        return float(torch.linalg.slogdet(kernel)[1])


@proxy_word(
    "jacob_cov",
    paper="Mellor et al. 2020, arXiv:2006.04647v1; Abdelfattah et al. 2021, arXiv:2101.08134",
    name="jacob_cov",
)
@setting
class JacobCov(Proxy):
    """How little the gradients by the input are correlated between images: minus the sum of log(v) + 1/v over the eigenvalues v
    of their correlation matrix.

    The gradient is that of the summed outputs by each image. Batch norm uses the statistics of the batch. An image whose
    gradient is constant has no correlation, and the network no score.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "segmentation")
    batch_statistics: ClassVar[bool] = True

    def measure(
        self, torch: Any, model: Any, images: Any, labels: Any, loss: Callable[[Any, Any], Any]
    ) -> float | None:
        """The score of the correlations (N, N) of the rows (N, numbers of an image) of the Jacobian."""
        if len(images) < 2:
            return None
        images = images.detach().clone().requires_grad_(True)
        (rows,) = torch.autograd.grad(model(images).sum(), images)
        correlations = torch.corrcoef(rows.flatten(1).double().cpu())
        if not bool(torch.isfinite(correlations).all()):
            return None
        values = torch.linalg.eigvalsh(correlations).clamp(min=0) + JITTER
        return -float((values.log() + 1 / values).sum())
