"""``archdsl transfer``: the weights of one net in the places of another, and what became of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Classes, Data, Input, OneSpec, ReportFormat, Set

if TYPE_CHECKING:
    from archdsl.api import Spec
    from archdsl.transfer.copy import Transfer

KIND = "weights carried over by archdsl"


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            help="A run folder, a .safetensors or .pth file, torchvision:NAME[:WEIGHTS] or timm:NAME[.TAG].",
        ),
    ],
    spec: OneSpec,
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write the weights to this .safetensors file; else only report."
        ),
    ] = None,
    reshape: Annotated[
        bool, typer.Option("--reshape", help="Also take weights of another shape, where there is a rule for it.")
    ] = False,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the new weights.")] = None,
    report: ReportFormat = "table",
) -> None:
    """Carry the weights of a net over to another spec. Layers are matched by label, then by aligning the two nets; the
    report tells what is exact, reshaped, new and dropped."""
    from archdsl.api import load
    from archdsl.cli.output import put, put_json, put_table, talk
    from archdsl.cli.support.targets import announce
    from archdsl.export.target import check_target

    _check_name(target)
    if target is not None:
        check_target(target)  # before torch is imported
        announce(target, read=(source, spec))
    loaded = load(spec, input=input, classes=classes, data=data, set=set or ())
    talk(loaded.notes)
    found = _carried(source, loaded, seed if seed is not None else _seed(loaded), reshape)
    if target is not None:
        _write(target, found, loaded)
    if report == "json":
        from archdsl.transfer.report import record

        put_json({"path": str(target) if target else None, "spec": loaded.name, "hash": loaded.hash, **record(found)})
        return
    from archdsl.transfer.report import table

    put_table(table(found), report)
    if report in ("table", "text") and target is not None:
        put(f"{target}\n")


def _check_name(target: Path | None) -> None:
    from archdsl.errors import ArchError

    if target is not None and target.suffix.lower() != ".safetensors":
        raise ArchError(
            f"the weights are written as safetensors, and {target} ends otherwise",
            help=f"name it {target.with_suffix('.safetensors')}",
        )


def _seed(spec: Spec) -> int:
    """The seed of the text, so that new weights are those that a training would begin with."""
    return next((s.value for s in spec.graph.train if s.entry.slot == "seed"), 0)


def _carried(source: str, spec: Spec, seed: int, reshape: bool) -> Transfer:
    from archdsl.emit.build import build
    from archdsl.train.init import initialise
    from archdsl.transfer.begin import transferred
    from archdsl.transfer.read import read_weights

    weights = read_weights(source)
    model = build(spec.trace)
    initialise(model, seed)
    return transferred(model, spec.trace, weights, reshape)


def _write(target: Path, found: Transfer, spec: Spec) -> None:
    """One safetensors file with its provenance, whole or not there."""
    import json

    from safetensors.torch import save

    from archdsl.export.target import replacing
    from archdsl.version import __version__

    about: dict[str, Any] = {
        "format": "pt",
        "archdsl.kind": KIND,
        "archdsl.version": __version__,
        "archdsl.spec": spec.canonical,
        "archdsl.hash": spec.hash,
        "archdsl.source": found.source,
        "archdsl.source_sha": found.sha,
        "archdsl.parameters": json.dumps(found.totals),
    }
    data = save({k: v.contiguous() for k, v in found.state.items()}, about)
    with replacing(target) as file:
        file.write_bytes(data)
