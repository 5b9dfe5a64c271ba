"""Attention whose queries, keys and values are made elsewhere."""

import torch
import torch.nn.functional as F
from torch import nn

from archdsl.emit.layers.attention import WeightedMean, Windows


class Attend(WeightedMean):
    """Means of values for queries, weighted by their products with keys: of tokens (N, T, C) or images (N, C, H, W).

    sizes: how queries and keys are laid out, (T,) in a row or (rows, columns); keys are ``keys / queries`` apart from query to
        query.
    relpos: a learnt bias for each head and each distance, ``signed`` (Liu et al. 2021) or ``absolute`` (Graham et al. 2021); with
        ``cpb`` a small network computes it (Liu et al. 2022). With ``class`` a class token is before rows and columns, and has
        three biases of its own: to the others, from them, and to itself (Bao et al. 2021).
    cosine: products of unit vectors, times a learnt ``factor`` for each head (El-Nouby et al. 2021), or times ``exp`` of one, at
        most 100 (Liu et al. 2022).
    rotary: the base of the angles by which queries and keys are turned (Su et al. 2021).
    channels: the channels of each head attend to each other (Ding et al. 2022); else tokens do.
    """

    relpos: nn.Parameter | None
    factor: nn.Parameter | None

    def __init__(
        self,
        heads: int,
        drop: float = 0.0,
        scale: float | None = None,
        relpos: str = "none",
        talk: bool = False,
        sizes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()),
        cosine: str = "none",
        channels: bool = False,
        rotary: float | None = None,
    ) -> None:
        super().__init__(heads, drop, scale if cosine == "none" else 1.0, talk)
        self.absolute, self.sizes, self.cosine, self.channels = relpos == "absolute", sizes, cosine, channels
        self.rotary, self.behind_class = rotary, relpos == "class"
        self.register_parameter("factor", nn.Parameter(torch.empty(heads, 1, 1)) if cosine != "none" else None)
        distances = 1
        for queries, keys in zip(*sizes, strict=True):
            distances *= keys if self.absolute else queries + keys - 1
        table, distances = relpos not in ("none", "cpb"), distances + (3 if relpos == "class" else 0)
        self.register_parameter("relpos", nn.Parameter(torch.empty(distances, heads)) if table else None)
        self.cpb = (
            nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, heads, bias=False)) if relpos == "cpb" else None
        )
        if talk:
            self.talk_before, self.talk_after = nn.Linear(heads, heads), nn.Linear(heads, heads)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.relpos is not None:
            nn.init.trunc_normal_(self.relpos, std=0.02)
        if self.factor is not None:
            nn.init.constant_(self.factor, 1.0 if self.cosine == "factor" else 2.302585)  # log 10, as published

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        q, k, v = (x.flatten(2).transpose(1, 2) if x.ndim == 4 else x for x in values)
        mixed = self.mixed(q, k, v)
        return mixed.transpose(1, 2).unflatten(2, values[0].shape[2:]) if values[0].ndim == 4 else mixed

    def mixed(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The means (…, T, width of v) of tokens (…, T, width)."""
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for x in (q, k, v))
        if self.rotary is not None:
            q, k = (self.turned(x, n, self.rotary) for x, n in zip((q, k), self.sizes, strict=True))
        if self.channels:
            width = q.shape[-1]
            q, k, v = (x.transpose(-2, -1) for x in (q, k, v))  # (…, heads, channels of a head, T)
            q = q if self.scale is not None else q * (q.shape[-1] / width) ** 0.5  # 1/√(width of a head) all the same
        if self.factor is not None:
            factor = self.factor if self.cosine == "factor" else self.factor.clamp(max=4.605170).exp()  # log 100
            q, k = F.normalize(q, dim=-1) * factor, F.normalize(k, dim=-1)
        table = self.relpos if self.cpb is None else 16 * self.cpb(self.coordinates()).sigmoid()
        if table is not None:
            bias = table[self.distances(table.device)].permute(2, 0, 1)  # (heads, T, S)
            mask = bias if mask is None else mask + bias
        mixed = self.mean(q, k, v, mask)
        return (mixed.transpose(-2, -1) if self.channels else mixed).transpose(-3, -2).flatten(-2)

    def coordinates(self) -> torch.Tensor:
        """What the small network takes for each row of the table: the distances along both axes, on a scale of logarithms."""
        assert self.cpb is not None
        weight: torch.Tensor = self.cpb[0].weight  # type: ignore[assignment]
        axes = [
            torch.arange(1 - n, n, device=weight.device).to(weight.dtype) * (8 / max(n - 1, 1)) for n in self.sizes[1]
        ]
        by = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1)
        return by.sign() * (by.abs() + 1).log2() / 3

    def distances(self, device: torch.device) -> torch.Tensor:
        """The row of the table for each query and key (T, S)."""
        index = torch.zeros((), dtype=torch.long, device=device)
        places = [torch.meshgrid(*(torch.arange(n, device=device) for n in size), indexing="ij") for size in self.sizes]
        for axis, (queries, keys) in enumerate(zip(*self.sizes, strict=True)):
            at, to = places[0][axis].flatten(), places[1][axis].flatten()
            by = at[:, None] * -(-keys // queries) - to
            index = index * keys + by.abs() if self.absolute else index * (queries + keys - 1) + by + keys - 1
        if not self.behind_class:
            return index
        last = (2 * self.sizes[0][0] - 1) * (2 * self.sizes[0][1] - 1)
        others = torch.cat((torch.full_like(index[:, :1], last + 1), index), 1)  # (T - 1, T)
        first = torch.cat((torch.full_like(others[:1, :1], last + 2), torch.full_like(others[:1, 1:], last)), 1)
        return torch.cat((first, others))


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
