"""``archdsl params``: what networks cost, counted without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Classes, Data, Format, Input, Set, Specs

if TYPE_CHECKING:
    from archdsl.errors import ArchError, Source
    from archdsl.syntax import ast


def command(
    specs: Specs,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    format: Format = "table",
    layers: Annotated[bool, typer.Option("--layers", help="Every layer, one by one; in JSON as `rows`.")] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, max=10**9, help="Batch size of the memory estimate.")] = 128,
    dtype: Annotated[Literal["fp32", "fp16", "bf16"], typer.Option("--dtype", help="Of the activations.")] = "fp32",
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="Sort the arms of a space by a column; -params is descending."),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="TEST", help="Arms to keep: 'params<1M', 'not (bn and ln)'.")
    ] = None,
    proxies: Annotated[
        bool,
        typer.Option("--proxies", help="Zero-cost proxies as well: scores before training, on its data; needs torch."),
    ] = False,
) -> None:
    """Count parameters, MACs, FLOPs and memory. A spec with holes is a space: every arm is listed."""
    from archdsl.api import read, whole
    from archdsl.cli.output import put_json, put_table, talk
    from archdsl.cli.views.params import layer_table, record, scores_of, spec_table
    from archdsl.errors import ArchError
    from archdsl.expand.holes import holes
    from archdsl.report import FORMATS

    failed: dict[int, ArchError] = {}  # by the places of their specs
    trees: dict[int, tuple[Source, ast.File]] = {}
    for place, name in enumerate(specs):
        try:
            trees[place] = read(name, input=input, classes=classes, data=data, set=set or ())
        except ArchError as error:
            failed[place] = error
    space = any(any(True for _ in holes(file)) for _, file in trees.values())
    if not failed:
        _check_idle(space, len(specs), format, layers, sort is not None, bool(where))
    if space:
        from archdsl.cli.views.space import list_arms

        _settle_failures(failed, len(specs))
        list_arms([*trees.values()], format, batch, dtype, sort, where or [], proxies)
        return
    found = []
    scored: list[dict[str, float | None]] = []
    for place, (source, file) in trees.items():
        try:
            spec = whole(source, file)
            scored.append(scores_of(spec) if proxies else {})
            found.append(spec)
        except ArchError as error:
            failed[place] = error
    for spec in found:
        talk(spec.notes, spec.name if len(specs) > 1 else "")
    if found and format == "json":
        records = [record(s, batch, dtype, layers, scores) for s, scores in zip(found, scored, strict=True)]
        put_json(records if len(specs) > 1 else records[0])
    elif found and len(specs) == 1 and (FORMATS[format].people or layers):
        put_table(layer_table(found[0], batch, dtype, layers, scored[0]), format)
    elif found:
        records = [record(s, batch, dtype, False, scores) for s, scores in zip(found, scored, strict=True)]
        put_table(spec_table(records), format)
    _settle_failures(failed, len(specs))


def _check_idle(space: bool, specs: int, format: str, layers: bool, sort: bool, where: bool) -> None:
    """Refuse an option that would have no effect."""
    from archdsl.errors import ArchError

    idle = (
        ("--where", where and not space, "specs without holes", "it keeps arms of a space"),
        ("--sort", sort and not space, "specs without holes", "it sorts the arms of a space"),
        ("--layers", layers and space, "a space", "name one of its arms as a spec"),
        ("--layers", layers and specs > 1 and format != "json", "a table of several specs", "--format json has them"),
    )
    for option, given, what, instead in idle:
        if given:
            raise ArchError(f"{option} has no effect on {what}", help=f"leave it out; {instead}")


def _settle_failures(failed: dict[int, ArchError], specs: int) -> None:
    """Say all that failed, in the order of the specs. One spec alone fails as itself; of several, the first decides the exit
    code."""
    from archdsl.cli.output import refused, say

    if not failed:
        return
    errors = [failed[place] for place in sorted(failed)]
    if specs == 1:
        raise errors[0]
    for error in errors:
        say(refused(error), lines=True)
    raise SystemExit(errors[0].exit_code)
