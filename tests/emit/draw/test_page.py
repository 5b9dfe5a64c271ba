"""Pictures: nothing overlaps, nothing is cut off, no line runs through a box; and what an svg must be."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from archdsl import load
from archdsl.draw import diagram
from archdsl.draw.metrics import width
from archdsl.draw.page import scene
from archdsl.draw.palette import DARK, LIGHT
from archdsl.draw.scene import Scene, Text
from archdsl.draw.svg import svg_text
from tests.emit.draw.geometry import cards, faults

NETS = {
    "skip": "conv(16) res(conv(16) bn relu conv(16) bn) relu gap linear(10)",
    "wide": "cat(conv(8,1) | conv(8) relu conv(8) | maxpool(3,s=1,p=1) | id) add(conv(16) | conv(16,1)) gap linear(10)",
    "u": "conv(8) as a maxpool conv(16) as b maxpool conv(32) upconv(16,2,s=2) cat(id|@b) conv(16) upconv(8,2,s=2) cat(id|@a) "
    "conv(8) gap linear(10)",
    "dense": "conv(8) as a conv(8,5) as b cat(@a|@b) conv(8,1) as c cat(@a|@b|@c) conv(8) as d cat(@a|@c|@d) gap linear(10)",
    "labels": "stem: conv(8) a_very_long_label_that_somebody_gave_to_a_layer_of_his: conv(8,1) both: cat(x: conv(8) | y: id) "
    "gap linear(10)",
    "inside": "conv(8) ode(conv(8) relu conv(8), solver=rk4, steps=2) shared(conv(8) relu, 3) gap linear(10)",
    "crossed": "conv(8) as a conv(8,5) as b add(@b conv(8,1) | @a conv(8) relu) as c add(@a conv(8) | @c conv(8,1)) "
    "gap linear(10)",
}
SPECS = (
    "lenet5",
    "resnet18",
    "densenet",
    "inception",
    "vit",
    "shufflenet",
    "imagenet/nasnetalarge",
    "imagenet/resnet50",
)


def made(spec: str, **how: Any) -> Scene:
    given = {} if spec.endswith(".arch") else {"input": (3, 16, 16), "classes": 10}
    return scene(diagram(load(spec, **given).trace, "a title", "a subtitle", **how))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("expand", [False, True])
def test_wirings(name: str, expand: bool) -> None:
    assert not list(faults(made(NETS[name], expand=expand)))


@pytest.mark.parametrize("spec", SPECS)
def test_shipped_nets(spec: str) -> None:
    page = made(f"specs/{spec}.arch")
    assert not list(faults(page))
    assert len(cards(page)) > 5
    assert page.w / page.h < 3


def test_faults_are_found() -> None:
    """The checks of this file can fail."""
    page = made(NETS["skip"])
    text = next(m for m in page.marks if isinstance(m, Text) and m.text.startswith("conv"))
    page.marks.append(Text(text.x + 3, text.y + 3, "over it", 12))
    page.marks.append(Text(page.w - 5, 20, "beyond the edge", 12))
    x, y, right, low = cards(page)[2]
    from archdsl.draw.scene import Line

    page.marks.append(Line(((x - 9, (y + low) / 2), (right + 9, (y + low) / 2))))
    found = " ".join(faults(page))
    assert "lies on" in found
    assert "cut off" in found
    assert "a line runs through a box" in found


def test_a_column_is_broken_where_one_line_leads_on() -> None:
    from archdsl.draw.layout import panel

    long = diagram(
        load(" ".join(f"conv({n})" for n in range(8, 28)) + " gap linear(10)", input="3x16x16", classes=10).trace
    )
    one, four = panel(long.main, 1), panel(long.main, 4)
    assert four.w > 3 * one.w
    assert four.h < one.h / 3


class TestSvg:
    def test_it_stands_alone(self) -> None:
        text = svg_text(made(NETS["wide"]))
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not re.search(r"<script|<image|<foreignObject|href|url\(|@import|onload", text)
        names = {e.tag.rpartition("}")[2] for e in root.iter()}
        assert names == {"svg", "title", "desc", "style", "rect", "text", "path"}
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-labelledby"] == "title about"
        assert root[0].text == "a title"
        assert "From input to output: conv 1×1, 8" in (root[1].text or "")

    def test_it_follows_light_and_dark(self) -> None:
        text = svg_text(made(NETS["skip"]))
        assert "@media (prefers-color-scheme:dark)" in text
        assert DARK.keys() == LIGHT.keys()
        used = set(re.findall(r'class="([^"]+)"', text))
        assert {c for names in used for c in names.split()} <= {*LIGHT, "chip", "head"}

    def test_every_text_is_held_to_its_width(self) -> None:
        text = svg_text(made(NETS["labels"]))
        assert text.count("<text ") == text.count("textLength=") > 10

    def test_signs_of_xml_stay_text(self) -> None:
        net = load("conv(8) gap linear(10)", input="3x8x8", classes=10)
        text = svg_text(scene(diagram(net.trace, '<script>"&\x1b', "a & b")))
        assert ET.fromstring(text)[0].text == '<script>"& '
        assert "<script" not in text

    def test_the_same_net_gives_the_same_bytes(self) -> None:
        assert svg_text(made(NETS["dense"])) == svg_text(made(NETS["dense"]))


def contrast(a: str, b: str) -> float:
    """WCAG 2's contrast of two colours."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_can_be_read_on_every_colour(palette: dict[str, tuple[str, str]]) -> None:
    letters = {"paper", "ink", "soft", "accent", "inverse", "badge", "wire"}
    for name, (fill, _) in palette.items():
        if fill != "none" and name not in letters:
            assert contrast(palette["ink"][0], fill) > 7, name
            assert contrast(palette["soft"][0], fill) > 4.5, name
    assert contrast(palette["inverse"][0], palette["badge"][0]) > 7


def test_widths() -> None:
    assert width("iiii", 10) < width("mmmm", 10) < width("mmmm", 10, True) + 0.1
    assert width("a", 20) == 2 * width("a", 10)
    assert width("网", 10) == 10
    assert width("", 10) == 0


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_pictures(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from archdsl.draw.raster import picture

    page = made(NETS["skip"])
    page.marks.append(Text(30, 60, "$x$ \\frac _", 10))
    page.marks = page.marks[-40:]
    for name in ("a", "b"):
        picture(page, tmp_path / name, kind, dark=False)
    data = (tmp_path / "a").read_bytes()
    assert data == (tmp_path / "b").read_bytes()
    assert data[:4] == {"png": b"\x89PNG", "pdf": b"%PDF"}[kind]
    if kind == "png":
        from PIL import Image

        with Image.open(tmp_path / "a") as image:
            assert image.size == (int(page.w * 2), int(page.h * 2))
            assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
