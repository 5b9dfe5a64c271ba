"""The facts about a data set as text and tables, for ``archdsl data``."""

from __future__ import annotations

from typing import Any

from archdsl.registry.shapes import Ids, dims
from archdsl.report import Column, Table

WIDTH = 96
LONGEST = 24  # a name that stands in the column of the labels; with a path it may be far longer


def page(facts: dict[str, Any]) -> str:
    """The facts as aligned lines."""
    from textwrap import wrap

    from archdsl.report.text import printable

    head, *rows = lines_of(facts)
    lines = []
    if len(head[0]) > LONGEST:
        lines, head = [printable(head[0])], ("title", head[1])
    rows = [head, *rows]
    wide = max(len(label) for label, _ in rows)
    for label, text in rows:
        first, *more = wrap(printable(text), WIDTH - wide, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"{label:<{wide}}  {first}", *(" " * (wide + 2) + line for line in more)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def lines_of(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts as pairs of a label and a text."""
    facts = {"task": "classification", "shape": tuple(facts["input"]), **facts}
    if facts.get("vocabulary") is not None:
        facts["shape"] = Ids(facts["input"][0], facts["vocabulary"])
    mean = ", ".join(f"{m:g}" for m in facts["mean"]) or "measured on the images that a run trains on"
    std = ", ".join(f"{s:g}" for s in facts["std"]) or "likewise"
    vector = len(facts["input"]) == 1
    ids = facts["task"] == "tokens"
    rows = [
        (facts["name"], facts["title"]),
        *((("task", facts["task"]),) if facts["task"] != "classification" else ()),
        ("input", dims(facts["shape"]) + (" (a vector)" if vector and not ids else "")),
        ("train", f"{facts['train']:,}"),
        ("test", f"{facts['test']:,}"),
        *((("mean", mean), ("std", std)) if not ids else ()),
        ("place", facts["place"] or f"not here; {facts['get']}"),
    ]
    rows += [(key, facts[key]) for key in ("home", "licence") if facts[key]]
    if facts["columns"] is not None:
        rows.append(("columns", ", ".join(facts["columns"])))
    rows += [("found", text) for text in facts.get("found") or ()]
    counts = facts.get("counts")
    names = facts["class_names"] if not counts else [f"{name} {a:,} + {b:,}" for name, (a, b) in counts.items()]
    what = {"regression": "targets", "heads": "outputs"}.get(facts["task"], "classes")
    names = [repr(name) if not name.strip() else name for name in names]
    return [*rows, (what, f"{facts['classes']}: {', '.join(names)}")]


def facts_table(facts: dict[str, Any]) -> Table:
    """The facts as a table of two columns."""
    from archdsl.report import Table

    (name, title), *rows = lines_of(facts)
    return Table((Column(name), Column(title)), tuple(rows))
