"""Which steps a result depends on, and whether each weight of the source is one of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from archdsl.importer.findings import Finding
from archdsl.importer.sharing import firsts
from archdsl.importer.steps import Step
from archdsl.importer.tables import Recipe, names_of


@dataclass
class Used:
    """Which entries of which tensors are weights of words."""

    tensors: Mapping[str, Tensor]
    marks: dict[int, Tensor] = field(default_factory=dict)
    owners: dict[int, Any] = field(default_factory=dict)

    def add(self, source: str, owner: Any) -> Any:
        """Take a source's entries. Gives the owner of those that another one has already, None where they are free."""
        if not isinstance(source, Recipe):
            return self._whole(self.tensors[source], owner)
        flat = torch.cat([torch.full((self.tensors[n].numel(),), i) for i, n in enumerate(names_of(source))])
        place = torch.cat([torch.arange(self.tensors[n].numel()) for n in names_of(source)])
        index = source.entries
        taken = None
        for i, name in enumerate(names_of(source)):
            tensor = self.tensors[name]
            mine = place[index[flat[index] == i]]
            mark = self.marks.setdefault(id(tensor), torch.zeros(tensor.numel(), dtype=torch.bool))
            before = int(mark.sum())
            mark[mine] = True
            if int(mark.sum()) - before != len(mine):  # an entry was there already, or is there twice
                taken = self.owners.get(id(tensor), owner)
            self.owners[id(tensor)] = owner
        return taken

    def _whole(self, tensor: Tensor, owner: Any) -> Any:
        """Take all entries of a tensor."""
        mark = self.marks.get(id(tensor))
        taken = self.owners.get(id(tensor), owner) if mark is not None and bool(mark.any()) else None
        self.marks[id(tensor)] = torch.ones(tensor.numel(), dtype=torch.bool)
        self.owners[id(tensor)] = owner
        return taken

    def count(self, tensor: Tensor) -> int:
        """How many entries of a tensor are used."""
        return int(self.marks[id(tensor)].sum()) if id(tensor) in self.marks else 0


def reached(steps: list[Step], output: int) -> set[int]:
    """The steps on which a step depends, itself among them."""
    needed, stack = set(), [output]
    while stack:
        at = stack.pop()
        if at >= 0 and at not in needed:
            needed.add(at)
            stack += steps[at].inputs
    return needed


def live(steps: list[Step], output: int) -> tuple[list[Step], int]:
    """The steps on which the output depends, numbered again."""
    needed = reached(steps, output)
    number = {old: new for new, old in enumerate(sorted(needed))} | {-1: -1}
    kept = []
    for old in sorted(needed):
        step = steps[old]
        kept.append(Step(step.op, step.layer, tuple(number[i] for i in step.inputs), step.sources, step.path))
    return kept, number[output]


def one_name(steps: list[Step], tensors: Mapping[str, Tensor]) -> None:
    """Where a tensor has several names in the source, steps take the first one of them."""
    first: dict[int, str] = {}
    for name, tensor in tensors.items():
        first.setdefault(id(tensor), name)
    for at, step in enumerate(steps):
        sources = {w: s if isinstance(s, Recipe) else first[id(tensors[s])] for w, s in step.sources.items()}
        steps[at] = replace(step, sources=sources)


def once(graph: fx.GraphModule, steps: list[Step], whole: nn.Module | None, findings: list[Finding]) -> None:
    """Each parameter is a weight of one layer, which steps may share: of none it would be lost, of several it would be
    counted twice. A tensor with several names has one of them afterwards."""
    tensors = dict(graph.named_parameters(remove_duplicate=False)) | dict(graph.named_buffers(remove_duplicate=False))
    trained = dict(graph.named_parameters(remove_duplicate=False))
    used = Used(tensors)
    one_name(steps, tensors)
    for step, at, first in zip(steps, range(len(steps)), firsts(steps), strict=True):
        if first != at and step.op.entry.kind != "join":
            continue
        for weight in step.layer.weights:
            if constant := [n for n in names_of(step.sources[weight]) if n not in trained]:
                why = f"its {weight} would be `{constant[0]}`, which the source does not train: a buffer, or a plain attribute"
                findings.append(Finding(step.path, step.op.name, why))
            if (other := used.add(step.sources[weight], step)) is not None:
                how = f"shares its {weight} with {other.path}"
                findings.append(Finding(step.path, step.op.name, f"{how}; `again(f)` shares all weights of a layer"))
    names = {s for step in steps for s in step.sources.values() if not isinstance(s, Recipe)}
    left: dict[str, int] = {}
    for name, tensor in whole.named_parameters() if whole is not None else ():
        if name not in names and (unused := tensor.numel() - used.count(tensor)):
            owner = name.rpartition(".")[0]
            left[owner] = left.get(owner, 0) + unused
    findings += [
        Finding(
            p,
            "parameters",
            f"the result in eval mode does not depend on its {n:,} parameters; with --unused they are left out",
        )
        for p, n in left.items()
    ]
