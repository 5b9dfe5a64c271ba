"""How functions are called: what a source gives by name, and by the names of NumPy, as the operations here take it."""

from __future__ import annotations

from torch import fx

from archdsl.importer.ofweights import name_of

# Names that torch knows for one argument, and the one of them that is used here.
ALIKE = {"axis": "dim", "keepdims": "keepdim", "sections": "indices_or_sections", "indices": "indices_or_sections"}
# Names of arguments that operations here take by their place, behind the value itself.
PLACED: dict[str, tuple[str, ...]] = {
    "permute": ("dims",),
    "transpose": ("dim0", "dim1"),
    "swapaxes": ("axis0", "axis1"),
    "split": ("split_size",),
    "tensor_split": ("indices_or_sections",),
    "bmm": ("mat2",),
}


def placed(graph: fx.GraphModule) -> None:
    """Give each call of a graph its arguments as operations here take them."""
    for node in graph.graph.nodes:
        if node.op in ("call_function", "call_method", "call_module") and node.kwargs:
            _placed(node)


def _placed(node: fx.Node) -> None:
    name = "" if node.op == "call_module" else name_of(node.target).rstrip("_")
    named = {ALIKE.get(n, n) if name else n: v for n, v in node.kwargs.items()}
    args = list(node.args)
    for place, key in enumerate(("input", *PLACED.get(name, ("other",)))):
        if place == len(args) and key in named:
            args.append(named.pop(key))
    node.args, node.kwargs = tuple(args), named
