"""A package that is called like a function: ``archdsl.train(…)`` trains a spec, and ``archdsl.train.fit`` is a module in it."""

from __future__ import annotations

from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A package that stands for the function of its name in ``archdsl.notebook``."""

    def _function(self) -> Any:
        return getattr(import_module("archdsl.notebook"), self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)

    @property
    def __signature__(self) -> Signature:
        return signature(self._function())
