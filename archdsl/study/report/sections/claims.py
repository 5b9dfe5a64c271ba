"""The claims of a study on its page."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.study.report import page
from archdsl.study.report.claim_text import ANSWERS, evidence
from archdsl.study.results.results import Results

KINDS = {True: "holds", False: "refuted", None: "open"}


def claims(results: Results) -> Iterator[str]:
    """A line for each claim with its answer; nothing where there are none."""
    if not results.claims:
        return
    yield page.tag("h2", "Claims")
    lines = [
        page.tag(
            "li",
            page.joined(
                [
                    page.tag("span", ANSWERS[c.holds], "word"),
                    page.tag("span", c.claim.text),
                    page.tag("span", evidence(c, results.options.sequential), "note"),
                ]
            ),
            KINDS[c.holds],
        )
        for c in results.claims
    ]
    yield f'<ul class="answers">\n{"".join(lines)}\n</ul>'
    yield page.tag(
        "p",
        "A family of their own, beside that of the arms: the probability of any wrong answer among "
        f"them is at most {100 * results.options.alpha:g} %.",
        "note",
    )
