"""Values of a graph that one node alone reads, followed from node to node; what one call replaces is such a chain."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from archdsl.accelerate.native.holder import free

Knows = Callable[[nn.Module], bool]


@dataclass(frozen=True)
class Chain:
    """The nodes that one call of ``form`` replaces, in order; what arrives, and what is added."""

    nodes: tuple[fx.Node, ...]
    arrives: fx.Node
    skip: fx.Node | None
    form: nn.Module


@dataclass(frozen=True)
class Chains:
    """Follows the values of a graph, whose modules are given by name."""

    modules: Mapping[str, nn.Module]

    def module(self, node: Any) -> nn.Module | None:
        """The module that a node calls on one value; None where it does something else."""
        called = isinstance(node, fx.Node) and node.op == "call_module" and len(node.args) == 1
        return self.modules.get(str(node.target)) if called else None

    def behind(self, node: fx.Node, knows: Knows) -> tuple[fx.Node, nn.Module | None]:
        """What reads a value alone, where that is a module that is known, and the module; else the value itself."""
        user = next(iter(node.users)) if len(node.users) == 1 else None
        module = self.module(user)
        return (user, module) if user is not None and module is not None and knows(module) else (node, None)

    def ahead(self, node: fx.Node, knows: Knows) -> tuple[fx.Node, nn.Module | None]:
        """What a node alone reads, where that is a module that is known, and the module; else the node itself."""
        before = node.args[0]
        module = self.module(before)
        known = module is not None and isinstance(before, fx.Node) and len(before.users) == 1 and knows(module)
        return (before, module) if known else (node, None)  # type: ignore[return-value]


def added(node: fx.Node) -> tuple[fx.Node, fx.Node | None]:
    """The sum of a value and another one, where nothing else reads the value, and that other one; else the value and None."""
    user = next(iter(node.users)) if len(node.users) == 1 else None
    if user is None or user.op != "call_function" or user.target is not operator.add or len(user.args) != 2:
        return node, None
    others = [other for other in user.args if other is not node]
    return (user, others[0]) if len(others) == 1 and isinstance(others[0], fx.Node) else (node, None)


def replace(net: fx.GraphModule, chain: Chain) -> None:
    """Put the call of a chain in its place."""
    *_, last = chain.nodes
    with net.graph.inserting_before(last):  # behind the skip
        name = free(net, "answering")
        net.add_module(name, chain.form)
        made = net.graph.call_module(name, (chain.arrives, *([] if chain.skip is None else [chain.skip])))
    last.replace_all_uses_with(made)
    for old in reversed(chain.nodes):
        net.graph.erase_node(old)
