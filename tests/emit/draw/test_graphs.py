"""Drawings in the languages of other tools."""

from __future__ import annotations

import re

from archdsl import load
from archdsl.draw import diagram
from archdsl.draw.graphs import dot_text, mermaid_text

NET = "stem: conv(8) bn relu res(conv(8) relu) (conv(8) relu)*2 gap linear(10)"


def made(title: str = "net") -> tuple[str, str]:
    one = diagram(load(NET, input="3x16x16", classes=10).trace, title, "a subtitle")
    return dot_text(one), mermaid_text(one)


def test_every_node_is_declared_and_every_wire_drawn() -> None:
    wires = {
        ("net_in1", "net_0"),
        ("net_0", "net_1"),
        ("net_0", "net_2"),
        ("net_1", "net_2"),
        ("net_2", "net_3"),
        ("net_3", "net_4"),
        ("net_4", "net_5"),
    }
    dot, mermaid = made()
    assert set(re.findall(r"(\w+) -> (\w+)", dot)) == wires
    assert set(re.findall(r"(\w+) -->\S* (\w+)", mermaid)) == wires
    nodes = {n for pair in wires for n in pair}
    assert set(re.findall(r"^ *(\w+) \[label", dot, re.MULTILINE)) - {"node", "edge"} == nodes
    assert set(re.findall(r"^ *(\w+)\(?\[", mermaid, re.MULTILINE)) == nodes
    assert dot.count("{") == dot.count("}")


def test_words_of_both() -> None:
    dot, mermaid = made()
    assert 'net_0 [label="stem: conv 3×3, 8 bn relu\\n232 params · 55.30 k MACs"' in dot
    assert 'net_0["stem: conv 3×3, 8 bn relu<br/>232 params · 55.30 k MACs"]:::conv' in mermaid
    assert 'net_3["conv 3×3, 8 relu ×2<br/>1.17 k params · 294.9 k MACs"]:::conv' in mermaid
    assert "  classDef conv fill:#d3e6f5,stroke:#0072b2,color:#1c2430\n" in mermaid


def test_frames_and_panels_are_groups() -> None:
    one = diagram(load("specs/imagenet/resnet50.arch").trace, "resnet50")
    assert dot_text(one).count("subgraph cluster_") == 4 + 3
    assert mermaid_text(one).count("subgraph ") == mermaid_text(one).count("  end\n") == 4 + 3


def test_signs_of_their_languages_stay_text() -> None:
    dot, mermaid = made('a "b" <c>\n\\d')
    assert 'digraph "a \\"b\\" <c> \\\\d"' in dot
    assert 'title: "a \\"b\\" <c> \\\\d"' in mermaid
