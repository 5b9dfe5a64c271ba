"""``archdsl import``: a network in PyTorch as a spec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import finite
from archdsl.cli.output import say
from archdsl.errors import ArchError, EnvError

if TYPE_CHECKING:
    from archdsl.importer.sources import Named

SECONDS = 300.0
LONGEST = 10**6  # seconds
LARGEST = 10**6  # of the sizes of an input
_SHAPE = re.compile(r"(?P<sizes>[1-9][0-9]*(x[1-9][0-9]*){0,2})(?P<ids>\s+ids\([1-9][0-9]*\))?")


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="torchvision:NAME, timm:NAME, timm-blocks:STRINGS, FILE.py:Class or "
            "FILE.py:function(). A FILE.PY IS RUN AS CODE, in a process of its own; only name one "
            "that you trust.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file to write.")] = None,
    input: Annotated[
        str | None,
        typer.Option("--input", metavar="CxHxW", help="The input shape; by default that of the published network."),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Trace the network even if there is a shipped spec of it.")
    ] = False,
    unused: Annotated[
        bool,
        typer.Option(
            "--unused",
            help="Leave out what the result in eval mode does not need: auxiliary heads, what "
            "only train mode does. The head of the spec says what.",
        ),
    ] = False,
    time: Annotated[
        float,
        typer.Option(
            "--time", metavar="SECONDS", min=1, max=LONGEST, callback=finite, help="Time limit of a file, in seconds."
        ),
    ] = SECONDS,
) -> None:
    """Write a network of PyTorch as a spec: traced, said as a person would, and held equal to its source (parameters, and
    logits of two images with the same weights) before a file is written."""
    from archdsl.cli.output import put
    from archdsl.importer.sources import named

    asked = named(source)
    if out is not None:
        from archdsl.cli.support.targets import announce
        from archdsl.export.target import check_target

        check_target(out)
        announce(out, read=(asked.path,))
    text, seen = found(asked, input, trace=trace, unused=unused, time=time)
    if out is None:
        put(text)
    else:
        from archdsl.export.target import replacing

        with replacing(out) as file:
            file.write_text(text, encoding="utf-8")
    say(f"{out or source}: {seen}")


def found(source: Named, input: str | None, *, trace: bool, unused: bool, time: float) -> tuple[str, str]:
    """The text of a source's spec, and what is known of it."""
    from archdsl.importer.sources import shipped

    shape = shape_of(input)
    if source.kind == "timm-blocks":
        from archdsl.importer.strings import spec_of_strings

        return spec_of_strings(source.name, shape or (3, 224, 224)), "converted without torch; nothing was compared"
    if not trace and shape is None and (text := shipped(source)) is not None:
        return text, "the shipped spec, which the tests compare with it; --trace traces the network instead"
    from archdsl.importer.known import refuse_unknown

    refuse_unknown(source)
    try:
        import torch  # noqa: F401 - said here, not from within
    except ImportError as error:
        raise EnvError("torch is not installed", help="pip install torch") from error
    from archdsl.cli.support.stages import Stages

    if source.kind == "file":
        from archdsl.importer.match import read
        from archdsl.importer.worker import in_process

        say(f"note: {source.path} is run as code, for at most {time:g} seconds")
        with Stages() as stages:
            stages.tell("importing in a process of its own")
            answer = in_process(source, shape, unused, time)
        read(answer["text"])  # whatever ran there, what is written is a spec
        return answer["text"], seen(answer["report"])
    from dataclasses import asdict

    from archdsl.importer.importing import imported

    with Stages() as stages:
        done = imported(source, shape, unused, stages.tell)
    return done.text, seen(asdict(done.report))


def shape_of(text: str | None) -> tuple[int, ...] | None:
    """``3x224x224`` as numbers.

    Raises:
        ArchError: it is not a shape, not that of an image or a vector, or too large.
    """
    if text is None:
        return None
    help, shown = "write --input 3x224x224, or --input 64 for a vector", text[:40]
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        raise ArchError(f"`--input {shown}` is not a shape", help=help)
    sizes = found["sizes"].split("x")
    if found["ids"] or len(sizes) == 2:
        what = "a sequence of ids" if found["ids"] else "a sequence of tokens"
        raise ArchError(f"`--input {shown}` is {what}, and import takes images and vectors alone", help=help)
    if any(len(size) > len(str(LARGEST)) or int(size) > LARGEST for size in sizes):
        raise ArchError(f"`--input {shown}` is too large: a size is at most {LARGEST:,}", help=help)
    return tuple(map(int, sizes))


def seen(report: dict[str, Any]) -> str:
    """What the gate saw, in words; remarks are said before it."""
    for note in report.get("notes", ()):
        say(f"note: {note}")
    return (
        f"{report['params']:,} parameters as the source; logits of two images differ by "
        f"{report['difference']:.1e} of the largest ({report['precision']})"
    )
