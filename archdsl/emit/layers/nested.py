"""Modules round a network ``f``."""

import torch
import torch.nn.functional as F
from torch import nn

from archdsl.emit.layers.drop import Phased


class Shared(nn.Module):
    """The same network several times, with one set of weights."""

    def __init__(self, f: nn.Module, times: int) -> None:
        super().__init__()
        self.f, self.times = f, times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            x = self.f(x)
        return x


class Ode(nn.Module):
    """The state at time ``t`` of dx/dt = f(x), from what arrives at time 0 (Chen et al. 2018). With ``time`` it is
    dx/dt = f(x, t): ``f`` takes one channel more, which is the time.

    ``euler``, ``midpoint`` and ``rk4`` (Kutta 1901) take ``steps`` equal steps. ``dopri5`` chooses its steps within
    ``rtol`` and ``atol``; it needs the package torchdiffeq. With ``adjoint`` its gradient comes from a second solve,
    backwards in time, in constant memory.
    """

    def __init__(
        self,
        f: nn.Module,
        t: float = 1.0,
        solver: str = "dopri5",
        steps: int = 4,
        rtol: float = 1e-3,
        atol: float = 1e-3,
        adjoint: bool = False,
        time: bool = False,
    ) -> None:
        super().__init__()
        self.f, self.t, self.solver, self.steps = f, t, solver, steps
        self.rtol, self.atol, self.adjoint, self.time = rtol, atol, adjoint, time

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.solver == "dopri5":
            return self.adaptive(x)
        h = self.t / self.steps
        for step in range(self.steps):
            t = step * h
            k = self.slope(t, x)
            if self.solver == "midpoint":
                k = self.slope(t + h / 2, x + h / 2 * k)
            elif self.solver == "rk4":
                k2 = self.slope(t + h / 2, x + h / 2 * k)
                k3 = self.slope(t + h / 2, x + h / 2 * k2)
                k = (k + 2 * k2 + 2 * k3 + self.slope(t + h, x + h * k3)) / 6
            x = x + h * k
        return x

    def slope(self, t: float | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """f at time ``t`` and state ``x``."""
        if not self.time:
            return self.f(x)
        dim = 1 if x.ndim == 4 else -1
        return self.f(torch.cat((x, torch.ones_like(x.narrow(dim, 0, 1)) * t), dim))

    def adaptive(self, x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(False):  # constants that are made by the import take part in later gradients
            import torchdiffeq

        times = torch.tensor([0.0, self.t], device=x.device)
        options = {"rtol": self.rtol, "atol": self.atol, "method": self.solver}
        if self.adjoint:
            weights = tuple(self.f.parameters())
            return torchdiffeq.odeint_adjoint(self.slope, x, times, **options, adjoint_params=weights)[-1]
        return torchdiffeq.odeint(self.slope, x, times, **options)[-1]

    def extra_repr(self) -> str:
        return f"t={self.t}, solver={self.solver}"


class DropConnect(Phased):
    """A network whose weights, not biases, are dropped while training (Wan et al. 2013), one mask a batch."""

    def __init__(self, f: nn.Module, p: float, early: float | None = None, late: float | None = None) -> None:
        super().__init__(p, early, late)
        self.f = f

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fixed = torch.compiler.is_compiling() or (x.is_cuda and torch.cuda.is_current_stream_capturing())
        if not self.training or (not fixed and self.rate == 0):
            return self.f(x)
        dropped, kept = self.parts()
        if fixed:
            keep = 1 - self.level
            weights = {k: w * ((torch.rand(w.shape, device=w.device) < keep) / keep) for k, w in dropped.items()}
        else:
            weights = {k: F.dropout(w, self.rate) for k, w in dropped.items()}
        rooms = [] if torch.compiler.is_compiling() else [m for m in self.f.modules() if isinstance(m, nn.RNNBase)]
        laid = [(module._flat_weights, module._flat_weight_refs) for module in rooms]
        # cuDNN lays what a recurrent layer has side by side: without copies of the biases it would move the parameters now, and
        # without what the layer remembers of them it would do so in the next call, from under a captured graph.
        try:
            return torch.func.functional_call(self.f, weights | {k: w.clone() for k, w in kept.items()}, (x,))
        finally:
            for module, (flat, refs) in zip(rooms, laid, strict=True):
                module._flat_weights, module._flat_weight_refs = flat, refs

    def parts(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """By name the weights that are dropped (scales are not), and the other parameters of recurrent layers."""
        dropped: dict[str, torch.Tensor] = {}
        kept: dict[str, torch.Tensor] = {}
        rooms = dict(self.f.named_modules())
        for name, weight in self.f.named_parameters():
            # The name of the weight, also of the first factor of one that is a product.
            plain = f".{name}".replace(".parametrizations.weight.original0", ".weight")[1:]
            room, _, last = plain.rpartition(".")
            module = rooms.get(room)
            named = last.startswith("weight") or last.endswith("weight")
            scales = any(kind.__name__ in ("LayerNorm", "LayerScale") for kind in type(module).__mro__)
            if named and weight.ndim > 1 and not scales:
                dropped[name] = weight
            elif isinstance(module, nn.RNNBase):
                kept[name] = weight
        return dropped, kept

    def extra_repr(self) -> str:
        return f"p={self.p}, early={self.early}, late={self.late}"
