"""The tree as text, broken into lines where a person would; ``archdsl.syntax.format`` does the rest."""

from __future__ import annotations

from typing import Any

from archdsl.importer.tree import (
    Again,
    Fan,
    Group,
    Item,
    Items,
    Labelled,
    Let,
    Mark,
    Net,
    Ref,
    Times,
    Var,
    Word,
    is_items,
)
from archdsl.registry import entries, find, params

WIDTH = 104
NARROW = 72  # of a line with a family, which is alone in a longer one
# Arguments that a reader knows by their place, as long as none before them is left out.
PLACED = frozenset(
    {
        "out",
        "k",
        "groups",
        "p",
        "size",
        "heads",
        "i",
        "n",
        "to",
        "factor",
        "start",
        "end",
        "by",
        "slope",
        "r",
        "f",
        "reduce",
        "middle",
        "reduce2",
        "wide",
        "pool",
    }
)
LIGHT = frozenset({"act", "norm", "drop", "pool"})


def shown(net: Net) -> str:
    """The statements of a network: its lets, and ``net``."""
    lets = [_let(let) for let in net.lets]
    line = sequence(net.items)
    if len(line) + 4 > (NARROW if any(_staged(i) for i in net.items) else WIDTH):
        line = _continued(broken(net.items))
    return "\n".join([*lets, *([""] if lets else []), f"net {line}", ""])


def _let(let: Let) -> str:
    given = ", ".join(n if d is None else f"{n}={value(d)}" for n, d in let.params)
    head = f"let {let.name}({given}) = " if let.params else f"let {let.name} = "
    line = sequence(let.body)
    return head + (line if len(head) + len(line) <= WIDTH else _continued(broken(let.body)))


def _continued(text: str) -> str:
    """Lines outside brackets continue with a statement where they are indented."""
    return text.replace("\n", "\n    ")


def sequence(items: Items) -> str:
    """Items on one line."""
    return " ".join(map(line, items)) if items else "id"


def line(item: Item) -> str:
    """An item on one line."""
    match item:
        case Word():
            label = f"{item.label}: " if item.label else ""
            return label + item.name + (f"[{item.stages}]" if item.stages else "") + _brackets(_arguments(item))
        case Fan(join=join, branches=branches):
            return f"{join}({', '.join([' | '.join(map(sequence, branches)), *_joining(item)])})"
        case Times(body=body, count=count):
            return (sequence(body) if _single(body) else f"({sequence(body)})") + f"*{_count(count)}"
        case Group(body=body, modifiers=modifiers):
            return " ".join([sequence(body) if _single(body) else f"({sequence(body)})", *modifiers])
        case Labelled(name=name, body=body):
            return f"{name}: " + (sequence(body) if _single(body) else f"({sequence(body)})")
        case Again(name=name):
            return f"again({name})"
        case Mark(name=name):
            return f"as {name}"
        case Ref(name=name):
            return f"@{name}"


def broken(items: Items) -> str:
    """Items over several lines: those that are long or made of others are on lines of their own."""
    lines: list[str] = []
    heavy = True
    for item in items:
        text = line(item)
        if len(text) > WIDTH - 8:
            text = _opened(item)
        alone = "\n" in text or len(text) > WIDTH // 2 or _staged(item)
        full = not lines or heavy or alone or len(lines[-1]) + len(text) >= WIDTH - 8
        if full and not (lines and "\n" not in lines[-1] and _light(item)):
            lines.append(text)
        else:
            lines[-1] += " " + text
        heavy = alone or _closing(item)
    return "\n".join(lines)


