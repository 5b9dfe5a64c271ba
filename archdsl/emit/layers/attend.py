"""Attention whose queries, keys and values are made elsewhere."""

import torch
from torch import nn

from archdsl.emit.layers.attention import WeightedMean, Windows


class Attend(WeightedMean):
    """Means of values for queries, weighted by their products with keys: of tokens (N, T, C) or images (N, C, H, W).

    sizes: how queries and keys are laid out, (T,) in a row or (rows, columns); keys are ``keys / queries`` apart from query to
        query.
    relpos: a learnt bias for each head and each distance, ``signed`` (Liu et al. 2021) or ``absolute`` (Graham et al. 2021).
    """

    relpos: nn.Parameter | None

    def __init__(
        self,
        heads: int,
        drop: float = 0.0,
        scale: float | None = None,
        relpos: str = "none",
        talk: bool = False,
        sizes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()),
    ) -> None:
        super().__init__(heads, drop, scale, talk)
        self.absolute, self.sizes = relpos == "absolute", sizes
        distances = 1
        for queries, keys in zip(*sizes, strict=True):
            distances *= keys if self.absolute else queries + keys - 1
        self.register_parameter("relpos", nn.Parameter(torch.empty(distances, heads)) if relpos != "none" else None)
        if talk:
            self.talk_before, self.talk_after = nn.Linear(heads, heads), nn.Linear(heads, heads)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.relpos is not None:
            nn.init.trunc_normal_(self.relpos, std=0.02)

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        q, k, v = (x.flatten(2).transpose(1, 2) if x.ndim == 4 else x for x in values)
        mixed = self.mixed(q, k, v)
        return mixed.transpose(1, 2).unflatten(2, values[0].shape[2:]) if values[0].ndim == 4 else mixed

    def mixed(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The means (…, T, width of v) of tokens (…, T, width)."""
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for x in (q, k, v))
        if self.relpos is not None:
            bias = self.relpos[self.distances()].permute(2, 0, 1)  # (heads, T, S)
            mask = bias if mask is None else mask + bias
        return self.mean(q, k, v, mask).transpose(-3, -2).flatten(-2)

    def distances(self) -> torch.Tensor:
        """The row of the table for each query and key (T, S)."""
        assert self.relpos is not None
        device = self.relpos.device
        index = torch.zeros((), dtype=torch.long, device=device)
        places = [torch.meshgrid(*(torch.arange(n, device=device) for n in size), indexing="ij") for size in self.sizes]
        for axis, (queries, keys) in enumerate(zip(*self.sizes, strict=True)):
            at, to = places[0][axis].flatten(), places[1][axis].flatten()
            by = at[:, None] * -(-keys // queries) - to
            index = index * keys + by.abs() if self.absolute else index * (queries + keys - 1) + by + keys - 1
        return index


class AttendPacked(Attend):
    """The same for queries, keys and values side by side, of these widths."""

    def __init__(self, heads: int, widths: tuple[int, int, int], **more: object) -> None:
        super().__init__(heads, **more)  # type: ignore[arg-type]
        self.widths = widths

    def forward(self, *values: torch.Tensor | None) -> torch.Tensor:
        x, mask = values
        assert x is not None
        q, k, v = x.split(self.widths, -1)
        return self.mixed(q, k, v, mask)


class AttendWindows(Windows):
    """Attention of images within windows; queries, keys and values are cut into the same ones."""

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.cat(values, 1))
