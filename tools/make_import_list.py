"""Imports every classification network of torchvision, and one of each module of timm, and writes the tables of docs/import.md.

    python tools/make_import_list.py                    # of torchvision what is new or has changed
    python tools/make_import_list.py resnet18           # these alone
    python tools/make_import_list.py --timm             # of timm the modules that have not been measured with this version
    python tools/make_import_list.py --timm swin_transformer
    python tools/make_import_list.py --table            # the tables from docs/import.json alone

Of a module of timm the smallest architecture by parameters is taken, those named `test_…` aside. Each is imported in a process
of its own, which is ended after TIME seconds.

docs/import.json keeps what was measured. A spec whose hash is the one that was measured is the same network, and is not
run again; its text may have changed.
"""

from __future__ import annotations

import json
import multiprocessing
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
BEGIN_TIMM, END_TIMM = "<!-- timm: tools/make_import_list.py -->", "<!-- end of timm -->"
TIME = 1200  # seconds for one import


def main(names: list[str]) -> None:
    """Measure the networks of these names, by default all, and write the tables."""
    if names[:1] == ["--timm"]:
        timm_modules(names[1:])
    elif names != ["--table"]:
        from archdsl.importer.models import torchvision_names

        known = torchvision_names()
        if unknown := sorted(set(names) - set(known)):
            sys.exit(f"no option or network {', '.join(unknown)}")
        for name in names or known:
            record = measured(name, _read().get(name, {}))
            _keep(name, record)
            print(name, {k: v for k, v in record.items() if k != "reason"}, flush=True)
    write(_read())


def _read() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}


def _keep(key: str, record: dict[str, Any]) -> None:
    DATA.write_text(json.dumps(dict(sorted({**_read(), key: record}.items())), indent=1) + "\n", encoding="utf-8")


def timm_modules(names: list[str]) -> None:
    """Import one architecture of each module of timm, by default of those that have no record of this version."""
    import torch

    from archdsl.emit.vision import import_timm

    timm = import_timm()
    torch.set_num_threads(1)
    if unknown := sorted(set(names) - set(timm.list_modules())):
        sys.exit(f"no module of timm {', '.join(unknown)}")
    versions = f"torch {torch.__version__.partition('+')[0]}, timm {timm.__version__}"
    for module in names or timm.list_modules():
        before = _read().get(f"timm:{module}", {})
        if not timm.list_models(module=module) or (not names and before.get("versions") == versions):
            continue
        name = before.get("name") or smallest(timm, module)
        began = time.perf_counter()
        record = {"name": name, **in_time(name), "seconds": round(time.perf_counter() - began, 1), "versions": versions}
        _keep(f"timm:{module}", record)
        print(module, record, flush=True)


def smallest(timm: Any, module: str) -> str:
    """The architecture of a module with the fewest parameters; of equal ones the first by name."""
    import torch

    sizes: list[tuple[int, str]] = []
    names = timm.list_models(module=module)
    for name in [n for n in names if not n.startswith("test_")] or names:
        try:
            with torch.device("meta"):
                made = timm.create_model(name)
        except (NotImplementedError, RuntimeError):  # code that computes with values
            made = timm.create_model(name)
        sizes.append((sum(p.numel() for p in made.parameters()), name))
    return min(sizes)[1]


def in_time(name: str) -> dict[str, Any]:
    """The record of one import, made in a process that is ended after TIME seconds."""
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    process = context.Process(target=lambda: answer.put(whole_import(name)))
    process.start()
    process.join(TIME)
    if process.is_alive():
        process.kill()
        process.join()
        return {"reason": f"not finished after {TIME} seconds", "places": 1}
    if answer.empty():
        return {"reason": f"the process ended with {process.exitcode}", "places": 1}
    record: dict[str, Any] = answer.get()
    return record


