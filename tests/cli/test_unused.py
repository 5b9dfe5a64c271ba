"""A let that some arm of a space uses is no unused one, and no remedy takes it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.expand.include import library
from archdsl.lsp.actions import fixes
from archdsl.lsp.document import Document
from tests.cli.conftest import Run

HEAD = "input 3x8x8\nclasses 10\n"


@pytest.mark.parametrize(
    ("lets", "net", "unused"),
    [
        ("let unit = conv(8) bn\n", "{relu | unit}", []),
        ("let unit = conv(8) bn\n", "{unit | relu} {bn | }", []),
        ("let unit = conv(8) bn\nlet pair = unit unit\n", "{a: relu | pair}", []),
        ("let w = 8\nlet unit(c) = conv(c) bn\n", "{a: relu | unit(w)}", []),
        ("let unit = conv(8) bn\nlet alone = bn\n", "{relu | unit}", ["alone"]),
        ("let h = 2\nlet k = roll(-h)\n", "{a: relu | k}", []),
        ("let c = 8\nlet unit(c) = conv(c) bn\n", "{a: relu | unit(4)}", ["c"]),
    ],
)
def test_of_a_space(run: Run, lets: str, net: str, unused: list[str]) -> None:
    text = f"{HEAD}{lets}net conv(4) {net} gap linear(10)\n"
    document = Document("untitled:1", None, "utf-16", library)
    document.update(text, 0)
    found = [d.message for d in document.now.findings if d.code == "A501"]
    assert found == [f"nothing uses `{name}`" for name in unused]
    assert len(fixes(document.now)) == len(unused)
    Path("a.arch").write_text(text)
    done = run("check", "a.arch", "--fix")
    assert done.code == 0, done.out
    kept = "".join(f"{line}\n" for line in lets.splitlines() if line.split()[1].split("(")[0] not in unused)
    assert Path("a.arch").read_text() == f"{HEAD}{kept}net conv(4) {net} gap linear(10)\n"


def test_of_what_is_set_beside_the_text(run: Run) -> None:
    text = f"{HEAD}let unit = conv(8) bn\nlet k = unit\nnet conv(4) k gap linear(10)\n"
    Path("a.arch").write_text(text)
    assert run("check", "a.arch", "--fix", "--set", "let.k=relu").code == 0
    assert Path("a.arch").read_text() == text
