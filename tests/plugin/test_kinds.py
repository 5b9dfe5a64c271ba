"""Every kind of word, and a format of tables, is found by its entry point and carried out."""

from __future__ import annotations

import json
from pathlib import Path

from tests.plugin.test_plugin import run, the_laws_hold

PACKAGE = Path(__file__).parent / "kinds"
NET = "net conv(4, s=4) bn relu gap linear(10)\n"


def archdsl(*args: str, also: Path = PACKAGE) -> str:
    done = run("-m", "archdsl", *args, also=also)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_layers_of_every_kind() -> None:
    said = archdsl("params", "conv(8) least(conv(8) | id) add(conv(16) | widened) ladders[8x2]", "--input", "3x8x8")
    assert "ladders" in said


def test_the_laws_hold_for_every_kind() -> None:
    the_laws_hold(
        "least", "widened", "ladders", "fade", "halved", "howmany", "thirds", "inverted", also=PACKAGE, least=3
    )


def test_a_format_of_tables_is_one_of_every_command() -> None:
    shown = archdsl("params", "conv(8) relu", "--input", "3x8x8", "--format", "count")
    assert shown.endswith(" rows\n")
    assert archdsl("words", "proxies", "--format=count") == archdsl("words", "proxies", "--format", "count")
    for command in ("params", "ablate"):
        assert "count" in archdsl(command, "--help")


def test_a_package_that_does_not_load_is_a_note_where_formats_are_listed(tmp_path: Path) -> None:
    info = tmp_path / "broken.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\nbroken = not_there.words\n")
    done = run("-m", "archdsl", "params", "--help", also=tmp_path)
    assert done.returncode == 0
    assert "note: the words of `not_there.words` do not load" in done.stderr


def test_proxies() -> None:
    text = f"{NET}data fashion-mini\ntrain sgd(0.1)"
    assert "howmany" in archdsl("words", "proxies")
    assert json.loads(archdsl("params", text, "--proxies", "--format", "json"))["proxies"]["howmany"] == 94


def test_words_of_data_and_evaluation_are_carried_out(tmp_path: Path) -> None:
    text = f"{NET}data fashion-mini subset(64) thirds inverted\ntrain sgd(0.1) batch(16) epochs(1)\nevaluate fade(50%) halved"
    archdsl("check", text)
    said = archdsl("train", text, "--out", str(tmp_path), "--device", "cpu", "--precision", "plain", "--format", "json")
    found = json.loads(said)
    assert found["evaluation"]["evaluate"] == "halved fade(0.5)"
    assert found["evaluation"]["figures"]["weight_norm"] < found["weight_norm"]
    (folder,) = [p for p in tmp_path.iterdir() if p.is_dir()]
    data = json.loads((folder / "settings.json").read_text())["data"]
    assert [w["kind"] for w in (*data["augment"], *data["corrupt"])] == ["thirds", "inverted"]
    assert "fade" in archdsl("words", "evaluate")
