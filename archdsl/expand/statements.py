"""The statements of a file: lets and includes gathered, one of each other kind, settings bound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError, Diagnostic, Fix, Span, SpecError, fail, suggest
from archdsl.expand.env import RESERVED, Budget, Env, collect
from archdsl.expand.graph import Declared, Graph, Setting
from archdsl.expand.include import library
from archdsl.expand.network import network
from archdsl.expand.settings import settings
from archdsl.expand.values import value
from archdsl.ir.nodes import Seq
from archdsl.registry import find
from archdsl.registry.shapes import Ids
from archdsl.syntax import ast
from archdsl.words.tasks import TASKS, Task, task_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.expand.memo import Memo
    from archdsl.registry.types import Shape

INPUT = (
    "an image is `input 3x32x32` (channels first), a vector `input 64`, and 128 ids below 256 are `input 128 ids(256)`"
)


def expand(file: ast.File, memo: Memo | None = None, declared: Declared | None = None) -> Graph:
    """Expand a parsed file. With a ``memo``, errors go there, and the graph is what could be made of the rest. ``declared``
    is what the data set says of the network; it is asked otherwise.

    Raises:
        SpecError: every independent finding (A1xx, A2xx, A4xx), each with its place.
    """
    errors: list[SpecError] = []
    if memo is not None:
        errors = memo.errors = []
    lets = _lets(file, errors, library if memo is None else memo.include)
    if memo is not None:
        memo.begin(lets)
    env = Env(lets, Budget(memo=memo))
    one = _singles(file, errors)
    net = one.get("net") or one.get("bare")
    graph: dict[str, Any] = {"root": Seq(()), "input": None, "classes": None, "task": None}
    graph |= {"data": (), "train": (), "evaluate": ()}
    for name, make in (
        ("root", lambda: network(_required(net, file).body, env)),
        ("input", lambda: _input(one.get("input"), env)),
        ("classes", lambda: _classes(one.get("classes"), env)),
        ("task", lambda: _task(one.get("task"))),
        ("data", lambda: settings("data", one.get("data"), env)),
        ("train", lambda: settings("train", one.get("train"), env)),
        ("evaluate", lambda: settings("evaluate", one.get("evaluate"), env)),
    ):
        try:
            graph[name] = make()
        except SpecError as error:
            errors.append(error)
    try:
        shape, classes, task = declared if declared is not None else _declared(graph["data"])
        if task is not None and graph["task"] is not None:
            graph["task"] = _agreed(graph["task"], task, one["task"])
    except ArchError as error:
        if memo is None and not errors:
            raise
        shape = classes = task = None
        errors.append(fail("A209", error.message, one["data"].span, error.help))
    if memo is None:
        collect(errors)
    graph["input"] = graph["input"] or shape
    graph["classes"] = graph["classes"] or classes
    graph["task"] = graph["task"] or task
    return Graph(**graph, notes=() if errors else tuple(_unused(file, env.budget.used)))


def _lets(
    file: ast.File, errors: list[SpecError], include: Callable[[ast.Include], list[ast.Let]]
) -> dict[str, ast.Let]:
    lets: dict[str, ast.Let] = {}
    for item in file.items:
        try:
            if isinstance(item, ast.Include):
                for let in include(item):
                    if not _is_again(let, lets.get(let.name)):
                        _define(lets, let)
            elif isinstance(item, ast.Let):
                _define(lets, item)
        except SpecError as error:
            errors.append(error)
    return lets


def _is_again(let: ast.Let, known: ast.Let | None) -> bool:
    """Whether an included let is one that another include brought: two files may include the same third one."""
    if known is None or known.span.start != let.span.start:
        return False
    return Path(known.span.source.name).resolve() == Path(let.span.source.name).resolve()


def _define(lets: dict[str, ast.Let], let: ast.Let) -> None:
    if let.name in RESERVED:
        raise fail("A212", f"`{let.name}` is reserved and cannot be the name of a let", let.span, "choose another name")
    if let.name in lets:
        raise fail("A212", f"`{let.name}` is defined twice; first at {lets[let.name].span}", let.span)
    if find("net", let.name) is not None:
        raise fail("A212", f"`{let.name}` is a word of the language", let.span, f"write `let my_{let.name} = …`")
    seen: set[str] = set()
    for parameter in let.params or ():
        if parameter.name in seen or parameter.name in RESERVED:
            raise fail(
                "A212",
                f"`{parameter.name}` cannot be a parameter here",
                parameter.span,
                "it is given twice" if parameter.name in seen else "it is reserved",
            )
        seen.add(parameter.name)
    lets[let.name] = let


def _singles(file: ast.File, errors: list[SpecError]) -> dict[str, ast.Statement]:
    one: dict[str, ast.Statement] = {}
    for item in file.items:
        if isinstance(item, ast.Statement):
            kind = "net" if item.kind == "bare" else item.kind
            if kind in one:
                errors.append(
                    fail("A105", f"a second `{kind}`; the first is at {one[kind].span}", _begin(item), _one_more(item))
                )
            one.setdefault(kind, item)
    return one


def _begin(item: ast.Statement) -> Span:
    """The keyword of a statement; all of one without a keyword. An editor may have read its lines one by one."""
    span = item.span
    return span if item.kind == "bare" else Span(span.source, span.start, span.start + len(item.kind))


def _one_more(item: ast.Statement) -> str:
    if item.kind == "bare":  # a line that was meant to continue the one above
        return "indent the line to continue the statement above it; a file has one network"
    return "a file is one experiment: keep one"


def _required(net: ast.Statement | None, file: ast.File) -> ast.Statement:
    if net is None:
        raise fail(
            "A106", f"{file.span.source.name} has no network", None, "write one, for example `net vgg[64x2,128x2] +bn`"
        )
    return net


def _input(statement: ast.Statement | None, env: Env) -> Shape | None:
    if statement is None:
        return None
    shape = _ids(statement.body, env) or value(statement.body, env)
    shape = (shape,) if isinstance(shape, int) and not isinstance(shape, bool) else shape
    if not isinstance(shape, tuple) or len(shape) > 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise fail(
            "A208",
            f"`{statement.body.span.text}` is not an input",
            statement.body.span,
            INPUT,
        )
    return shape


def _ids(body: ast.Expr, env: Env) -> Ids | None:
    """The shape of ``128 ids(256)``; None where a statement says something else."""
    items = body.items if isinstance(body, ast.Seq) else (body,)
    word = items[-1]
    if len(items) == 1 and not (isinstance(word, ast.Word) and word.name == "ids"):
        return None
    if (
        len(items) != 2
        or not isinstance(word, ast.Word)
        or word.name != "ids"
        or word.stages is not None
        or len(word.args or ()) != 1
    ):
        raise fail("A208", f"`{body.span.text}` is not an input", body.span, INPUT)
    numbers = value(items[0], env), value((word.args or ())[0], env)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in numbers):
        raise fail("A208", f"`{body.span.text}` takes positive whole numbers", body.span, INPUT)
    return Ids(*numbers)


def _classes(statement: ast.Statement | None, env: Env) -> int | None:
    if statement is None:
        return None
    number = value(statement.body, env)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise fail("A208", "`classes` takes a positive whole number", statement.body.span, "write `classes 10`")
    return number


def _task(statement: ast.Statement | None) -> Task | None:
    if statement is None:
        return None
    body = statement.body
    plain = isinstance(body, ast.Word) and body.args is None and body.stages is None
    name = body.name if isinstance(body, ast.Word) and plain else body.span.text
    if name not in TASKS:
        raise fail("A208", f"`{name}` is not a task", body.span, suggest(name, TASKS) or f"one of {', '.join(TASKS)}")
    return TASKS[name]


def _agreed(stated: Task, of_data: Task, statement: ast.Statement) -> Task:
    """The task of the data, which the text may state too.

    Raises:
        SpecError: A208, it states another.
    """
    if stated.name not in (of_data.name, "features"):
        raise fail(
            "A208",
            f"the text states the task {stated.name}, and its data set is for {of_data.name}",
            statement.body.span,
            "leave the statement out: the data set says it",
        )
    return stated if stated.name == "features" else of_data


def _declared(data: tuple[Setting, ...]) -> Declared:
    for setting in data:
        if setting.entry.slot == "dataset":
            found = setting.value
            return Declared(getattr(found, "input", None), getattr(found, "classes", None), task_of(found))
    return Declared(None, None)


def _unused(file: ast.File, used: set[str]) -> list[Diagnostic]:
    return [
        Diagnostic(
            "A501",
            f"nothing uses `{item.name}`",
            item.span,
            "take it out, or use it",
            "warning",
            fix=Fix(item.span, ""),
        )
        for item in file.items
        if isinstance(item, ast.Let) and item.name not in used
    ]
