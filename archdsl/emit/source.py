"""Trace to a standalone ``model.py`` that needs torch alone, with the keys and the outputs of the built module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.emit.classes import sources, with_bases
from archdsl.emit.record import Expr, Recorder, value_names, written
from archdsl.registry import params
from archdsl.version import __version__

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace

_HEAD = '''"""{title}

Written by archdsl {version}. Takes (N, {input}), gives (N, {out}).
"""

import torch
import torch.nn.functional as F
from torch import nn
'''

_GROUP = '''
class Group(nn.Module):
    """Modules under names; the network's forward calls them."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
'''


def source(trace: Trace, title: str = "A network.") -> str:
    """The text of a Python file with a class ``Network``, a module whose state dict has the trace's paths.

    Args:
        title: the first line of the file's docstring.

    Raises:
        EnvError: layers of another package are not there.
    """
    writer = _Writer()
    network = writer.network(trace, "", "Network")
    safe = title.replace("\\", "\\\\").replace('"""', "'''").strip()
    head = _HEAD.format(title=safe, version=__version__, input=_plain(trace.input), out=_plain(trace.out))
    used = with_bases(writer.used)
    if "F." not in "".join(map(_layer_source, used)) and "F." not in network:
        head = head.replace("import torch.nn.functional as F\n", "")
    layers = "\n".join("\n" + _layer_source(name) for name in used)
    group = "\n" + _GROUP if "Group(" in "".join((*writer.classes, network)) else ""
    text = head + ("\n" + layers if layers else "") + group + "".join("\n\n" + c for c in (*writer.classes, network))
    return text if "torch." in text.split("from torch import nn\n", 1)[1] else text.replace("import torch\n", "", 1)


def _plain(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


class _Writer:
    """Collects the classes of bodies and the layers that the text uses."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.classes: list[str] = []

    def network(self, trace: Trace, prefix: str, name: str) -> str:
        tree: dict[str, Any] = {}
        names = value_names(trace)
        forward, made = [], set[str]()
        for index, row in enumerate(trace.rows):
            arguments = [Expr(names[i]) for i in row.inputs]
            if row.layer.module is not None:
                home = row.module or row.path
                path = home.removeprefix(prefix)
                if home not in made:
                    made.add(home)
                    _plant(tree, path.split("."), self.module(row))
                forward.append(f"{names[index]} = self.{path}({', '.join(map(str, arguments))})")
            else:
                forward.append(f"{names[index]} = {written(row, Recorder('torch'), *arguments)}")
        lines = [f"class {name}(nn.Module):", "    def __init__(self):", "        super().__init__()"]
        lines += [f"        self.{key} = {_show(part, 8)}" for key, part in tree.items()]
        lines += ["", "    def forward(self, x):", *(f"        {f}" for f in forward)]
        lines += [f"        return {names[trace.output]}", ""]
        return "\n".join(lines)

    def module(self, row: Row) -> str:
        pairs = zip(params(row.op.entry), row.op.args, strict=True)
        own = [p.name for p, a in pairs if p.base == "node" and a is not None]
        bodies = []
        for body, parameter in zip(row.bodies, own, strict=True):
            name = f"Body{len(self.classes) + 1}"
            self.classes.append("")  # inner bodies are numbered, and written, before this one is done
            at = len(self.classes) - 1
            self.classes[at] = self.network(body, f"{row.path}.{parameter}.", name)
            bodies.append(Expr(f"{name}()"))
        return written(row, Recorder("nn", self.used, sources()), *bodies)


def _plant(tree: dict[str, Any], path: list[str], text: str) -> None:
    for folder in path[:-1]:
        tree = tree.setdefault(folder, {})
    tree[path[-1]] = text


def _show(part: Any, indent: int) -> str:
    if isinstance(part, str):
        return part
    pad = " " * (indent + 4)
    inner = "".join(f"{pad}{key}={_show(p, indent + 4)},\n" for key, p in part.items())
    return f"Group(\n{inner}{' ' * indent})"


def _layer_source(name: str) -> str:
    return sources()[name] + "\n"
