"""Net expressions to IR nodes: words, families, lets, groups, repetitions, branches, marks and modifiers."""

from __future__ import annotations

from dataclasses import replace
from keyword import iskeyword

from archdsl.errors import SpecError, fail, suggest
from archdsl.expand.bind import bind, given, usage
from archdsl.expand.env import STATEMENTS, Env, arguments, collect, complete
from archdsl.expand.modify import apply_modifiers
from archdsl.expand.outputs import check_named
from archdsl.expand.own import own_family
from archdsl.expand.stages import stages
from archdsl.expand.values import still_open, value
from archdsl.ir.fans import OUTPUTS
from archdsl.ir.make import node_made, node_of
from archdsl.ir.nodes import Fan, Mark, Node, Op, Ref, Seq, children, count
from archdsl.ir.reserved import RESERVED_LABELS
from archdsl.ir.symbol import HERE, OWN, ArithmeticMisfit, Symbol, moved
from archdsl.limits import Limits
from archdsl.registry import Entry, find, names, params
from archdsl.syntax import ast
from archdsl.words.modifiers.walk import has_body


def network(expr: ast.Expr, env: Env) -> Node:
    """The node of a net expression.

    Raises:
        SpecError: every independent finding, each with its place.
    """
    env.budget.step(expr.span)
    match expr:
        case ast.Seq(items=items):
            return _sequence(items, expr, env)
        case ast.Word():
            return _word(expr, env)
        case ast.Group(body=body):
            return network(body, env)
        case ast.Label(name=name, body=body):
            return _labelled(name, network(body, env), expr)
        case ast.Ref(name=name):
            if name not in env.marks:
                inside = env.budget.marked.get(name)
                help = suggest(name, env.marks, "@") or f"name one with `… as {name}`"
                if inside is not None and inside.start < expr.span.start:
                    help = (
                        f"the `{name}` of {inside} is inside a branch or a let, and stays inside: name the value "
                        f"before the branches, and begin them with `@{name}`"
                    )
                raise fail("A214", f"no value is named `{name}` before this point", expr.span, help)
            env.budget.spend(1, expr.span)
            return Ref(env.marks[name], expr.span)
        case ast.Mark(name=name):
            env.budget.spend(1, expr.span)
            env.budget.marked[name] = expr.span
            return Mark(env.mark(name), expr.span)
        case ast.Binary(op="*", left=left, right=right):
            return _repeat(left, right, expr, env)
        case _:
            raise _no_network(expr)


def _no_network(expr: ast.Expr) -> SpecError:
    """What an expression is that is where a network should."""
    text = expr.span.text
    match expr:
        case ast.Modifier(sign=sign, name=name):
            return fail("A210", f"there is nothing before `{sign}{name}` to modify", expr.span)
        case ast.Hole():
            return still_open(expr, ": this is a space, not one network")
        case ast.Binary(op=op):
            return fail(
                "A217",
                f"`{op}` joins numbers, and here a network is needed",
                expr.span,
                "a modifier has a space before its sign and none behind it: `block +bn`" if op in "+-" else "",
            )
        case ast.Number() | ast.Cross():
            return fail(
                "A217",
                f"`{text}` is a number, and here a layer is needed",
                expr.span,
                f"for a convolution write `conv({text})`" if isinstance(expr, ast.Number) else "",
            )
        case _:
            return fail("A217", f"`{text}` is not a network", expr.span)


def _sequence(items: tuple[ast.Expr, ...], expr: ast.Expr, env: Env) -> Node:
    nodes: list[Node] = []
    errors: list[SpecError] = []
    memo = env.budget.memo if not env.tag else None  # inside a branch or a let, names may mean something else each time
    at = 0
    while at < len(items):
        item, end = items[at], at + 1
        while end < len(items) and isinstance(items[end], ast.Modifier):
            end += 1
        try:
            if memo:
                nodes.append(memo.term(items[at:end], env, _term))
            else:
                nodes.append(network(item, env) if end == at + 1 else _term(items[at:end], env))
        except SpecError as error:
            errors.append(error)
            env.budget.errors += 1
        at = end
    if memo is None:
        collect(errors)
    else:
        memo.errors += errors
    return Seq(tuple(nodes), span=expr.span)


def _term(term: tuple[ast.Expr, ...], env: Env) -> Node:
    node = network(term[0], env)
    mods = tuple(m for m in term[1:] if isinstance(m, ast.Modifier))
    return apply_modifiers(node, mods, env, network) if mods else node


def _labelled(name: str, node: Node, expr: ast.Label) -> Node:
    if isinstance(node, Op | Seq | Fan):
        if name in RESERVED_LABELS or iskeyword(name) or name.startswith("_"):
            what = "a Python keyword" if iskeyword(name) else "a name that every torch module has"
            what = "a name reserved by torch" if name.startswith("_") else what
            raise fail(
                "A212", f"`{name}` cannot be a label: it is {what}", expr.span, f"write `{name.strip('_') or 'part'}_:`"
            )
        return Seq((node,), label=name, span=expr.span) if node.label else replace(node, label=name)
    raise fail("A217", f"the label `{name}` has no module to name", expr.span, "label a word or a group")


