"""Values under tracing."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from torch import fx

GOT = "got"  # where a node's meta holds what it gave


def got(node: fx.Node) -> Any:
    """What a node gave for the example."""
    return node.meta.get(GOT)


class Value(fx.Proxy):
    """A value under tracing. ``x += y`` changes x itself, and whoever holds it sees that; fx alone would read ``x + y``."""

    tracer: fx.Tracer

    def _inplace(self, operation: Any, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operation, (self, other), {})

    def __iadd__(self, other: Any) -> fx.Proxy:  # type: ignore[misc]
        return self._inplace(operator.iadd, other)

    def __isub__(self, other: Any) -> fx.Proxy:  # type: ignore[misc]
        return self._inplace(operator.isub, other)

    def __imul__(self, other: Any) -> fx.Proxy:  # type: ignore[misc]
        return self._inplace(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:  # type: ignore[misc]
        return self._inplace(operator.itruediv, other)


class Sized(Value):
    """A value whose sizes are those of the example, so that code may decide by them and loop over them."""

    @property
    def shape(self) -> Any:
        return self._known("shape")

    @property
    def ndim(self) -> Any:
        return self._known("ndim")

    @property
    def dtype(self) -> Any:
        return self._known("dtype")

    @property
    def device(self) -> Any:
        return self._known("device")

    @property
    def is_nested(self) -> Any:
        return self._known("is_nested")

    def size(self, dim: int | None = None) -> Any:
        shape = self._known("shape")
        return shape if dim is None else shape[dim]

    def dim(self) -> Any:
        return self._known("ndim")

    def numel(self) -> Any:
        return self._known("shape").numel()

    def __len__(self) -> int:
        return len(got(self.node))

    def __iter__(self) -> Iterator[Any]:
        parts: Any = self
        return iter([parts[i] for i in range(len(self))])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})

    def _known(self, name: str) -> Any:
        """An attribute of what the node gave."""
        return getattr(got(self.node), name)