def _opened(item: Item) -> str:
    match item:
        case Fan(join=join, branches=branches):
            parts = [sequence(b) if len(sequence(b)) < WIDTH - 12 else broken(b) for b in branches]
            return f"{join}(\n" + "\n| ".join(parts) + "".join(f", {a}" for a in _joining(item)) + "\n)"
        case Times(body=body, count=count):
            return f"(\n{broken(body)}\n)*{_count(count)}"
        case Group(body=body, modifiers=modifiers):
            inner = _opened(body[0]) if _single(body) else f"(\n{broken(body)}\n)"
            return " ".join([inner, *modifiers])
        case Labelled(name=name, body=body):
            return f"{name}: (\n{broken(body)}\n)"
        case Word(stages=stages) if stages:
            return f"{item.name}[\n{_filled(stages)}\n]" + _brackets(_arguments(item))
        case Word(args=args) if any(is_items(v) for _, v in args):
            parts = [
                f"{n}=\n{broken(v)}" if i else broken(v) if is_items(v) else value(v) for i, (n, v) in enumerate(args)
            ]
            return f"{item.name}(\n" + ",\n".join(parts) + "\n)"
        case _:
            return line(item)


def _filled(stages: str) -> str:
    lines = [""]
    for part in stages.split(", ") if "(" not in stages else _stages(stages):
        if len(lines[-1]) + len(part) > WIDTH - 16:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + part + ","
    return "\n".join(lines).removesuffix(",")


def _stages(text: str) -> list[str]:
    """A stage list cut at the commas outside of brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts]


def _staged(item: Item) -> bool:
    """Whether an item is a family."""
    return (isinstance(item, Word) and bool(item.stages)) or (
        isinstance(item, Group) and len(item.body) == 1 and _staged(item.body[0])
    )


def _light(item: Item) -> bool:
    """What stays on the line of the layer before it."""
    entry = find("net", item.name) if isinstance(item, Word) and not item.stages else None
    return entry is not None and bool(entry.traits & LIGHT) and "pool" not in entry.traits


def _closing(item: Item) -> bool:
    """What ends a line: a pooling."""
    entry = find("net", item.name) if isinstance(item, Word) else None
    return entry is not None and "pool" in entry.traits and item.name in ("maxpool", "avgpool")  # type: ignore[union-attr]


def _single(body: Items) -> bool:
    return len(body) == 1 and isinstance(body[0], Word | Fan | Again)


def _count(count: Any) -> str:
    return f"({count.text})" if isinstance(count, Var) else str(count)


def _joining(fan: Fan) -> list[str]:
    """The arguments behind the branches of a join."""
    return _arguments(Word(fan.join, fan.args))


def _brackets(parts: list[str]) -> str:
    return f"({', '.join(parts)})" if parts else ""


def _arguments(item: Word) -> list[str]:
    entry = find("net", item.name)
    if entry is None:  # a let: those that touch by place, then those with names
        return [value(v) if n.isdigit() else f"{n}={value(v)}" for n, v in item.args]
    given, flags = dict(item.args), {p.name: p.flag for p in params(entry)}
    parts, leading = [], not item.stages  # a family's arguments have names
    for p in params(entry):
        if p.name not in given:
            leading = False
        elif given[p.name] is True and flags[p.name] is True and not p.optional:
            parts.append(p.name)
        elif leading and p.name in PLACED and (item.name, p.name) != ("inception", "k"):
            parts.append(value(given[p.name]))
        else:
            leading = False
            parts.append(f"{p.name}={value(given[p.name])}")
    return parts


def value(given: Any) -> str:
    """A value of an argument."""
    match given:
        case bool():
            return str(given).lower()
        case None:
            return "none"
        case Var(text=text):
            return text
        case float():
            return number(given)
        case tuple() if is_items(given):
            return sequence(given)
        case tuple() if len(given) == 2:
            return "x".join(map(str, given))
        case tuple():
            return "[" + ", ".join(map(str, given)) + "]"
        case _:
            return str(given)


def number(given: float) -> str:
    """A float in the shortest form that reads back the same: 1e-3, 0.2."""
    text = repr(given)
    mantissa, _, exponent = f"{given:e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    small = 0 < abs(given) < 0.01
    return short if small and float(short) == given else text


def known_words() -> frozenset[str]:
    """Every word, so that no let takes the name of one."""
    return frozenset(e.name for e in entries())