def _repeat(left: ast.Expr, right: ast.Expr, expr: ast.Expr, env: Env) -> Node:
    times = value(right, env)
    if isinstance(times, Symbol) or not isinstance(times, int) or isinstance(times, bool):
        raise fail("A208", "a repetition takes a whole number that is known before shapes are", right.span)
    if times == 0 and not isinstance(right, ast.Number):
        network(left, env.branch())  # said to be nothing, it must still make sense
        return Seq((), span=expr.span)  # `next(c)*(d - 1)` of a stage of depth 1
    if not 1 <= times <= Limits.REPEAT:
        raise fail(
            "A403",
            f"a repetition is from 1 to {Limits.REPEAT:,}, not {times}",
            right.span,
            "a count that comes out as 0, like `*(d-1)`, is the empty network" if times == 0 else "",
        )
    before = env.budget.layers
    body = network(left, env)
    env.budget.spend((env.budget.layers - before) * (times - 1), expr.span)
    unit = body if has_body(body) else Seq((body,), role="body")
    block = Seq((unit,), role="block", name="block", span=expr.span)
    return Seq((block,) * times, span=expr.span)


def _word(expr: ast.Word, env: Env) -> Node:
    if expr.name in env.locals:
        return _parameter(expr, env)
    if expr.name in env.lets:
        return _let(expr, env)
    entry = find("net", expr.name)
    if entry is None:
        raise fail("A201", f"unknown word `{expr.name}`", expr.span, _unknown(expr.name, env))
    env.budget.spend(1, expr.span)
    if entry.kind == "family":
        return _family(expr, entry, env)
    if expr.stages is not None:
        raise fail("A215", f"`{entry.name}` is not a family and takes no stages", expr.span, usage(entry))
    if entry.kind == "join":
        return _join(expr, entry, env)
    args = bind(entry, expr.args, env, expr, _branch)
    own = tuple([moved(a, OWN, HERE) for a in args]) if entry.kind == "block" else args
    try:
        node = node_of(entry, own, expr.span)
        if isinstance(node, Fan) and own != args:  # it has no scope of its own
            node = node_of(entry, args, expr.span)
    except ArithmeticMisfit as error:
        raise fail("A208", str(error), expr.span) from None
    if not isinstance(node, Op):
        env.budget.spend(count(node), expr.span)
    return node


def _unknown(name: str, env: Env) -> str:
    from archdsl.registry.synonyms import synonym  # a large table, for errors alone

    if (modifier := find("modifier", name)) is not None:
        return f"`+{name}` is a modifier and follows the term that it changes: `{modifier.examples[0]}`"
    if name in STATEMENTS:
        return "a statement begins at the left margin; an indented line continues the statement above it"
    for space in ast.SETTINGS:
        if find(space, name) is not None:
            return f"`{name}` belongs in a `{space}` statement"
    known = [*names("net"), *env.lets, *env.locals]
    return synonym(name, known) or suggest(name, known) or "`archdsl words` lists all; `let` defines one of your own"


def _branch(expr: ast.Expr, env: Env) -> Node:
    if isinstance(expr, ast.Branches):
        raise fail("A204", "one network is wanted here, not branches", expr.span, "`cat(a | b)` joins branches")
    return network(expr, env.branch())


def _join(expr: ast.Word, entry: Entry, env: Env) -> Node:
    given = expr.args or ()
    if not given or isinstance(given[0], ast.Keyword):
        raise fail("A206", f"`{entry.name}` needs branches", expr.span, f"write `{entry.name}(a | b)`")
    branches = given[0].items if isinstance(given[0], ast.Branches) else (given[0],)
    nodes, errors = [], []
    for branch in branches:
        try:
            nodes.append(network(branch, env.branch()))
        except SpecError as error:
            errors.append(error)
    collect(errors)
    if OUTPUTS in entry.traits:
        check_named(expr, entry.name, nodes)
    args = bind(entry, given[1:], env, expr, _branch)
    join = node_of(entry, args, expr.span)
    assert isinstance(join, Op)
    return Fan(join, tuple(nodes), name=entry.name, span=expr.span)


def _family(expr: ast.Word, entry: Entry, env: Env) -> Node:
    if expr.stages is None:
        raise fail(
            "A215", f"the family `{entry.name}` needs its stages", expr.span, f"for example `{entry.examples[0]}`"
        )
    args = bind(entry, expr.args, env, expr, _branch)
    common = {p.name: a for p, a in zip(params(entry), args, strict=True)}
    listed = stages(expr, common, lambda stage: given(entry, stage.args, env, stage, _branch), env)
    try:
        node = node_made(entry, listed, *args)
    except ArithmeticMisfit as error:
        raise fail("A208", str(error), expr.span) from None
    env.budget.spend(count(node), expr.span)
    if isinstance(node, Seq):
        return replace(node, name=entry.name, span=expr.span, call=entry.name, scope=HERE)
    return Seq((node,), name=entry.name, span=expr.span, call=entry.name, scope=HERE)


def _let(expr: ast.Word, env: Env) -> Node:
    let = env.lets[expr.name]
    if expr.stages is not None:
        return own_family(let, expr, env, network)
    given = arguments(let, expr.args, env, expr.span)
    inner = env.enter(let, given, expr.span)
    for closure in given.values():
        closure.scope = inner.scope
    complete(let, inner.locals, inner, expr.span)
    try:
        body = network(let.body, inner)
    except SpecError as error:
        raise error.within(f"`{let.name}`", expr.span) from None
    if isinstance(body, Op) and not body.dynamic and not children(body):
        return body  # `let norm = gn(8)` is another name of a layer, and modifiers know it as one
    return Seq((body,), name=let.name, scope=inner.scope, call=f"`{let.name}`", span=expr.span)


def _parameter(expr: ast.Word, env: Env) -> Node:
    if expr.args is not None or expr.stages is not None:
        raise fail("A207", f"the parameter `{expr.name}` takes no arguments", expr.span)
    closure = env.locals[expr.name]
    if "node" not in closure.cache:
        closure.cache["node"] = network(closure.expr, closure.env.branch())
    node: Node = closure.cache["node"]
    env.budget.spend(count(node), expr.span)
    return node
