"""The graph as text in the language itself: families, lets and modifiers unfolded, every argument that is not the
default written out. Reading it again gives the same experiment (names of unlabelled modules aside).
"""

from __future__ import annotations

from typing import Any

from archdsl.ir.nodes import Again, Fan, Mark, Node, Op, Ref, Seq
from archdsl.ir.symbol import CLASSES, QUOTIENT, Symbol
from archdsl.registry import params

_WIDTH = 100
_INDENT = "    "
_NODES = (Op, Seq, Fan, Mark, Ref, Again)


def text(node: Node, indent: str = "") -> str:
    """The text of a graph; long sequences are broken into lines inside their brackets."""
    return _body(node, indent) if isinstance(node, Seq) and not node.label else _one(node, indent)


def _body(node: Seq, indent: str) -> str:
    items = _items(node)
    return _broken(items, indent, " ") if items else "id"


def network(root: Node) -> str:
    """A graph as a statement: ``net (…)`` over as many lines as it needs."""
    line = text(root)
    if len(line) <= _WIDTH and "\n" not in line:
        return f"net {line}\n"
    return f"net (\n{_INDENT}{text(root, _INDENT)}\n)\n"


def _one(node: Node, indent: str) -> str:
    match node:
        case Op():
            return _labelled(node.label, call(node, indent))
        case Seq():
            inner = _body(node, indent + _INDENT)
            if "\n" in inner:
                inner = f"\n{indent}{_INDENT}{inner}\n{indent}"
            return _labelled(node.label, f"({inner})")
        case Fan(join=join, branches=branches):
            parts = [text(b, indent + _INDENT) for b in branches]
            flat = " | ".join(parts)
            own = _arguments(join, indent)
            if len(flat) > _WIDTH or "\n" in flat:
                inner = indent + _INDENT
                flat = f"\n{inner}{f' |{chr(10)}{inner}'.join(parts)}{',' if own else ''}\n{indent}"
                return _labelled(node.label, f"{join.name}({flat}{', '.join(own)})")
            return _labelled(node.label, f"{join.name}({', '.join([flat, *own])})")
        case Mark(name=name):
            return f"as {_plain_name(name)}"
        case Ref(name=name):
            return f"@{_plain_name(name)}"
        case Again(name=name):
            return f"again({name})" if name.isidentifier() else f'again("{name}")'


def _items(node: Seq) -> list[str | Node]:
    """The items of a sequence, anonymous ones inside it spliced in, equal neighbours folded to ``(…)*N``. So is what has labels
    inside, as ``(…)*1``: a block has names of its own."""
    flat = [x for item in node.items for x in _unfolded(item)]
    found: list[str | Node] = []
    at = 0
    while at < len(flat):
        end = at + 1
        while end < len(flat) and isinstance(same := flat[end], Seq) and not same.label and same == flat[at]:
            end += 1
        found += [flat[at]] if end == at + 1 and not _names(flat[at]) else [flat[at], f"*{end - at}"]
        at = end
    return found


def _names(node: Node) -> bool:
    """Whether a group without a name of its own contains labels, which the next group may contain, too."""
    return (
        isinstance(node, Seq)
        and not node.label
        and any(isinstance(x, Op | Seq | Fan) and x.label for item in node.items for x in _unfolded(item))
    )


def _unfolded(node: Node) -> list[Node]:
    if not isinstance(node, Seq) or node.label or node.name or node.role:
        return [_inner(node)]
    return [x for item in node.items for x in _unfolded(item)]


def _inner(node: Node) -> Node:
    """A sequence of one unlabelled sequence is that sequence."""
    while isinstance(node, Seq) and not node.label and len(node.items) == 1 and isinstance(only := node.items[0], Seq):
        if only.label:
            break
        node = only
    return node


def _broken(items: list[str | Node], indent: str, gap: str) -> str:
    parts: list[str] = []
    for item in items:
        if isinstance(item, str):
            parts[-1] += item
        else:
            parts.append(_one(item, indent))
    lines: list[str] = []
    for part in parts:
        if lines and "\n" not in lines[-1] and "\n" not in part and len(lines[-1]) + len(part) < _WIDTH - len(indent):
            lines[-1] += gap + part
        else:
            lines.append(part)
    return f"\n{indent}".join(lines)


def _labelled(label: str, body: str) -> str:
    return f"{label}: {body}" if label else body


def call(op: Op, indent: str = "") -> str:
    """A word with the arguments that are not its defaults."""
    inner = ", ".join(_arguments(op, indent))
    return f"{op.name}({inner})" if inner else op.name


def _arguments(op: Op, indent: str) -> list[str]:
    given = []
    leading = True
    for parameter, value in zip(params(op.entry), op.args, strict=True):
        if parameter.required and leading:
            given.append(_value(value, parameter.base, indent))
            continue
        leading = False
        if parameter.required or type(value) is not type(parameter.default) or value != parameter.default:
            given.append(f"{parameter.name}={_value(value, parameter.base, indent)}")
    return given


def _value(value: Any, base: str, indent: str) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case tuple() if base in ("ints", "floats"):
            return "[" + ", ".join(map(str, value)) + "]"
        case tuple():
            return "x".join(map(str, value))
        case str():
            return f'"{value}"' if base == "str" else str(value)
        case Symbol():
            return _symbol(value)
        case Op() | Seq() | Fan() | Mark() | Ref() | Again():
            return text(value, indent + _INDENT)
        case _:
            return repr(value)


def _symbol(value: Any) -> str:
    if not isinstance(value, Symbol):
        return str(value)
    if value.op == "cin":
        return "classes" if value.args[0] == CLASSES else "cin"
    args = [f"({_symbol(a)})" if isinstance(a, Symbol) and a.op != "cin" else _symbol(a) for a in value.args]
    if value.op == "neg":
        return f"(- {args[0]})"
    if value.op == QUOTIENT:
        return f"{args[0]}/{args[1]}"
    if value.op in ("+", "-", "*", "/", "//"):
        return f"{args[0]} {value.op} {args[1]}" if value.op in "+-" else f"{args[0]}{value.op}{args[1]}"
    return f"{value.op}({', '.join(map(_symbol, value.args))})"


def _plain_name(name: str) -> str:
    """Names of marks carry the scope in which they were made: ``3.x``."""
    return name if name.isidentifier() else "_" + name.replace(".", "_")
