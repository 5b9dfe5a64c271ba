"""A first layer whose weights are taken from the images."""

import torch
import torch.nn.functional as F
from torch import nn


class PatchWhitening2d(nn.Module):
    """Fixed filters that give the patches of the training images unit covariance, each with its negative (Page 2018;
    Jordan 2024, arXiv:2404.00498). ``whiten`` sets them; until then they are random. The bias is learnt.
    """

    def __init__(self, channels: int, k: int = 2, eps: float = 5e-4) -> None:
        super().__init__()
        self.channels, self.k, self.eps = channels, k, eps
        width = 2 * channels * k * k
        self.weight = nn.Parameter(torch.empty(width, channels, k, k), requires_grad=False)
        self.bias = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        nn.init.zeros_(self.bias)

    @torch.no_grad()
    def whiten(self, images: torch.Tensor) -> None:
        """Take the filters from images (N, C, H, W) as the layer gets them."""
        patches = F.unfold(images.float(), self.k).transpose(1, 2).flatten(0, 1)
        covariance = patches.T @ patches / len(patches)
        values, vectors = torch.linalg.eigh(covariance.cpu().double())
        filters = (vectors / (values + self.eps).sqrt()).T.flip(0)  # the strongest direction first
        both = torch.cat((filters, -filters)).view_as(self.weight)
        self.weight.copy_(both)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"channels={self.channels}, k={self.k}, eps={self.eps}"
