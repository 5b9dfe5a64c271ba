"""Model to a ``.pt2`` file of ``torch.export``: a graph with a dynamic batch that is run without this package."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np
import torch
from torch import nn

from archdsl.emit.inputs import zero_inputs
from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError
from archdsl.export.agree import OTHER_OPSET, Agreement, Runner, agreement, refusal
from archdsl.export.deploy import Form, check, deployed
from archdsl.export.target import check_target, replacing
from archdsl.registry.shapes import batch_of

METADATA = "archdsl.json"  # the name among the extra files of the archive


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    path: Path
    bytes: int
    nodes: int
    agreement: Agreement


def export(model: nn.Module, path: Path, form: Form, *, metadata: Mapping[str, str] | None = None) -> Exported:
    """Write a model as torch's exported program, load it again, and compare its answers before it gets its name.

    ``metadata``, and what ``form.about`` says, are in the archive as JSON: ``torch.export.load(path,
    extra_files={"archdsl.json": ""})`` reads them.

    Raises:
        ArchError: torch cannot trace it, or the file answers otherwise. No file is left.
        EnvError: the place cannot be written.
    """
    check(model)
    check_target(path)
    net, reference = deployed(model, form), deployed(model, form.plain)
    sample = zero_inputs(batch_of(form.taken, 2), dtype=form.dtype)
    about = json.dumps({**(metadata or {}), **form.about()}, indent=1, sort_keys=True)
    held = io.BytesIO()  # torch.export.save wants a certain ending of a path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.export.export(net, (sample,), dynamic_shapes=({0: torch.export.Dim("batch")},))
            torch.export.save(program, held, extra_files={METADATA: about})
        except Exception as error:  # torch raises many kinds
            check_memory(error)
            raise refusal(
                f"torch.export cannot trace it: {shorten(str(error).strip().splitlines()[0], 300, placeholder=' …')}",
                "export the source: model.py",
            ) from error
        with replacing(path) as temporary:
            temporary.write_bytes(held.getvalue())
            held.seek(0)
            try:
                agreed = agreement(_runner(temporary), reference, form, "the loaded program")
            except ArchError as error:  # such a program has no opset
                error.help = error.help.removeprefix(OTHER_OPSET)
                raise
    return Exported(path, len(held.getvalue()), len(program.graph.nodes), agreed)


def _runner(file: Path) -> Runner:
    with file.open("rb") as data:
        module = torch.export.load(io.BytesIO(data.read())).module()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            said = module(torch.from_numpy(x))
        found: np.ndarray = (torch.cat(said, 1) if isinstance(said, tuple) else said).numpy()
        return found

    return run
