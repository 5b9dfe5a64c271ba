"""Laws of the text of an example: it parses, and the formatter and the way back from the tree keep its meaning."""

from __future__ import annotations

from archdsl.errors import Source
from archdsl.laws.law import NET, equal, expect, law
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse, pieces
from archdsl.syntax.unparse import unparse


def comments(text: str) -> list[str]:
    """The comments of a text, in their order."""
    found, end = [], 0
    source = Source("", text)
    for start, stop in [(t.start, t.end) for t in pieces(source)[1]] + [(len(text), len(text))]:
        found += [part[part.index("#") :].rstrip() for part in text[end:start].split("\n") if "#" in part]
        end = stop
    return found


def a_text_keeps_its_meaning(text: str) -> None:
    """Formatted once is formatted; the formatter and the way back from the tree change no meaning."""
    laid = format(text)
    equal("formatted again", format(laid), laid)
    expect(parse(laid) == parse(text), f"formatted, it has another meaning: {laid}")
    equal("comments of the formatted text", comments(laid), comments(text))
    expect(not any(line != line.rstrip() for line in laid.split("\n")), "a formatted line ends in spaces")
    expect("\n\n\n" not in laid and "\r" not in laid, "the formatted text has wrong line ends")
    expect(parse(unparse(parse(text))) == parse(text), "written from its tree, it has another meaning")


@law("text", *NET)
def the_text_of_a_network(example: str) -> None:
    """The example is formatted and parsed without another meaning."""
    a_text_keeps_its_meaning(example)


@law("text", "data")
def the_text_of_data(example: str) -> None:
    """The example is formatted and parsed without another meaning."""
    a_text_keeps_its_meaning(f"data {example}")


@law("text", "train")
def the_text_of_training(example: str) -> None:
    """The example is formatted and parsed without another meaning."""
    a_text_keeps_its_meaning(f"train {example}")


@law("text", "evaluation")
def the_text_of_an_evaluation(example: str) -> None:
    """The example is formatted and parsed without another meaning."""
    a_text_keeps_its_meaning(f"evaluate {example}")
