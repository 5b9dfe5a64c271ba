"""Layers of the vision transformer."""

import torch
import torch.nn.functional as F
from torch import nn


class ClassToken(nn.Module):
    """A learnt token put before the others (Devlin et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(1, 1, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.token)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1)


class PositionEmbedding(nn.Module):
    """A learnt vector added to each token, or pixel (Dosovitskiy et al. 2020)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(1, *shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.embedding, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.embedding


class TiledPosition(PositionEmbedding):
    """A learnt vector for each place of a window, added to each window of an image (N, C, H, W) (Han et al. 2021)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = self.embedding.shape[2:]
        return x + self.embedding.repeat(1, 1, x.shape[2] // height, x.shape[3] // width)


class ResizedPosition(PositionEmbedding):
    """A learnt vector for each place of an image of another size, resized to the one (N, C, H, W) to which it is added, by
    bicubic interpolation (Bolya et al. 2023).
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + F.interpolate(self.embedding, size=x.shape[2:], mode="bicubic")


class AxesPosition(nn.Module):
    """A learnt vector for each row and one for each column, added to an image (N, C, H, W) (Dehghani et al. 2023)."""

    def __init__(self, width: int, rows: int, columns: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(1, width, rows, 1))
        self.columns = nn.Parameter(torch.empty(1, width, 1, columns))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.trunc_normal_(self.rows, std=0.02)
        nn.init.trunc_normal_(self.columns, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + (self.rows + self.columns)


class ResizedAxesPosition(AxesPosition):
    """The same for so many rows and columns, resized to those of the image by linear interpolation (Dehghani et al. 2023)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = F.interpolate(self.rows.squeeze(3), size=x.shape[2], mode="linear").unsqueeze(3)
        columns = F.interpolate(self.columns.squeeze(2), size=x.shape[3], mode="linear").unsqueeze(2)
        return x + (rows + columns)


class SinCosPosition(nn.Module):
    """Sines and cosines of the place, added to tokens (N, T, D) or to an image (N, C, H, W) (Vaswani et al. 2017); of an image
    the first half of the channels for the row, the second for the column.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 3:
            return x + self.waves(x.shape[1], x.shape[2], x)
        _, channels, height, width = x.shape
        rows, columns = self.waves(height, channels // 2, x), self.waves(width, channels // 2, x)
        at = torch.cat((rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)), 2)
        return x + at.permute(2, 0, 1)

    def waves(self, places: int, width: int, like: torch.Tensor) -> torch.Tensor:
        """The vectors of places in a row (places, width)."""
        rates = 10000.0 ** (-torch.arange(0, width, 2, device=like.device) / width)
        angles = torch.arange(places, device=like.device)[:, None] * rates
        return torch.stack((angles.sin(), angles.cos()), 2).flatten(1).to(like.dtype)


class FourierPosition(nn.Module):
    """A linear layer of sines and cosines of the place, added to an image (N, C, H, W); rows and columns run from 0 to 2π
    (Carion et al. 2020). ``waves`` is the number of sines and cosines of a row, and of a column.
    """

    def __init__(self, width: int, waves: int) -> None:
        super().__init__()
        self.waves = waves
        self.proj = nn.Conv2d(2 * waves, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.proj(self.sines(x.shape[2], x.shape[3]).to(x.dtype))

    def sines(self, height: int, width: int) -> torch.Tensor:
        """The sines and cosines of the rows, then those of the columns (1, 2·waves, height, width)."""
        device = self.proj.weight.device
        rates = 10000.0 ** (-torch.arange(0, self.waves, 2, device=device) / self.waves)
        parts = []
        for n in (height, width):
            angles = torch.arange(1, n + 1, device=device)[:, None] / (n + 1e-6) * 6.283185307179586 * rates
            parts.append(torch.stack((angles.sin(), angles.cos()), 2).flatten(1))  # (places, waves)
        rows, columns = parts[0][:, None].expand(-1, width, -1), parts[1][None].expand(height, -1, -1)
        return torch.cat((rows, columns), 2).permute(2, 0, 1)[None]
