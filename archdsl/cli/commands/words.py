"""``archdsl words``: the vocabulary by kind, or one word with its arguments, help, paper and examples."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Format
from archdsl.cli.support.word_names import SPACES as SPACES
from archdsl.cli.support.word_names import kinds_of, matching, named, one_of

if TYPE_CHECKING:
    from archdsl.registry import Entry

KINDS = {
    "op": "Layers",
    "late": "Shortcuts",
    "block": "Blocks",
    "join": "Joins",
    "family": "Families",
    "modifier": "Modifiers",
    "data": "Data",
    "train": "Training",
    "evaluation": "Evaluation",
    "metric": "Metrics",
    "proxy": "Proxies",
}

RECIPES = {
    "family": "let mine(c, s=1) = res(conv(c, s=s) bn relu conv(c) bn) relu, then `net mine[64x2, 128x2] …`: one of your own",
    "train": "train sgd(0.1, nesterov) wd(5e-4, weights) epochs(30) batch(128) warmup(2) cosine smooth(0.1) ema(0.999)",
    "proxy": "archdsl params SPEC --proxies",
    "metric": "archdsl report STUDY --metric test_accuracy --metric test_ece --metric 'steps_to(94%)'",
    "evaluation": "evaluate lesion(random=2) mc(20) rotate(30)",
    "data": "data cifar10 valid(10%) flip crop(4) randaugment(2, 9) mixup(0.2) cutmix(1)",
}
UNITS = {"percent": "percent (stored as a fraction)", "float": "a number", "count": "a count", "seconds": "seconds"}
WIDTH = 100


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KIND|WORD]",
            help="net, layers, blocks, joins, families, modifiers, data, train, evaluate, metrics, proxies, or a word.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Hold words, also several, to the laws of their kind: a word takes seconds, all take minutes.",
        ),
    ] = False,
    format: Format = "table",
) -> None:
    """List the vocabulary, or explain one word."""
    from archdsl.cli.output import put, put_json
    from archdsl.registry import entries

    if check:
        from archdsl.cli.support.word_laws import check_words

        brief = not names or any(kinds_of(name) is not None for name in names)
        check_words(named(names or []), format, brief)
        return
    what = one_of(names or [])
    kinds = kinds_of(what)
    if kinds is None and what is not None:
        if format in ("table", "text"):
            put(describe(what))
            return
        form, found = _form(what)
        if format == "json":
            put_json([*([form] if form else []), *map(record, found)])
        else:
            _table(found, format, form)
        return
    listed = [e for e in entries() if (kinds is None or e.kind in kinds) and not e.alias]
    if format == "json":
        put_json([record(e) for e in listed])
    elif format in ("table", "text"):
        put(_listing(listed))
    else:
        _table(listed, format)


def spelt(entry: Entry) -> str:
    """A word as it is written in a text; a metric of some images as it is written for them."""
    if entry.kind == "metric":
        from archdsl.expand.metrics import parts

        return f"{'|'.join(parts(entry))}_{entry.name}".removeprefix("_")
    return f"+{entry.name}" if entry.kind == "modifier" else entry.name


def summary(entry: Entry) -> str:
    """The first sentence of its help."""
    return re.split(r"(?<=[.])\s(?=[A-Z`])", " ".join(entry.help.split("\n\n")[0].split()))[0]


def _listing(listed: list[Entry]) -> str:
    wide = max((len(spelt(e)) for e in listed), default=0)
    from archdsl.expand.forms import FORMS

    lines: list[str] = []
    for kind, title in KINDS.items():
        for part, group in _parts([e for e in listed if e.kind == kind]):
            lines += [""] * bool(lines) + [f"{title}: {part}" if part else title]
            lines += [f"  {spelt(e):<{wide}}  {summary(e)}" for e in group]
    kinds = {e.kind for e in listed}
    if len(kinds) == 1 and (recipe := RECIPES.get(next(iter(kinds)))):
        lines += ["", f"A recipe: {recipe}", "`archdsl words WORD` has arguments, bounds, examples and papers."]
    if kinds > {"op", "modifier", "data"}:
        lines += ["", "Of the language itself (`archdsl words cin`)", f"  {'  '.join(FORMS)}"]
    return "\n".join(lines) + "\n"


def _parts(group: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """The words of a kind; settings by the files that they are in, whose first line says what they are."""
    if not group or group[0].kind not in ("data", "train", "metric", "evaluation", "proxy"):
        return [("", group)] if group else []
    parts: dict[str, list[Entry]] = {}
    for entry in sorted(group, key=lambda e: (e.make.__module__, e.name)):
        about = (sys.modules[entry.make.__module__].__doc__ or "").split("\n")[0]
        parts.setdefault(re.split("[:.]", about)[0], []).append(entry)
    return [(part[:1].lower() + part[1:], words) for part, words in parts.items()]


def _form(what: str) -> tuple[dict[str, Any] | None, list[Entry]]:
    """A word of the language itself as plain values, None where it is none; and the words of the vocabulary of that name."""
    from archdsl.expand.forms import FORMS
    from archdsl.registry import find

    if what not in FORMS:
        return None, matching(what)
    form = {
        "name": what,
        "kind": "form",
        "signature": what,
        "help": FORMS[what],
        "paper": "",
        "examples": [],
        "arguments": [],
    }
    return form, matching(what) if find("net", what) is not None else []


def _table(listed: list[Entry], format: str, form: dict[str, Any] | None = None) -> None:
    from archdsl.cli.output import put_table
    from archdsl.report import Column, Table

    columns = (Column("word"), Column("kind"), Column("arguments"), Column("help"), Column("paper"))
    first = [tuple(form[key] for key in ("name", "kind", "signature", "help", "paper"))] if form else []
    rows = (*first, *((spelt(e), e.kind, signature(e), summary(e), e.paper) for e in listed))
    put_table(Table(columns, rows), format)


def describe(what: str) -> str:
    """Everything there is to say about a word, once for each name space that has it."""
    from archdsl.expand.forms import FORMS
    from archdsl.registry import find
    from archdsl.registry.synonyms import as_argument

    form = [f"{FORMS[what]}    (of the language; see docs/language.md)\n"] if what in FORMS else []
    known = what not in FORMS or find("net", what) is not None
    pages = matching(what) if known else []
    if pages and pages[0].kind != "metric" and pages[0].name != what.lstrip("+-"):  # another tool's name
        call = as_argument(what, pages[0].name)
        form.append(
            f"`{what}` is an argument here: `{call}`.\n" if call else f"`{what}` is called `{spelt(pages[0])}` here.\n"
        )
    return "\n".join((*form, *(_page(e) for e in pages)))


def _page(entry: Entry) -> str:
    from archdsl.registry import entries, params
    from archdsl.registry.synonyms import elsewhere

    lines = [f"{signature(entry)}    ({entry.kind})", "", *_filled(entry.help), ""]
    rows = [(p.name, p.describe() + ("" if p.required else f"; {_default(p)}")) for p in params(entry)]
    if rows:
        wide = max(len(name) for name, _ in rows)
        lines += ["Arguments", *(f"  {name:<{wide}}  {text}" for name, text in rows), ""]
    if entry.kind == "data" and any(name == "where" for name, _ in rows):
        from archdsl.words.data.base import WHERE

        lines += [*_filled(WHERE), ""]
    if entry.kind == "metric":
        lines += [_traits(entry), ""]
    lines += ["Examples", *(f"  {e}" for e in entry.examples)]
    if names := [e.name for e in entries("net") if e.alias == entry.name and entry.kind == "op"]:
        lines += ["", f"Other names: {', '.join(names)}"]
    if entry.paper:
        lines += ["", f"Paper: {entry.paper}"]
    if entry.kind in ("data", "train") and (said := elsewhere(entry.name)):
        lines += ["", *_filled(f"Elsewhere: {', '.join(said)}")]
    return "\n".join(lines) + "\n"


def _traits(entry: Entry) -> str:
    """The unit of a metric and its direction."""
    value = example(entry)
    return f"Unit: {UNITS[value.unit]}; {'more' if value.higher else 'less'} is better."


def example(entry: Entry) -> Any:
    """A metric as its first example has it."""
    from archdsl.expand.metrics import metric_of

    return metric_of(entry.examples[0])


def _filled(help: str) -> list[str]:
    """The paragraphs of a help text, as wide as a page."""
    from textwrap import fill

    return "\n\n".join(fill(" ".join(part.split()), WIDTH) for part in help.split("\n\n")).split("\n")


def _default(parameter: Any) -> str:
    if parameter.default is None:
        return "computed by default"
    return f"{str(parameter.default).lower() if isinstance(parameter.default, bool) else parameter.default} by default"


def signature(entry: Entry) -> str:
    """How a word is written: ``conv(out, [k=3], …)``, a metric of some images ``test|valid_ece``."""
    if "|" in (name := spelt(entry)):
        return name
    from archdsl.expand.bind import usage

    return usage(entry).removeprefix("usage: ").strip("`")


def record(entry: Entry) -> dict[str, Any]:
    """A word as plain values."""
    from archdsl.registry import MISSING, params

    return {
        "name": entry.name,
        "kind": entry.kind,
        "signature": signature(entry),
        "help": entry.help,
        "paper": entry.paper,
        "examples": list(entry.examples),
        "arguments": [
            {
                "name": p.name,
                "type": p.base,
                "choices": list(p.choices),
                "required": p.required,
                "default": None if p.required else p.default,
                "bounds": str(p.range) if p.range else None,
                "flag": p.flag is not MISSING,
            }
            for p in params(entry)
        ],
        **({"unit": example(entry).unit, "higher_is_better": example(entry).higher} if entry.kind == "metric" else {}),
    }
