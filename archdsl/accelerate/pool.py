"""Max-pooling before ReLU instead of after it: the same numbers, and ReLU sees a quarter of the elements.

Both are monotone, so max(relu(x)) = relu(max(x)) to the bit. The gradients agree too: where the largest value is
positive, both orders send the gradient to its first place; elsewhere both send nothing.
"""

from __future__ import annotations

from torch import fx, nn

from archdsl.accelerate.native.holder import bare


def pool_first(model: fx.GraphModule) -> fx.GraphModule:
    """The net with every `relu maxpool` that nothing else reads swapped; the model itself where there is none."""
    graph = fx.Graph()
    moved: dict[fx.Node, fx.Node] = {}
    graph.output(graph.graph_copy(model.graph, moved))
    modules = dict(model.named_modules())
    pairs = [(relu, pool) for pool in graph.nodes if (relu := _relu_before(pool, modules)) is not None]
    for relu, pool in pairs:
        _swap(graph, relu, pool)
    if not pairs:
        return model
    graph.lint()
    return fx.GraphModule(model, graph, type(model).__name__)


def _relu_before(pool: fx.Node, modules: dict[str, nn.Module]) -> fx.Node | None:
    """The ReLU whose result goes to this pooling and nowhere else."""
    if _kind(pool, modules) is not nn.MaxPool2d or len(pool.args) != 1 or pool.kwargs:
        return None
    relu = pool.args[0]
    if not isinstance(relu, fx.Node) or _kind(relu, modules) is not nn.ReLU or len(relu.users) != 1:
        return None
    # With indices the pooling gives a pair.
    return None if getattr(modules[str(pool.target)], "return_indices", False) else relu


def _kind(node: fx.Node, modules: dict[str, nn.Module]) -> type | None:
    """The type of a module that has nothing attached to it: a hook would see other numbers."""
    module = modules[str(node.target)] if node.op == "call_module" else None
    return type(module) if module is not None and bare(module) else None


def _swap(graph: fx.Graph, relu: fx.Node, pool: fx.Node) -> None:
    source = relu.args[0]
    pool.replace_all_uses_with(relu)
    pool.args = (source,)
    relu.args = (pool,)
    pool.append(relu)
