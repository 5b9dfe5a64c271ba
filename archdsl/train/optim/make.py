"""The optimisers of the train words: what a word's ``build`` takes them from, and the form in which they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl.errors import NoSuchClass
from archdsl.files import classes_in
from archdsl.train.optim.light import light
from archdsl.train.optim.parts import Weight, hidden, weights_of
from archdsl.words.train.kinds import Optimizer

Groups = list[dict[str, Any]]


class Optim:
    """What the method ``build`` of an optimiser's word gets as ``optim``: all of ``torch.optim``, and what torch lacks.

    What torch lacks is a class of an optimiser in a file of this folder, and found by its name. If it has ``of_weights = True``,
    it is given the ``Weight`` of each of its parameters behind the groups.

    One call for all tensors (foreach, fused) instead of torch's loop over them on the CPU: the same arithmetic, and a
    step of Adam over 42 tensors takes 2 ms instead of 29 on two busy cores. On a GPU all that torch fuses is fused.
    That is sound here as nothing trains in fp16: a GradScaler, which fused SGD must not meet, is nowhere used.

    Args:
        model: whose parameters are trained.
        device: on which they are.
        held: learning rates and counters stay on the device, so that a step can be captured in a CUDA graph.
    """

    def __init__(self, model: nn.Module, device: torch.device, held: bool) -> None:
        self._weights = weights_of(model)
        wide = foreach(device)
        # The only device on which torch's optimisers allow it.
        capture = {"capturable": held and device.type == "cuda"}
        # torch's foreach form asks the host for a rate that is a tensor; the fused one does not.
        self.SGD = _form(torch.optim.SGD, **({"fused": True} if held or _fuses(device) else {"foreach": wide}))
        self.Adam = _form(torch.optim.Adam, fused=True, **capture)
        self.NAdam = _form(torch.optim.NAdam, foreach=wide, **capture)
        self.RMSprop = _form(torch.optim.RMSprop, foreach=wide, **capture)

    def __getattr__(self, name: str) -> Any:
        """What is called so here or in torch; optimisers in the form that does without torch's compiler."""
        found: Any = own_optimizer(name) or getattr(torch.optim, name, None)
        if found is None:
            raise NoSuchClass(
                f"no optimiser is called `{name}`: torch.optim has none, nor have we",
                help="write its class into a file of archdsl/train/optim; a package imports its own inside of `build`",
            )
        if not _is_optimizer(found):
            return found
        made = light(found)
        return partial(self._with_weights, made) if getattr(found, "of_weights", False) else made

    def hidden(self, groups: Groups) -> tuple[Groups, Groups]:
        """The groups divided: the weights between the first and the last one, and all other parameters."""
        own = {id(w.value) for w in hidden(self._weights)}
        parts = [
            [{**g, "params": [p for p in g["params"] if (id(p) in own) is inside]} for g in groups]
            for inside in (True, False)
        ]
        inner, outer = ([g for g in part if g["params"]] for part in parts)
        return inner, outer

    def _with_weights(self, kind: Any, groups: Groups, **settings: Any) -> torch.optim.Optimizer:
        """An optimiser over weights, whose filters are the rows of matrices."""
        places: dict[int, Weight] = {id(w.value): w for w in self._weights}
        made: torch.optim.Optimizer = kind(groups, [places[id(p)] for g in groups for p in g["params"]], **settings)
        return made


def own_optimizer(name: str) -> type[torch.optim.Optimizer] | None:
    """The class of an optimiser of that name in a file of this folder, or None."""
    home = classes_in(Path(__file__).parent).get(name)
    found = getattr(import_module(f"{__package__}.{home}"), name) if home is not None else None
    return found if _is_optimizer(found) else None


def _is_optimizer(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, torch.optim.Optimizer)


def make_optimizers(model: nn.Module, chosen: Optimizer, held: bool = False) -> list[torch.optim.Optimizer]:
    """The optimisers over all parameters that want a gradient; the rates of their groups are numbers.

    Args:
        held: as in ``Optim``.
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    if not wanted:
        return []
    made = chosen.build(Optim(model, wanted[0].device, held), [{"params": wanted, "lr": chosen.lr}])
    return list(made) if isinstance(made, Sequence) else [made]


def _form(kind: Any, **form: Any) -> Callable[..., torch.optim.Optimizer]:
    made: Callable[..., torch.optim.Optimizer] = light(kind)
    return partial(made, **form)


def _fuses(device: torch.device) -> bool:
    """Whether one kernel for all tensors pays: it does where a kernel's launch is dear. On the CPU fused SGD gained
    0.03 ms of a step of 16 (docs/benchmarks/README.md).
    """
    return device.type in ("cuda", "mps")


def foreach(device: torch.device) -> bool | None:
    """Whether torch has operators on lists of tensors there; where it has not, it refuses to be asked for them."""
    return True if device.type in ("cpu", "cuda") else None
