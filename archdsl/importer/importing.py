"""The whole way: a source's module to the text of a spec that has passed the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from textwrap import wrap

from torch import nn

from archdsl.importer.findings import Refused
from archdsl.importer.gate import Report, pass_gate
from archdsl.importer.learning import unlike
from archdsl.importer.match import read
from archdsl.importer.models import model
from archdsl.importer.modes import LEAVE, lifted
from archdsl.importer.prepare import prepared
from archdsl.importer.sources import Named
from archdsl.importer.write import written
from archdsl.syntax.format import format


@dataclass(frozen=True, slots=True)
class Imported:
    """A spec's text, its head included, and what the gate saw."""

    text: str
    report: Report


Told = Callable[[str], object]  # called with the name of each stage as it begins


def imported(
    source: Named, shape: tuple[int, ...] | None = None, unused: bool = False, tell: Told = lambda stage: None
) -> Imported:
    """The spec of a source.

    Args:
        shape: what arrives; by default what the source is published for.
        unused: what the result in eval mode does not need may be left out; the head says so.
        tell: is called with each stage.

    Raises:
        ArchError: there is no such source, or no graph can be taken of it.
        Refused: it cannot be expressed; every place is named.
        Unequal: the spec that was found is not equal to the source.
    """
    tell("making the network")
    module, usual = model(source)
    return spec_of(module, shape or usual, str(source), unused, tell)


def spec_of(
    module: nn.Module, shape: tuple[int, ...], name: str, unused: bool = False, tell: Told = lambda stage: None
) -> Imported:
    """The spec of a module; its weights are drawn again on the way."""
    tell("tracing it")
    module = getattr(module, "_orig_mod", module)  # of torch.compile
    notes = prepared(module, shape, name)
    found = lifted(module, shape, name, unused)
    tell("writing the text")
    body, steps, rates = written(found.steps, found.output, shape)
    trace = read(body)
    tell("comparing logits")
    report = pass_gate(module, trace, steps, found.output, name, sum(p.numel() for p in module.parameters()))
    notes += found.notes + report.notes
    tell("comparing gradients")
    different, remarks = unlike(module, trace, steps, found.output, train_mode=found.whole)
    notes += remarks
    if different:
        if not unused:
            raise Refused(name, different, LEAVE)
        notes += tuple(f"Left out, what only training shows: {f}." for f in different)
    report = replace(report, notes=notes)
    return Imported(format(head(name, report, rates) + "\n" + body), report)


def head(name: str, report: Report, rates: str) -> str:
    """The comment before a spec: where it comes from, and how many parameters it has."""
    kind, _, rest = name.partition(":")
    parity = f"# parity: {kind}.{rest}" if kind in ("torchvision", "timm") else f"# imported from {name}"
    lines = [parity, f"# {report.params:,} parameters"]
    if report.left_out:
        lines.append(f"# Without {report.left_out:,} parameters on which the result in eval mode does not depend.")
    lines += [line for note in report.notes for line in wrap(note, 100, initial_indent="# ", subsequent_indent="#   ")]
    return "\n".join([*lines, *([rates] if rates else []), ""])
