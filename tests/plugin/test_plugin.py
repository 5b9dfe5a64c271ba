"""Words of another package: found through entry points, under the same laws, without a line of ours changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from archdsl.extras import ONNX, installed

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Path(__file__).parent / "example"


def run(*args: str, also: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(also), str(ROOT)])
    return subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )


def test_the_words_of_a_package_are_words() -> None:
    done = run(
        "-m",
        "archdsl",
        "params",
        "conv(8) snake fireblock(8, 16) vgg[8x2] +snakes",
        "--input",
        "3x32x32",
        "--classes",
        "10",
        "--format",
        "json",
    )
    assert done.returncode == 0, done.stderr
    assert '"params": 4618' in done.stdout


TEXT = (
    "net conv(4, s=4) snake gap linear(10)\ndata fashion-mini subset(64) dim(90%)\n"
    "train adagrad halves elastic(1e-3) batch(16) epochs(2)\n"
)


def test_its_optimiser_schedule_penalty_and_augmentation_train(tmp_path: Path) -> None:
    texts = {"all": TEXT, "plain": TEXT.replace(" dim(90%)", "").replace(" halves", "").replace(" elastic(1e-3)", "")}
    each = [
        ("train", t, "--out", str(tmp_path / n), "--device", "cpu", "--precision", "plain") for n, t in texts.items()
    ]
    done = run("-c", f"from archdsl.cli.main import main\nprint([main([*line]) for line in {each!r}])")
    assert done.stdout.endswith("[0, 0]\n"), done.stderr
    found = {name: next((tmp_path / name).iterdir()) for name in ("all", "plain")}
    logs = {
        name: [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        for name, folder in found.items()
    }
    rates = {name: [e["lr"] for e in log if e["event"] == "epochdone"] for name, log in logs.items()}
    assert rates == {"all": [0.01, 0.005], "plain": [0.01, 0.01]}
    losses = {name: [e["loss"] for e in log if e["event"] == "epochdone"] for name, log in logs.items()}
    assert losses["all"] != losses["plain"]
    about = json.loads((found["all"] / "settings.json").read_text())
    assert about["train"]["optimizer"] == {"kind": "adagrad", "lr": 0.01}
    assert about["train"]["penalties"] == [{"kind": "elastic", "rate": 1e-3, "weights": False}]
    assert about["data"]["augment"] == [{"kind": "dim", "where": "pipeline", "share": 0.9}]


def test_a_word_without_behaviour_is_refused_by_check_and_train() -> None:
    for word, said, help in (
        (
            "nothing",
            "nothing says how `Nothing` of archdsl_example.words is carried out",
            "complete the class with `build`",
        ),
        (
            "loose",
            "nothing says how `object` of builtins is carried out",
            "make its class a `Optimizer` with `build` and `lr`",
        ),
    ):
        for command in ("check", "train"):
            done = run("-m", "archdsl", command, f"net conv(4)\ndata fashion-mini\ntrain {word}")
            assert done.returncode == 2
            assert said in done.stdout + done.stderr
            assert help in done.stdout + done.stderr
            assert "Traceback" not in done.stderr


def test_its_activation_is_one_for_modifiers_and_families() -> None:
    done = run("-m", "archdsl", "params", "vgg[8x1] +act(snake) mobilenetv2[16x1](act=snake) se(4, act=snake)")
    assert done.returncode == 0, done.stderr
    done = run("-m", "archdsl", "params", "(conv(8) bn snake conv(8)) +nf")
    assert done.returncode == 2
    assert "`+nf` has no gain for the activation `snake`" in done.stderr


def test_the_laws_hold_for_them() -> None:
    the_laws_hold("snake", "fireblock", "+snakes", "adagrad", "halves", "elastic", "dim")


def the_laws_hold(*words: str, also: Path = EXAMPLE, least: int = 4) -> None:
    """At least so many laws of our own words, which the author of a package runs by `archdsl words --check`."""
    done = run("-m", "archdsl", "words", "--check", *words, "--format", "json", also=also)
    assert done.returncode == 0, done.stderr
    rows = {row["word"]: row for row in json.loads(done.stdout)}
    assert [word.lstrip("+") for word in words] == list(rows)
    for word, row in rows.items():
        tried = {law: verdict for law, verdict in row.items() if law not in ("word", "kind") and verdict is not None}
        if not all(map(installed, ONNX)) and "ONNX" in tried:
            assert tried.pop("ONNX") == "not tried"
        assert set(tried.values()) == {"holds"}, f"{word}: {done.stderr}"
        assert len(tried) >= least


BESIDE = """
from archdsl.study.plan.design import Design, Over, design

@design("ends")
def ends(over: Over) -> Design:
    \"\"\"The full model and the bare one.\"\"\"
    return Design(over.name, (over.first, tuple(size - 1 for size in over.sizes)))
"""


def test_a_package_adds_a_design_beside_its_words(tmp_path: Path) -> None:
    info = tmp_path / "beside.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: beside\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\nbeside = beside_words\n")
    (tmp_path / "beside_words.py").write_text(BESIDE)
    text = "net conv(4, s=4) {n: bn | } {a: relu | tanh} gap linear(10)\ndata fashion-mini\ntrain sgd(0.1)"
    asked = ("-m", "archdsl", "ablate", text, "--design", "ends", "--dry-run", "--format", "csv")
    done = run(*asked, also=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) == 3
    assert "unknown design `ends`" in run(*asked).stderr


WRONG = """
from archdsl.ir.layer import Layer
from archdsl.registry import op

@op("conv(8) wrong", traits="weighted")
def wrong(x: tuple[int, ...]) -> Layer:
    \"\"\"A convolution of 1x1 that counts itself twice.\"\"\"
    c, h, w = x
    return Layer(x, lambda nn: nn.Conv2d(c, c, 1, bias=False), None, {"weight": (c, c, 1, 1)}, {}, 2 * c * c * h * w)
"""


def test_a_broken_law_is_reported_with_its_example(tmp_path: Path) -> None:
    info = tmp_path / "wrong.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\nwrong = wrong_words\n")
    (tmp_path / "wrong_words.py").write_text(WRONG)
    done = run("-m", "archdsl", "words", "--check", "wrong", "--format", "json", also=tmp_path)
    assert done.returncode == 2
    (row,) = json.loads(done.stdout)
    assert {law for law, verdict in row.items() if verdict == "broken"} == {"MACs"}
    assert "broken: `wrong`, MACs (Twice the MACs" in done.stderr
    assert "`conv(8) wrong`: torch's count of operations: " in done.stderr


def test_a_package_that_does_not_load_is_named(tmp_path: Path) -> None:
    info = tmp_path / "broken.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\nbroken = not_there.words\n")
    done = run("-m", "archdsl", "words", also=tmp_path)
    assert done.returncode == 4
    assert "not_there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    info = tmp_path / "taken.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: taken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[archdsl.words]\ntaken = taken_words\n")
    (tmp_path / "taken_words.py").write_text(
        "from archdsl.ir.layer import Layer\nfrom archdsl.registry import op\n\n\n"
        '@op("conv(8) relu")\ndef relu(x: tuple) -> Layer:\n    """Another relu."""\n    return Layer(out=x)\n'
    )
    done = run("-m", "archdsl", "words", also=tmp_path)
    assert done.returncode != 0
    assert "already taken" in done.stderr
