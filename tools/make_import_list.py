"""Imports every classification network of torchvision and writes the table of docs/import.md.

    python tools/make_import_list.py            # what is new or has changed
    python tools/make_import_list.py resnet18   # these alone
    python tools/make_import_list.py --table    # the table from docs/import.json alone

docs/import.json keeps what was measured. A spec whose hash is the one that was measured is the same network, and is not
run again; its text may have changed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from archdsl.errors import ArchError  # noqa: E402
from archdsl.importer.findings import Refused  # noqa: E402

DATA, PAGE = REPO / "docs" / "import.json", REPO / "docs" / "import.md"
REDUCED = {"vit_h_14": 112}  # the logits of these are compared at half the size, which takes a quarter of the time
BEGIN, END = "<!-- table: tools/make_import_list.py -->", "<!-- end of table -->"


def main(names: list[str]) -> None:
    """Measure the networks of these names, by default all, and write the table."""
    if names != ["--table"]:
        from archdsl.importer.models import torchvision_names

        known = torchvision_names()
        for name in names or known:
            record = measured(name, _read().get(name, {}))
            DATA.write_text(
                json.dumps(dict(sorted({**_read(), name: record}.items())), indent=1) + "\n", encoding="utf-8"
            )
            print(name, {k: v for k, v in record.items() if k != "reason"}, flush=True)
    write(_read())


def _read() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}


def measured(name: str, before: dict[str, Any]) -> dict[str, Any]:
    """One network: its parameters, the length of its spec, the difference of the logits; or the reason for none."""
    import torch

    from archdsl.api import load
    from archdsl.emit.vision import import_torchvision
    from archdsl.errors import Source
    from archdsl.importer.gate import pass_gate
    from archdsl.importer.lift import lift
    from archdsl.importer.match import read
    from archdsl.importer.models import model
    from archdsl.importer.sources import Named
    from archdsl.importer.trace import traced
    from archdsl.importer.write import written

    torch.set_num_threads(1)
    vision = import_torchvision().__version__.partition("+")[0]
    versions = f"torch {torch.__version__.partition('+')[0]}, torchvision {vision}"
    began = time.perf_counter()
    try:
        module, shape = model(Named("torchvision", name))
        graph = traced(module, shape, name)
        steps, output = lift(graph, shape, name, module)
        body, steps, _ = written(steps, output, shape)
    except Refused as error:
        kinds = dict.fromkeys(f"`{f.op}`: {f.reason}" for f in error.findings)
        return {"reason": "; ".join(kinds), "places": len(error.findings), "versions": versions}
    except ArchError as error:
        return {"reason": error.message.splitlines()[0], "places": 1, "versions": versions}
    spec = load(Source(name, body))
    lines = len([line for line in body.splitlines() if line.strip()])
    own = {"hash": spec.hash, "input": "x".join(map(str, shape)), "lines": lines, "characters": len(body)}
    if before.get("hash") == spec.hash and before.get("versions") == versions:
        return {**before, **own}
    held = sum(p.numel() for p in module.parameters())
    if name in REDUCED:
        del graph, steps, module
        return {**own, **reduced(name, body, held), "versions": versions}
    report = pass_gate(graph, read(body), steps, output, name, held)
    return {
        **own,
        "params": report.params,
        "difference": report.difference,
        "precision": report.precision,
        "seconds": round(time.perf_counter() - began, 1),
        "versions": versions,
    }


def reduced(name: str, body: str, held: int) -> dict[str, Any]:
    """The parameters at the network's own size, and the logits at half of it."""
    from archdsl.emit.vision import import_torchvision
    from archdsl.importer.gate import pass_gate
    from archdsl.importer.lift import lift
    from archdsl.importer.match import read
    from archdsl.importer.trace import traced
    from archdsl.importer.write import written
    from archdsl.ir.cost import cost

    size = REDUCED[name]
    assert cost(read(body)).params == held
    module = import_torchvision().models.get_model(name, image_size=size)
    graph = traced(module, (3, size, size), name)
    text, steps, _ = written(*(found := lift(graph, (3, size, size), name, module)), (3, size, size))
    assert text == body.replace(f"input 3x{size * 2}x{size * 2}", f"input 3x{size}x{size}")
    report = pass_gate(graph, read(text), steps, found[1], name)
    return {"params": held, "difference": report.difference, "precision": f"{report.precision}, at 3x{size}x{size}"}


def write(records: dict[str, Any]) -> None:
    """The table, between its marks in the page."""
    done = {n: r for n, r in records.items() if "params" in r}
    lines = [
        f"{len(done)} of {len(records)} import; measured with {next(iter(records.values()))['versions']}.",
        "",
        "| network | input | parameters | lines of the spec | largest difference of logits |",
        "|---|---|---|---|---|",
        *(
            f"| {n} | {r['input']} | {r['params']:,} | {r['lines']} | {r['difference']:.1e} ({r['precision']}) |"
            for n, r in done.items()
        ),
        "",
        "| network | is not expressed, because of |",
        "|---|---|",
        *(f"| {n} | {r['reason']} ({r['places']} places) |" for n, r in records.items() if "reason" in r),
    ]
    text = PAGE.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:start] + "\n" + "\n".join(lines) + "\n" + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
