"""A source's ``nn.Module``. Here the code of libraries runs, and of files only in a process of its own."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import warnings
from pathlib import Path
from typing import Any

from torch import nn

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError, suggest
from archdsl.foreign import prepare
from archdsl.importer.sources import Named

# What torchvision must be told to leave the heads out that only training uses, and not to draw weights slowly.
SETTINGS: dict[str, dict[str, object]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}
USUAL = (3, 224, 224)


def model(source: Named) -> tuple[nn.Module, tuple[int, ...]]:
    """The module of a source, and the input that it is published for (3x224x224 where nothing says).

    Raises:
        ArchError: there is no such network, or its code fails.
        EnvError: the library is not installed, or does not import here.
    """
    makers = {"torchvision": _torchvision, "timm": _timm}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return makers[source.kind](source.name) if source.kind in makers else (_file(source), USUAL)


def torchvision_names() -> list[str]:
    """Torchvision's classification networks."""
    from archdsl.emit.vision import import_torchvision

    models = import_torchvision().models
    return list(models.list_models(module=models))


def _torchvision(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    from archdsl.emit.vision import import_torchvision

    models, known = import_torchvision().models, torchvision_names()
    if name not in known:
        raise ArchError(
            f"torchvision has no classification network `{name[:60]}`",
            help=suggest(name[:60], known) or f"it has {', '.join(known[:6])}, …",
        )
    made: nn.Module = models.get_model(name, **SETTINGS.get(name, {}))
    size = getattr(made, "image_size", None) or _published(models.get_model_weights(name))
    return made, (3, size, size)


def _published(weights: Any) -> int:
    """The size at which torchvision's weights are evaluated, the smallest where there are several."""
    crops = [getattr(w.transforms, "keywords", {}).get("crop_size", USUAL[1]) for w in weights]
    return min(crops, default=USUAL[1])


def _timm(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    from archdsl.emit.vision import import_timm

    timm = import_timm()
    if not timm.is_model(name):
        raise ArchError(f"timm has no network `{name[:60]}`", help=suggest(name[:60], timm.list_models()))
    try:
        made: nn.Module = timm.create_model(name, scriptable=True)
    except Exception as error:  # a tag that the network has not, or code that fails
        check_memory(error)
        bare, _, tag = name.partition(".")
        known = timm.list_pretrained(f"{bare}.*") if tag else []
        raise ArchError(
            f"timm cannot make `{name[:60]}`: {type(error).__name__}: {error}",
            help=suggest(name[:60], known) or f"`timm:{bare}` has the same layers without the tag of weights",
        ) from error
    about: Any = made.default_cfg
    size = about.get("input_size", USUAL)
    return made, tuple(size)


def _file(source: Named) -> nn.Module:
    assert source.path is not None
    name, call = source.name.removesuffix("()"), source.name.endswith("()")
    scope = vars(_loaded(source.path))
    if name not in scope:
        mine = [
            n for n, v in scope.items() if inspect.isclass(v) and issubclass(v, nn.Module) and v.__module__ == "source"
        ]
        raise ArchError(
            f"{source.path} has no `{name}`", help=suggest(name, scope) or f"its modules are {', '.join(mine)}"
        )
    maker = scope[name]
    if isinstance(maker, nn.Module):
        return maker
    if not callable(maker):
        raise ArchError(
            f"`{name}` of {source.path} is not a module, class or function", help="name one that makes the module"
        )
    if not (call or inspect.isclass(maker)):
        raise ArchError(f"`{name}` of {source.path} is a function", help=f"write {source.path}:{name}() to call it")
    try:
        made = maker()
    except (Exception, SystemExit) as error:
        check_memory(error)
        raise ArchError(
            f"`{name}()` of {source.path} fails: {type(error).__name__}: {error}",
            help="it is called without arguments: give them defaults, or write a function that passes them",
        ) from error
    if not isinstance(made, nn.Module):
        raise ArchError(
            f"`{name}()` of {source.path} gives {type(made).__name__} and not an nn.Module", help="return the module"
        )
    return made


def _loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("source", path)
    if spec is None or spec.loader is None:
        raise ArchError(f"{path} is not a file of Python", help="name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["source"] = module
    sys.path.insert(0, str(path.resolve().parent))  # files import their neighbours
    prepare()
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        check_memory(error)
        raise ArchError(
            f"{path} cannot be run: {type(error).__name__}: {error}", help="`python FILE` shows where"
        ) from error
    return module
