"""Arguments meet a word's parameters: the one place that checks what was written against a signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.errors import SpecError, fail, suggest
from archdsl.expand.env import Env, collect
from archdsl.expand.values import Name, value
from archdsl.ir.symbol import Symbol
from archdsl.registry import MISSING, Arg, Entry, defaults, find, params
from archdsl.registry.layer_range import LayerRange
from archdsl.syntax import ast

ARITHMETIC = ("A208", "A218", "A406")  # what is wrong with a value, which a network cannot be
Expand = Callable[[ast.Expr, Env], Any]


def bind(entry: Entry, args: tuple[ast.Expr, ...] | None, env: Env, at: ast.Expr, network: Expand) -> tuple[Any, ...]:
    """The arguments in the order of the signature, defaults filled in.

    Raises:
        SpecError: A204–A209; several at once where several arguments are wrong.
    """
    if not args and (alone := defaults(entry)) is not None:
        return alone
    known = params(entry)
    given = matched(entry, args, at, env)
    values, errors = [], []
    for parameter in known:
        if parameter.name not in given:
            if parameter.required:
                errors.append(
                    fail(
                        "A206",
                        f"`{entry.name}` needs `{parameter.name}`, {parameter.describe()}",
                        at.span,
                        usage(entry),
                    )
                )
            values.append(parameter.default)
            continue
        expr = given[parameter.name]
        try:
            values.append(parameter.flag if expr is None else convert(parameter, expr, entry, env, network))
        except SpecError as error:
            errors.append(error)
    collect(errors)
    return tuple(values)


def matched(entry: Entry, args: tuple[ast.Expr, ...] | None, at: ast.Expr, env: Env) -> dict[str, ast.Expr | None]:
    """Expressions by parameter name; None for a flag that is alone."""
    known = params(entry)
    names = [p.name for p in known]
    flags = {p.name for p in known if p.flag is not MISSING}
    many = next((p.name for p in known if p.base == "blocks"), "")  # takes all arguments without a name
    given: dict[str, ast.Expr | None] = {}
    for arg in args or ():
        expr: ast.Expr | None = arg
        if isinstance(arg, ast.Keyword):
            name, expr = arg.name, arg.value
            if name not in names:
                raise _no_argument(entry, arg, names)
        elif isinstance(arg, ast.Word) and arg.args is None and arg.stages is None and arg.name in flags:
            name, expr = arg.name, arg if _is_given(arg, env) else None
        elif many in given and isinstance(before := given.pop(many), ast.Expr):
            items = before.items if isinstance(before, ast.Tuple) else (before,)
            name, expr = many, ast.Tuple((*items, arg), arg.span)
        else:
            free = [n for n in names if n not in given]
            if not free:
                raise fail(
                    "A207",
                    f"`{entry.name}` takes {len(names) or 'no'} arguments{' at most' if names else ''}",
                    arg.span,
                    usage(entry),
                )
            name = free[0]
        if name in given:
            raise fail("A205", f"`{name}` is given twice", arg.span)
        given[name] = expr
    return given


def _is_given(flag: ast.Word, env: Env) -> bool:
    """Whether a flag's name is that of a parameter or of a let here that has a value, and not again the word itself."""
    if flag.name not in env.locals and flag.name not in env.lets:
        return False
    try:
        found = value(flag, env)
    except SpecError as error:
        if any(d.code in ARITHMETIC for d in error.diagnostics):
            raise
        return False  # a network
    network = isinstance(found, Name) and find("net", found) is not None
    return not network and bool(found != flag.name)


def _no_argument(entry: Entry, arg: ast.Keyword, names: list[str]) -> SpecError:
    from archdsl.registry.synonyms import ARGUMENTS, synonym  # a large table, for errors alone

    help = synonym(arg.name, names, ARGUMENTS) or suggest(arg.name, names) or usage(entry)
    return fail("A204", f"`{entry.name}` has no argument `{arg.name}`", arg.span, help)


def given(entry: Entry, args: tuple[ast.Expr, ...] | None, env: Env, at: ast.Expr, network: Expand) -> dict[str, Any]:
    """The arguments that are written, by name, without defaults: those of a stage.

    Raises:
        SpecError: A204–A209.
    """
    known = {p.name: p for p in params(entry)}
    return {
        name: known[name].flag if expr is None else convert(known[name], expr, entry, env, network)
        for name, expr in matched(entry, args, at, env).items()
    }


