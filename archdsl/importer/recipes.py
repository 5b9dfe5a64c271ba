"""Weights of words that are made of several tensors of a source, or of a part of one, entry by entry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:

    class _Torch:
        """Imports torch when something of it is asked for: block strings are converted without it."""

        def __getattr__(self, name: str) -> Any:
            import torch as found

            globals()["torch"] = found
            return getattr(found, name)

    torch = _Torch()


class Recipe(str):
    """Entries of tensors of the source that are a weight of a word. As a text it is a name that only equal recipes have."""

    names: tuple[str, ...]
    entries: Tensor

    def __new__(cls, names: tuple[str, ...], index: Tensor) -> Recipe:
        made = super().__new__(cls, "+".join(names) + "#" + hashlib.sha256(index.numpy().tobytes()).hexdigest()[:16])
        made.names, made.entries = names, index
        return made

    def of(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The weight, flat: the numbers of ``entries`` count through the flat tensors one after the other."""
        return torch.cat([tensors[n].reshape(-1) for n in self.names])[self.entries]


def tensor_of(tensors: Mapping[str, Tensor], source: str) -> Tensor:
    """The tensor that a source names."""
    return source.of(tensors) if isinstance(source, Recipe) else tensors[source]


def names_of(source: str) -> tuple[str, ...]:
    """The tensors of which a source is made."""
    return source.names if isinstance(source, Recipe) else (source,)
