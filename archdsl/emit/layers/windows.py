"""Attention within windows of an image."""

import torch
import torch.nn.functional as F
from torch import nn


class Windows(nn.Module):
    """Attention ``f`` within windows of an image (N, C, H, W), each by itself.

    A window has ``size`` rows and columns of neighbours (Liu et al. 2021), or with ``grid`` so many that are equally far
    apart (Tu et al. 2022). Zeros at the right and the bottom fill up the last windows; they are looked at like the others.
    The windows begin at ``shift``; those at the border are cut in two, whose pixels do not look at each other.
    """

    def __init__(
        self, f: nn.Module, size: tuple[int, int], grid: bool = False, shift: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__()
        self.f, self.size, self.grid, self.shift = f, size, grid, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        (p, q), (down, right), mask = self.size, self.shift, None
        if height % p or width % q:
            x = F.pad(x, (0, -width % q, 0, -height % p))
        if down or right:
            x, mask = x.roll((-down, -right), (2, 3)), self.apart(x)
        rows, columns = x.shape[2] // p, x.shape[3] // q
        if self.grid:
            x = x.unflatten(3, (q, columns)).unflatten(2, (p, rows)).permute(0, 3, 5, 2, 4, 1)
        else:
            x = x.unflatten(3, (columns, q)).unflatten(2, (rows, p)).permute(0, 2, 4, 3, 5, 1)
        x = self.f(x.flatten(3, 4).flatten(1, 2), mask)  # (N, windows, pixels of a window, C)
        x = x.unflatten(2, (p, q)).unflatten(1, (rows, columns))
        x = x.permute(0, 5, 3, 1, 4, 2) if self.grid else x.permute(0, 5, 1, 3, 2, 4)
        x = x.flatten(4, 5).flatten(2, 3)
        if down or right:
            x = x.roll((down, right), (2, 3))
        return x[:, :, :height, :width]

    def apart(self, x: torch.Tensor) -> torch.Tensor:
        """-inf for pixels of a window that are at different borders of the image, else 0: (windows, 1, pixels, pixels)."""
        (height, width), (p, q), (down, right) = x.shape[2:], self.size, self.shift
        lower = torch.arange(height, device=x.device) >= height - down
        side = 2 * lower.long()[:, None] + (torch.arange(width, device=x.device) >= width - right).long()
        side = side.unflatten(1, (-1, q)).unflatten(0, (-1, p)).transpose(1, 2).flatten(2).flatten(0, 1)
        differ = side[:, None, :, None] != side[:, None, None, :]
        return torch.zeros_like(differ, dtype=x.dtype).masked_fill(differ, float("-inf"))

    def extra_repr(self) -> str:
        return f"size={self.size}, grid={self.grid}, shift={self.shift}"