def convert(parameter: Arg, expr: ast.Expr, entry: Entry, env: Env, network: Expand) -> Any:
    """One expression as the parameter's type, within its bounds."""
    if parameter.base == "node":
        return network(expr, env)
    if parameter.base == "layers":
        return layer_range(parameter, expr, entry)
    if isinstance(expr, ast.LayerRange):
        raise fail(
            "A208",
            f"`{parameter.name}` of `{entry.name}` is {parameter.describe()}, not a range of layers",
            expr.span,
            usage(entry),
        )
    if parameter.base == "source" and isinstance(expr, ast.Seq):
        return _arm(parameter, expr, entry)
    if isinstance(expr, ast.Branches):
        raise fail("A204", f"`{entry.name}` takes no branches", expr.span, usage(entry))
    raw = value(expr, env)
    if parameter.optional and isinstance(raw, Name) and raw in ("none", "auto"):
        return None
    result = _blocks(parameter, raw) if parameter.base in ("block", "blocks") else _typed(parameter, raw)
    if result is None:
        shown = expr.span.text.strip()
        help = suggest(str(raw), (*parameter.choices, *env.locals, *env.lets)) if isinstance(raw, Name) else ""
        if parameter.flag is not MISSING and shown == parameter.name:
            help = f"`{shown}` is a let or a parameter here; for the flag write `{shown}={_plain(parameter.flag)}`"
        raise fail(
            "A208",
            f"`{parameter.name}` of `{entry.name}` is {parameter.describe()}, not `{shown}`",
            expr.span,
            help or usage(entry),
        )
    parts = result if isinstance(result, tuple) and parameter.base == "size" else (result,)
    for part in parts:
        if parameter.range and isinstance(part, int | float) and not parameter.range.holds(part):
            raise fail("A209", f"`{parameter.name}` of `{entry.name}` must be {parameter.range}, not {part}", expr.span)
    return result


def layer_range(parameter: Arg, expr: ast.Expr, entry: Entry) -> LayerRange:
    """Labels as they are written: names of modules, whatever a let of the same name means. A path with dots is in
    quotes.
    """
    ends = (expr.first, expr.last) if isinstance(expr, ast.LayerRange) else (expr, expr)
    found = []
    for end in ends:
        if isinstance(end, ast.Hole):
            raise fail("A216", "a choice is still open here", end.span, "to pick one, write it")
        if isinstance(end, ast.Word) and end.args is None and end.stages is None:
            found.append(end.name)
        elif isinstance(end, ast.String):
            found.append(end.value)
        else:
            raise fail(
                "A208",
                f"`{parameter.name}` of `{entry.name}` is {parameter.describe()}, not `{expr.span.text.strip()}`",
                expr.span,
                usage(entry),
            )
    return LayerRange(found[0], found[1], (ends[0].span, ends[1].span))


def _typed(parameter: Arg, raw: Any) -> Any:
    """The raw value as the parameter's type, or None. An integer serves where a float is wanted, never the reverse."""
    if isinstance(raw, Symbol):
        return raw if parameter.base in ("int", "size") else None
    match parameter.base, raw:
        case ("bool", bool()) | ("enum" | "str" | "act" | "source", Name()) | ("str" | "source", str()):
            allowed = {"enum": lambda: raw in parameter.choices, "act": lambda: _is_activation(raw)}
            return raw if allowed.get(parameter.base, lambda: True)() else None
        case _, bool() | str():
            return None
        case ("int", int()) | ("amount", int() | float()):
            return raw
        case (("float" | "share"), (int() | float())):
            return float(raw)
        case "size", int():
            return raw
        case "size", (int(), int()):
            return raw if raw[0] != raw[1] else raw[0]
        case (("ints" | "floats" | "shape"), _):
            return _numbers(parameter.base, raw)
        case _:
            return None


def _numbers(base: str, raw: Any) -> tuple[Any, ...] | None:
    """Several numbers, of which a list may have one alone."""
    items = raw if isinstance(raw, tuple) else () if base == "shape" else (raw,)
    kind: Any = (int, float) if base == "floats" else int
    if not items or not all(isinstance(i, kind) for i in items):
        return None
    return tuple(map(float, items)) if base == "floats" else items


def _arm(parameter: Arg, expr: ast.Seq, entry: Entry) -> str:
    """``arm NAME`` as the string that means it; a name that is not a word is in quotes."""
    match expr.items:
        case (ast.Word(name="arm", args=None, stages=None), ast.Word(name=name, args=None, stages=None)):
            return f"arm:{name}"
        case (ast.Word(name="arm", args=None, stages=None), ast.String(value=name)):
            return f"arm:{name}"
        case _:
            raise fail(
                "A208",
                f"`{parameter.name}` of `{entry.name}` is {parameter.describe()}, not `{expr.span.text.strip()}`",
                expr.span,
                'a name with signs is in quotes: arm "wd=1e-4"',
            )


def _blocks(parameter: Arg, raw: Any) -> Any:
    """Numbers and labels of blocks, or one of them; None where it is something else."""
    parts = raw if isinstance(raw, tuple) else (raw,)
    if not all(type(p) is int or isinstance(p, str) for p in parts):
        return None
    return parts if parameter.base == "blocks" else raw if parts == (raw,) else None


def _is_activation(name: str) -> bool:
    """Whether this is the name of a layer with the trait ``act`` that needs no argument."""
    entry = find("net", name)
    return entry is not None and "act" in entry.traits and defaults(entry) is not None


def usage(entry: Entry) -> str:
    """How the word is written, from its signature."""
    parts = []
    for p in params(entry):
        default = "" if p.required or p.default is None else f"={_plain(p.default)}"
        parts.append(p.name if p.required else f"[{p.name}{default}]")
    stages = "[…]" if entry.kind == "family" else ""
    branches = "a | b" if entry.kind == "join" else ""
    inner = ", ".join(filter(None, [branches, *parts]))
    sign = "+" if entry.kind == "modifier" else ""
    return f"usage: `{sign}{entry.name}{stages}{f'({inner})' if inner else ''}`"


def _plain(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
