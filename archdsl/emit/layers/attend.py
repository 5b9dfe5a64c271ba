"""Attention whose queries, keys and values are made elsewhere."""

import torch
import torch.nn.functional as F
from torch import nn

from archdsl.emit.layers.attention import WeightedMean
from archdsl.emit.layers.windows import Windows


class Attend(WeightedMean):
    """Means of values for queries, weighted by their products with keys: of tokens (N, T, C) or images (N, C, H, W).

    sizes: how queries and keys are laid out, (T,) in a row or (rows, columns); keys are ``keys / queries`` apart from query to
        query.
    relpos: a learnt bias for each head and each distance, ``signed`` (Liu et al. 2021) or ``absolute`` (Graham et al. 2021); with
        ``cpb`` or ``mlp`` a small network computes it (Liu et al. 2022). With ``class`` a class token is before rows and
        columns, and has three biases of its own: to the others, from them, and to itself (Bao et al. 2021). With ``query`` it is
        the product of the query with a learnt vector of the distance in rows, and one of that in columns (Li et al. 2022). With
        ``gated`` a softmax of distances alone is mixed into that of the products (d'Ascoli et al. 2021).
    cosine: products of unit vectors, times a learnt ``factor`` for each head (El-Nouby et al. 2021), or times ``exp`` of one, at
        most 100 (Liu et al. 2022).
    rotary: the base of the angles by which queries and keys are turned (Su et al. 2021); ``centred`` is as for `turned`; the
        first ``prefix`` tokens are not turned.
    channels: the channels of each head attend to each other (Ding et al. 2022); else tokens do.
    kv: heads of keys and values; several heads of queries share one (Shazeer 2019).
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
        centred: bool = False,
        prefix: int = 0,
        kv: int | None = None,
        head: int = 0,
    ) -> None:
        super().__init__(heads, drop, scale if cosine == "none" else 1.0, talk)
        self.absolute, self.sizes, self.cosine, self.channels = relpos == "absolute", sizes, cosine, channels
        self.rotary, self.centred, self.prefix, self.kv = rotary, centred, prefix, kv or heads
        self.kind, self.behind_class = relpos, relpos == "class"
        self.register_parameter("factor", nn.Parameter(torch.empty(heads, 1, 1)) if cosine != "none" else None)
        distances = 1
        for queries, keys in zip(*sizes, strict=True):
            distances *= keys if self.absolute else (queries - 1) * -(-keys // queries) + keys
        table, distances = relpos in ("signed", "absolute", "class"), distances + (3 if relpos == "class" else 0)
        self.register_parameter("relpos", nn.Parameter(torch.empty(distances, heads)) if table else None)
        self.cpb = (
            nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, heads, bias=False)) if relpos == "cpb" else None
        )
        if relpos == "mlp":
            self.mlp = nn.Sequential(nn.Linear(2, 384), nn.ReLU(), nn.Linear(384, heads))
        if relpos == "query":
            rows, columns = (2 * max(q, k) - 1 for q, k in zip(*sizes, strict=True))
            self.rows, self.columns = (nn.Parameter(torch.empty(n, head)) for n in (rows, columns))
        if relpos == "gated":
            self.place, self.gate = nn.Linear(3, heads), nn.Parameter(torch.empty(heads))
        if talk:
            self.talk_before, self.talk_after = nn.Linear(heads, heads), nn.Linear(heads, heads)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.relpos is not None:
            nn.init.trunc_normal_(self.relpos, std=0.02)
        if self.factor is not None:
            nn.init.constant_(self.factor, 1.0 if self.cosine == "factor" else 2.302585)  # log 10, as published
        if self.kind == "query":
            nn.init.trunc_normal_(self.rows, std=0.02)
            nn.init.trunc_normal_(self.columns, std=0.02)
        if self.kind == "gated":
            nn.init.ones_(self.gate)

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        q, k, v = (x.flatten(2).transpose(1, 2) if x.ndim == 4 else x for x in values)
        mixed = self.mixed(q, k, v)
        return mixed.transpose(1, 2).unflatten(2, values[0].shape[2:]) if values[0].ndim == 4 else mixed

    def mixed(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The means (…, T, width of v) of tokens (…, T, width)."""
        parts = zip((q, k, v), (self.heads, self.kv, self.kv), strict=True)
        q, k, v = (x.unflatten(-1, (n, -1)).transpose(-3, -2) for x, n in parts)
        if self.rotary is not None:
            q, k = (self.placed(x, n) for x, n in zip((q, k), self.sizes, strict=True))
        if self.kv != self.heads:
            k, v = (x.repeat_interleave(self.heads // self.kv, -3) for x in (k, v))
        if self.channels:
            width = q.shape[-1]
            q, k, v = (x.transpose(-2, -1) for x in (q, k, v))  # (…, heads, channels of a head, T)
            q = q if self.scale is not None else q * (q.shape[-1] / width) ** 0.5  # 1/√(width of a head) all the same
        if self.factor is not None:
            factor = self.factor if self.cosine == "factor" else self.factor.clamp(max=4.605170).exp()  # log 100
            q, k = F.normalize(q, dim=-1) * factor, F.normalize(k, dim=-1)
        if self.kind == "gated":
            return self.gated(q, k, v).transpose(-3, -2).flatten(-2)
        mixed = self.mean(q, k, v, self.bias(q), mask)
        return (mixed.transpose(-2, -1) if self.channels else mixed).transpose(-3, -2).flatten(-2)

    def placed(self, x: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
        """Queries or keys (…, heads, T, width of a head) turned by their places."""
        assert self.rotary is not None
        turned = self.turned(x[..., self.prefix :, :], size, self.rotary, self.centred)
        return torch.cat((x[..., : self.prefix, :], turned), -2) if self.prefix else turned

    def bias(self, q: torch.Tensor) -> torch.Tensor | None:
        """What is added to the products, (heads, T, S) or (…, heads, T, S); None where nothing is."""
        if self.kind == "query":
            return self.of_query(q)
        table = self.relpos if self.cpb is None else 16 * self.cpb(self.coordinates()).sigmoid()
        if self.kind == "mlp":
            by = self.between(q)
            table = self.mlp(by.sign() * (by.abs() + 1).log())
        return None if table is None else table[self.distances(table.device)].permute(2, 0, 1)

    def of_query(self, q: torch.Tensor) -> torch.Tensor:
        """The products of queries (…, heads, T, width) with the vectors of the distances, (…, heads, T, S)."""
        q = q.unflatten(-2, self.sizes[0])  # (…, rows, columns, width)
        tables = []
        for table, m, n in zip((self.rows, self.columns), *self.sizes, strict=True):
            at = torch.arange(m, device=q.device) * max(n // m, 1)
            to = torch.arange(n, device=q.device) * max(m // n, 1)
            tables.append(table[at[:, None] - to + (n - 1) * max(m // n, 1)].transpose(1, 2))  # (queries, width, keys)
        rows = q @ tables[0]
        columns = (q.transpose(-3, -2) @ tables[1]).transpose(-3, -2)
        return (rows[..., :, None] + columns[..., None, :]).flatten(-2).flatten(-3, -2)

    def gated(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Means of values by two softmaxes: of the products, and of what a linear layer gives for the distances."""
        at = torch.meshgrid(*(torch.arange(n, device=q.device) for n in self.sizes[0]), indexing="ij")
        down, right = (x.flatten() - x.flatten()[:, None] for x in at)
        places = torch.stack((right, down, right**2 + down**2), -1).to(q.dtype)  # (T, S, 3)
        local = self.place(places).permute(2, 0, 1).softmax(-1)
        weights = (q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if self.scale is None else self.scale)).softmax(-1)
        gate = self.gate.sigmoid()[:, None, None]
        return F.dropout((1 - gate) * weights + gate * local, self.drop, self.training) @ v

    def between(self, like: torch.Tensor, scaled: bool = False) -> torch.Tensor:
        """The distances along both axes for each row of the table (rows, 2), ``scaled`` to run from -8 to 8."""
        axes = [
            torch.arange(1 - n, n, device=like.device).to(like.dtype) * (8 / max(n - 1, 1) if scaled else 1)
            for n in self.sizes[1]
        ]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1)

    def coordinates(self) -> torch.Tensor:
        """What the small network takes for each row of the table: the distances along both axes, on a scale of logarithms."""
        assert self.cpb is not None
        by = self.between(self.cpb[0].weight, scaled=True)  # type: ignore[arg-type]
        return by.sign() * (by.abs() + 1).log2() / 3

    def distances(self, device: torch.device) -> torch.Tensor:
        """The row of the table for each query and key (T, S)."""
        index, rows = torch.zeros((), dtype=torch.long, device=device), 1
        places = [torch.meshgrid(*(torch.arange(n, device=device) for n in size), indexing="ij") for size in self.sizes]
        for axis, (queries, keys) in enumerate(zip(*self.sizes, strict=True)):
            at, to, apart = places[0][axis].flatten(), places[1][axis].flatten(), -(-keys // queries)
            by, number = at[:, None] * apart - to, keys if self.absolute else (queries - 1) * apart + keys
            index, rows = index * number + (by.abs() if self.absolute else by + keys - 1), rows * number
        if not self.behind_class:
            return index
        others = torch.cat((torch.full_like(index[:, :1], rows + 1), index), 1)  # (T - 1, T)
        first = torch.cat((torch.full_like(others[:1, :1], rows + 2), torch.full_like(others[:1, 1:], rows)), 1)
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


class AttendPooled(Attend):
    """The same within windows of ``window`` rows and columns of the keys; the image of the queries is smaller, and its windows
    are so too (Ryali et al. 2023).
    """

    def __init__(self, heads: int, window: tuple[int, int], **more: object) -> None:
        super().__init__(heads, **more)  # type: ignore[arg-type]
        self.window = window

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        rows, columns = values[1].shape[2] // self.window[0], values[1].shape[3] // self.window[1]
        cut = [x.unflatten(3, (columns, -1)).unflatten(2, (rows, -1)).permute(0, 2, 4, 3, 5, 1) for x in values]
        q, k, v = (x.flatten(3, 4).flatten(1, 2) for x in cut)  # (N, windows, pixels of a window, width)
        mixed = self.mixed(q, k, v).unflatten(2, cut[0].shape[3:5]).unflatten(1, (rows, columns))
        return mixed.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


class LinearAttend(nn.Module):
    """Sums of values (N, T, C) for queries, weighted by their products with keys themselves: q·(k·v), whose cost grows with the
    tokens and not with their square. ``fraction``: each product as a fraction of the sum of them all (Katharopoulos et al. 2020).
    """

    def __init__(self, heads: int, scale: float = 1.0, fraction: bool = False) -> None:
        super().__init__()
        self.heads, self.scale, self.fraction = heads, scale, fraction

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        parts = [x.flatten(2).transpose(1, 2) if x.ndim == 4 else x for x in values]
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for x in parts)
        mixed = q @ (k.transpose(-2, -1) @ v)
        if self.scale != 1:
            mixed = mixed * self.scale
        if self.fraction:
            mixed = mixed / ((q * k.sum(-2, keepdim=True)).sum(-1, keepdim=True) + 1e-5)
        mixed = mixed.transpose(-3, -2).flatten(-2)
        return mixed.transpose(1, 2).unflatten(2, values[0].shape[2:]) if values[0].ndim == 4 else mixed

    def extra_repr(self) -> str:
        return f"heads={self.heads}, fraction={self.fraction}"