def whole_import(name: str, unused: bool = False) -> dict[str, Any]:
    """What `archdsl import` says of a network of timm; where it names what `--unused` leaves out, with that option."""
    from archdsl.importer.importing import imported
    from archdsl.importer.modes import LEAVE
    from archdsl.importer.sources import Named

    try:
        done = imported(Named("timm", name), unused=unused)
    except Refused as error:
        if not unused and (LEAVE in (error.help or "") or all(f.op == "parameters" for f in error.findings)):
            return whole_import(name, True)
        kinds = dict.fromkeys(f"`{f.op}`: {f.reason}" for f in error.findings)
        return {"reason": "; ".join(list(kinds)[:2]), "places": len(error.findings)}
    except ArchError as error:
        return {"reason": error.message.splitlines()[0], "places": 1}
    except Exception as error:  # a fault of ours, which the table shows
        return {"reason": f"fault of the importer: {type(error).__name__}: {error}"[:160], "places": 1}
    lines = [line for line in done.text.splitlines() if line.strip() and not line.startswith("#")]
    input = next(line.removeprefix("input ") for line in lines if line.startswith("input "))
    report = done.report
    return {
        "input": input,
        "params": report.params,
        "lines": len(lines),
        "difference": report.difference,
        "precision": report.precision,
        **({"unused": True} if unused else {}),
        **({"left_out": report.left_out} if report.left_out else {}),
    }


def measured(name: str, before: dict[str, Any]) -> dict[str, Any]:
    """One network: its parameters, the length of its spec, the difference of the logits; or the reason for none."""
    import torch

    from archdsl.api import load
    from archdsl.emit.vision import import_torchvision
    from archdsl.errors import Source
    from archdsl.importer.gate import pass_gate
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
        steps, output = lift_all(graph, shape, name, module)
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
        **({"left_out": report.left_out} if report.left_out else {}),
        "difference": report.difference,
        "precision": report.precision,
        "seconds": round(time.perf_counter() - began, 1),
        "versions": versions,
    }


def lift_all(graph: Any, shape: tuple[int, ...], name: str, module: Any) -> Any:
    """The steps of a network, as with ``--unused`` where parameters have no effect in eval mode."""
    from archdsl.importer.lift import lift

    try:
        return lift(graph, shape, name, module)
    except Refused as error:
        if any(f.op != "parameters" for f in error.findings):
            raise
        return lift(graph, shape, name)


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
    """The tables, between their marks in the page."""
    vision = {n: r for n, r in records.items() if ":" not in n}
    timm = {n.partition(":")[2]: r for n, r in records.items() if n.startswith("timm:")}
    _put(BEGIN, END, _table("network", {n: (n, r) for n, r in vision.items()}))
    if timm:
        _put(BEGIN_TIMM, END_TIMM, _table("module | network", {n: (f"{n} | {r['name']}", r) for n, r in timm.items()}))


def _table(head: str, rows: dict[str, tuple[str, dict[str, Any]]]) -> list[str]:
    done = [(n, r) for n, r in rows.values() if "params" in r]
    rest = [(n, r) for n, r in rows.values() if "reason" in r]
    open_ = [key for key, (_, r) in rows.items() if "versions" not in r]
    versions = next(r["versions"] for _, r in rows.values() if "versions" in r)
    rule = "|".join(["", *["---"] * (1 + head.count("|")), ""])
    return [
        f"{len(done)} of {len(rows)} import; measured with {versions}."
        + (f" {len(open_)} are not measured yet: {', '.join(open_)}." if open_ else ""),
        "",
        f"| {head} | input | parameters | lines of the spec | largest difference of logits | seconds |",
        f"{rule}---|---|---|---|---|",
        *(
            f"| {n} | {r['input']} | {r['params']:,}{_left_out(r)} | {r['lines']} | {r['difference']:.1e} ({r['precision']}) "
            f"| {r.get('seconds', '')} |"
            for n, r in done
        ),
        "",
        f"| {head} | is not imported, because of |",
        f"{rule}---|",
        *(f"| {n} | {r['reason']} ({r['places']} place{'s' if r['places'] != 1 else ''}) |" for n, r in rest),
    ]


def _left_out(record: dict[str, Any]) -> str:
    number = record.get("left_out", 0)
    parts = [f" and {number:,} without effect"] if number else []
    parts += [", without what train mode alone does"] if record.get("unused") and not number else []
    return f"{parts[0]} (`--unused`)" if parts else ""


def _put(begin: str, end: str, lines: list[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    start, stop = text.index(begin) + len(begin), text.index(end)
    PAGE.write_text(text[:start] + "\n" + "\n".join(lines) + "\n" + text[stop:], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
