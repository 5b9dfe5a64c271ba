"""Run the studies of the lecture, and write their results into docs/lecture: `make lecture`.

A page is written by hand, but for what is between `<!-- lecture: … -->` and `<!-- end -->`, which this file writes:

    study                           the study file, and its command
    claims [preset=NAME]            what the study was to show, and whether it holds
    table [preset=NAME] [columns=…] the table, with the columns named by their keys
    fits [preset=NAME]              the fits in words
    figure KIND [preset=NAME] [beside="ARM; …"] TEXT
                                    a figure of the study's page with a caption (axis, curves, fit, forest, heat, pareto,
                                    strips); an axis with lines of arms of the small form to compare with
    held                            docs/lecture.md: every claim and whether it holds

Finished runs are taken from the store, so that a second call takes seconds, and one that was interrupted continues.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

PAGES, STUDIES, INDEX = REPO / "docs/lecture", REPO / "specs/studies", REPO / "docs/lecture.md"
HTML = REPO / "docs/lecture.html"
PRECISION = "fp32"  # on every processor: `auto` takes another one where that is faster, and figures would differ more
BLOCK = re.compile(r"(<!-- lecture: (?P<what>[^\n]*?) -->\n)(?P<old>.*?)(<!-- end -->)", re.DOTALL)
OPTION = re.compile(r'\b(preset|columns|beside)=("[^"]*"|\S+)\s*')


@dataclass(frozen=True)
class Directive:
    """What a block is to hold: its first word, its options, and the text behind them."""

    kind: str
    text: str
    options: dict[str, str] = field(hash=False)

    @property
    def preset(self) -> str:
        """The form of the study; "" is the small one."""
        return self.options.get("preset", "")


def directive(text: str) -> Directive:
    """A directive from its text."""
    kind, _, rest = text.partition(" ")
    return Directive(kind, OPTION.sub("", rest).strip(), {k: v.strip('"') for k, v in OPTION.findall(rest)})


def directives(page: Path) -> Iterator[Directive]:
    """Every directive of a page."""
    return (directive(match["what"]) for match in BLOCK.finditer(page.read_text("utf-8")))


def pages() -> list[Path]:
    """The pages of the claims, in order."""
    return sorted(PAGES.glob("[0-9][0-9]-*.md"))


def study_of(page: Path) -> Path:
    """The study that a page is about."""
    return STUDIES / f"{page.stem}.yaml"


def train(page: Path, runs: Path) -> None:
    """Carry out the study of a page, in every form that the page shows."""
    for preset in sorted({d.preset for d in directives(page)} | {""}):
        command = [sys.executable, "-m", "archdsl", "ablate", str(study_of(page)), "--runs", str(runs)]
        command += ["--precision", PRECISION, "--format", "csv"]
        command += ["--preset", preset] if preset else []
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, cwd=REPO)
        if done.returncode:
            raise SystemExit(done.returncode)


@cache
def reported(study: Path, preset: str, runs: Path) -> Any:
    """The report of a study, as ``archdsl.report`` gives it."""
    import archdsl

    return archdsl.report(study, runs=runs, **({"preset": preset} if preset else {}))


def filled(page: Path, runs: Path) -> str:
    """The text of a page with its blocks written."""
    numbers: dict[str, int] = {}

    def block(match: re.Match[str]) -> str:
        what = directive(match["what"])
        return f"{match[1]}\n{WRITERS[what.kind](what, page, runs, numbers).strip()}\n\n{match[4]}"

    return BLOCK.sub(block, page.read_text("utf-8"))


Writer = Callable[[Directive, Path, Path, dict[str, int]], str]


def shown_study(page: Path) -> str:
    """The study file of a page without its presets, and the commands."""
    small = study_of(page).read_text("utf-8")
    if full := re.search(r"^presets:\n(?:  .*\n|\n)*", small, re.MULTILINE):
        small = small.replace(full[0], "")
    shown = f"```yaml\n{small.rstrip()}\n```\n\n```sh\narchdsl ablate {page.stem}\n"
    return shown + (f"archdsl ablate {page.stem} --preset full\n```" if full else "```")


def _study(what: Directive, page: Path, runs: Path, numbers: dict[str, int]) -> str:
    return f"{shown_study(page)}\n\n{_work(reported(study_of(page), '', runs).results)}"


def _work(results: Any) -> str:
    """How many runs a study has, and the time of their training; evaluations of one net share it."""
    figures = [run for arm in results.arms for run in arm.figures.values()]
    trained = {run.get("weights_sha256") or n: run.get("seconds") or 0.0 for n, run in enumerate(figures)}
    minutes = sum(trained.values()) / 60
    time = f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
    what = f"{len(figures)} runs, which took"
    if any("evaluation" in run for run in figures):
        what = f"{len(figures)} evaluations of {len(trained)} nets, whose training took"
    return f"The small form has {what} {time} in all on a core of a busy machine, two at a time."


def _claims(what: Directive, page: Path, runs: Path, numbers: dict[str, int]) -> str:
    from archdsl.study.report.claim_text import sentences

    results = reported(study_of(page), what.preset, runs).results
    return "\n".join(f"- {_escaped(text)}" for text in sentences(results)) or "No claim."


def _escaped(text: str) -> str:
    return text.replace("*", r"\*").replace("<", r"\<")


def _table(what: Directive, page: Path, runs: Path, numbers: dict[str, int]) -> str:
    from archdsl.report.formats import FORMATS
    from archdsl.study.report import tables

    columns = what.options.get("columns", "").split(",") if "columns" in what.options else []
    results = reported(study_of(page), what.preset, runs).results
    table = tables.table(results, columns=columns)
    named = tuple(replace(c, name=results.measure.label, key=c.id) if c.id == "mean" else c for c in table.columns)
    text = FORMATS["md"].write(replace(table, columns=named))
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))


def _fits(what: Directive, page: Path, runs: Path, numbers: dict[str, int]) -> str:
    from archdsl.study.report.fit_text import sentences

    return "\n".join(f"- {text}" for text in sentences(reported(study_of(page), what.preset, runs).results))


def _figure(what: Directive, page: Path, runs: Path, numbers: dict[str, int]) -> str:
    from lecture_figures import caption, drawn

    kind, _, words = what.text.partition(" ")
    numbers[kind] = numbers.get(kind, 0) + 1
    numbers["figures"] = numbers.get("figures", 0) + 1
    results = reported(study_of(page), what.preset, runs).results
    name = f"{page.stem}-{kind}{numbers[kind] if numbers[kind] > 1 else ''}.svg"
    names = [n.strip() for n in what.options.get("beside", "").split(";") if n.strip()]
    svg = drawn(kind, results, reported(study_of(page), "", runs).results, names)
    if svg is None:
        raise SystemExit(f"{page}: the study has no figure `{kind}`")
    (PAGES / "images").mkdir(exist_ok=True)
    head, rest = svg.split(">", 1)
    (PAGES / "images" / name).write_text(f'{head} style="background:#fff">{rest}\n', "utf-8")
    number = f"{int(page.stem[:2])}.{numbers['figures']}"
    return f"![{words}](images/{name})\n\n*Figure {number}. {caption(kind, results, words)}*"


def _held(what: Directive, page: Path, runs: Path, numbers: dict[str, int]) -> str:
    from archdsl.study.report.claim_text import ANSWERS
    from archdsl.study.report.fit_text import size

    rows = ["| | study | what was to be shown | at our scale |", "|---:|---|---|---|"]
    for one in pages():
        title = one.read_text("utf-8").partition("\n")[0].lstrip("# ").split(". ", 1)[-1]
        name = f"[{title}](lecture/{one.name})"
        results = reported(study_of(one), "", runs).results
        shown = [(f"`{claim.claim.text}`", ANSWERS[claim.holds]) for claim in results.claims]
        fits = [(fit.line, fit.fitted) for fit in results.fitted if fit.fitted is not None]
        shown += [
            (f"`{line.fit.text}` of the smaller sizes predicts that of {size(line.held)}", ANSWERS[fitted.holds])
            for line, fitted in fits
            if line.held is not None
        ]
        for text, answer in shown:
            rows.append(f"| {one.stem[:2] if name else ''} | {name} | {text} | {answer} |")
            name = ""
    return "\n".join(rows)


WRITERS: dict[str, Writer] = {
    "study": _study,
    "claims": _claims,
    "table": _table,
    "fits": _fits,
    "figure": _figure,
    "held": _held,
}


def _unknown_presets(page: Path) -> list[str]:
    from archdsl.study.plan.file import read_study

    asked = {d.preset for d in directives(page)} - {""}
    return sorted(asked - set(read_study(study_of(page)).presets)) if asked else []


def _stale_studies(page: Path) -> list[str]:
    """A line for each block that shows another text than the study file has now."""
    blocks = [m["old"] for m in BLOCK.finditer(page.read_text("utf-8")) if directive(m["what"]).kind == "study"]
    if not study_of(page).exists():
        return []
    fault = f"the study is not that of {study_of(page).name}; run tools/lecture.py {page.stem[:2]}"
    return [fault for block in blocks if shown_study(page) not in block]


def check() -> list[str]:
    """What is wrong with the pages, without a look at any run."""
    found = [
        f"{study.name} has no page"
        for study in sorted(STUDIES.glob("[0-9][0-9]-*.yaml"))
        if not (PAGES / f"{study.stem}.md").exists()
    ]
    for page in (*pages(), INDEX):
        if page != INDEX and not study_of(page).exists():
            found.append(f"{page.name} has no study")
        text = page.read_text("utf-8")
        if text.count("<!-- lecture: ") != len(BLOCK.findall(text)):
            found.append(f"{page.name}: a block has no `<!-- end -->`")
        found += [f"{page.name}: unknown directive `{d.kind}`" for d in directives(page) if d.kind not in WRITERS]
        found += [f"{page.name}: its study has no preset `{name}`" for name in _unknown_presets(page)]
        found += [f"{page.name}: {fault}" for fault in _stale_studies(page)]
        found += [f"{page.name}: an empty block" for m in BLOCK.finditer(text) if not m["old"].strip()]
        found += [
            f"{page.name}: there is no {name}"
            for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
            if not (page.parent / name).exists()
        ]
    from lecture_html import whole

    if not HTML.exists() or HTML.read_text("utf-8") != whole(INDEX, pages()):
        found.append(f"{HTML.name} is not that of the pages; run tools/lecture.py --no-training")
    shown = set().union(*(re.findall(r"\]\(images/([^)]+)\)", page.read_text("utf-8")) for page in pages()))
    found += [f"images/{p.name}: no page shows it" for p in sorted((PAGES / "images").iterdir()) if p.name not in shown]
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "page",
        nargs="*",
        help="the numbers of claims, such as 04; by default all, and then the index and the HTML page as well",
    )
    parser.add_argument("--runs", type=Path, default=REPO / "runs", help="the folder of runs")
    parser.add_argument("--no-training", action="store_true", help="write the pages from the runs that are there")
    parser.add_argument("--check", action="store_true", help="look at the pages alone")
    given = parser.parse_args()
    if given.check:
        found = check()
        print("".join(f"{line}\n" for line in found), end="")
        return int(bool(found))
    if wrong := [f"{page.name} shows the preset `{name}`" for page in pages() for name in _unknown_presets(page)]:
        raise SystemExit("\n".join([*wrong, "and its study has none of that name"]))
    if unknown := sorted(set(given.page) - {p.stem[:2] for p in pages()}):
        parser.error(
            f"no claim {', '.join(unknown)}; they are {pages()[0].stem[:2]} to {pages()[-1].stem[:2]}, with two digits"
        )
    chosen = [p for p in pages() if not given.page or p.stem[:2] in given.page]
    for number, page in enumerate(chosen, 1):
        print(f"{number}/{len(chosen)} {page.stem}", file=sys.stderr, flush=True)
        if not given.no_training:
            train(page, given.runs)
        text = filled(page, given.runs)
        page.write_text(text, "utf-8")
        for image in (PAGES / "images").glob(f"{page.stem}-*.svg"):
            if f"(images/{image.name})" not in text:
                image.unlink()
    if not given.page:
        from lecture_html import whole

        INDEX.write_text(filled(INDEX, given.runs), "utf-8")
        HTML.write_text(whole(INDEX, pages()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
