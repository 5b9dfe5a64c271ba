"""``archdsl show``: any stage of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archdsl.cli.options import Classes, Data, Input, OneSpec, Set
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from archdsl.api import Spec


def command(
    spec: OneSpec,
    stage: Annotated[
        Literal["tree", "ast", "ir", "rows", "source"],
        typer.Option(
            "--stage", help="Modules with shapes; the syntax tree; the text without sugar; every value; Python."
        ),
    ] = "tree",
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
) -> None:
    """Print a stage of a spec or of a run: its tree of modules with shapes, or what the compiler makes of it on the way."""
    from archdsl.api import read, whole
    from archdsl.cli.support.resolve import found, is_folder

    given: dict[str, Any] = {"input": input, "classes": classes, "data": data, "set": set or []}
    if is_folder(spec):
        loaded = found(spec, **given).spec
        _put_stage(loaded.file if stage == "ast" else loaded, stage)
        return
    source, file = read(spec, **given)
    _put_stage(file if stage == "ast" else whole(source, file), stage)


def _put_stage(what: Any, stage: str) -> None:
    """Print a stage of a spec; of the syntax tree, ``what`` is the tree itself."""
    from archdsl.cli.output import put, talk

    if stage == "ast":
        put("\n".join(_syntax(what)) + "\n")
        return
    loaded: Spec = what
    talk(loaded.notes)
    if stage == "tree":
        put(_tree(loaded))
    elif stage == "rows":
        _rows(loaded)
    elif stage == "ir":
        put(_graph(loaded))
    else:
        from archdsl.emit.source import source as python

        put(python(loaded.trace))


def _syntax(node: Any, depth: int = 0) -> list[str]:
    """A line a node: its kind, what it holds besides nodes, and where it is."""
    from archdsl.syntax.walk import children

    names = ("sign", "op", "kind", "axis", "name", "text", "path")
    held = [str(getattr(node, n)) for n in names if getattr(node, n, None)]
    value = getattr(node, "value", None)
    held += [repr(value)] if isinstance(value, str) else []
    line, column = node.span.source.position(node.span.start)
    lines = [f"{'  ' * depth}{type(node).__name__} {' '.join(held)}".rstrip() + f"  @{line}:{column}"]
    for child in children(node):
        lines += _syntax(child, depth + 1)
    return lines


def _tree(spec: Spec) -> str:
    from archdsl.cli.views.module_tree import drawn, folded, layer_text, tree
    from archdsl.ir.cost import row_params
    from archdsl.registry.shapes import dims
    from archdsl.report import exact

    lines = []
    for name, row in drawn(folded(tree(spec.trace))):
        if row is None:
            lines.append((name, "", "", ""))
        else:
            count = row_params(row)
            lines.append((name, layer_text(row), dims(row.layer.out), exact(count) if count else ""))
    wide = [max((len(line[n]) for line in lines), default=0) for n in range(4)]
    text = [f"input {dims(spec.input)}"]
    text += [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:<{wide[2]}}  {d:>{wide[3]}}".rstrip() for a, b, c, d in lines]
    return "\n".join([*text, f"{many(spec.cost.params, 'parameter')}"]) + "\n"


def _rows(spec: Spec) -> None:
    from archdsl.cli.output import put_table
    from archdsl.cli.views.module_tree import layer_text
    from archdsl.ir.cost import row_params
    from archdsl.registry.shapes import dims
    from archdsl.report import Column, Table

    columns = (
        Column("value"),
        Column("layer"),
        Column("of"),
        Column("output"),
        Column("params", "int"),
        Column("MACs", "int", key="macs"),
        Column("path"),
    )
    rows = tuple(
        (
            f"%{n}",
            layer_text(r),
            " ".join(f"%{i}" if i >= 0 else "%in" for i in r.inputs),
            dims(r.layer.out),
            row_params(r),
            r.layer.macs,
            r.path,
        )
        for n, r in enumerate(spec.trace.rows)
    )
    output = f"%{spec.trace.output}" if spec.trace.output >= 0 else "%in"
    put_table(Table(columns, rows, notes=(f"%in is {dims(spec.input)}; the result is {output}",)))


def _graph(spec: Spec) -> str:
    """The network without sugar, as a text that means the same experiment."""
    from dataclasses import replace

    from archdsl.expand.text import canonical_text
    from archdsl.ir.text import network
    from archdsl.registry.shapes import dims
    from archdsl.syntax import ast

    settings = [i for i in spec.file.items if isinstance(i, ast.Statement) and i.kind in ast.SETTINGS]
    lets = [i for i in spec.file.items if isinstance(i, ast.Let | ast.Include)]
    rest = canonical_text(replace(spec.file, items=(*lets, *settings)))
    task = f"task {spec.task.name}\n" if not spec.task.simple else ""
    return f"input {dims(spec.input)}\nclasses {spec.classes}\n{task}{network(spec.trace.graph)}{rest}"
