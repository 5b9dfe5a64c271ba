"""`archdsl params`: tables, records, spaces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.walk import walk
from tests.cli.conftest import Run

NET = "conv(8) bn relu plain[8x3, 16x3] +res gap linear(10)"
HEAD = ("--input", "3x16x16", "--classes", "10")
AST = """let p = 30%
let unit(c, s=1) = conv(c, k=1x3, s=s) +bn -relu
input 3x8x8
net (stem: unit(8)) as x vgg[8x2(k=5), 16^2] {norm: +gn(4) | } cat(id | @x conv(-(2 - 10)))*2 ln(axis=[1, 2])
data folder("photos")
train adam freeze(stem..stage2)
include "other.arch"
"""
FIELDS = {
    "spec",
    "hash",
    "input",
    "classes",
    "params",
    "macs",
    "flops",
    "layers",
    "activations",
    "memory",
    "depth",
    "receptive_field",
    "stride",
}


@pytest.mark.parametrize(
    ("name", "code", "args"),
    [
        ("params.txt", 0, ("params", NET, *HEAD)),
        ("params.md", 0, ("params", NET, *HEAD, "--format", "md")),
        ("params-layers.csv", 0, ("params", NET, *HEAD, "--format", "csv", "--layers")),
        ("params-several.txt", 0, ("params", NET, "conv(8)", *HEAD)),
        ("params-space.txt", 0, ("params", "vgg[8x{1..2}^{1..2}] {norm: +bn | }", *HEAD, "--sort", "-params")),
        ("params-where.csv", 0, ("params", "conv({8, 16, 32})", *HEAD, "--format", "csv", "--where", "params<1k")),
        ("show.txt", 0, ("show", NET, *HEAD)),
        ("show-ast.txt", 0, ("show", AST, "--stage", "ast")),
        ("show-ir.txt", 0, ("show", NET, *HEAD, "--stage", "ir")),
        ("show-rows.txt", 0, ("show", "conv(8) as x relu cat(id | conv(4) | @x)", *HEAD, "--stage", "rows")),
        ("words-drop.txt", 0, ("words", "drop")),
        ("explain.txt", 0, ("explain", "A203")),
        ("check.txt", 2, ("check", "conv(8) rellu", "patch(4, 8) bn", *HEAD)),
        ("check.json", 2, ("check", "conv(8)\nvgg[8] +rse", *HEAD, "--format", "json")),
        ("check.sarif", 0, ("check", "let p = 1\nconv(8)", *HEAD, "--format", "sarif")),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_golden(name: str, code: int, args: tuple[str, ...], run: Run, golden: Callable[[str, str], None]) -> None:
    done = run(*args)
    assert done.code == code, done.err
    golden(name, done.out)


def test_the_golden_tree_has_every_node() -> None:
    """What the golden file of `--stage ast` shows is the whole language."""
    kinds = {type(n) for n in walk(parse(AST))}
    assert kinds == {k for t in (ast.Expr, ast.Item, ast.Param | ast.File) for k in get_args(t)}


def test_one_spec_as_json(run: Run) -> None:
    done = run("params", NET, *HEAD, "--format", "json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found.keys() >= FIELDS
    assert (found["input"], found["classes"], found["flops"]) == ([3, 16, 16], 10, 2 * found["macs"])
    assert "rows" not in found


def test_several_specs_as_json_are_a_list(run: Run) -> None:
    found = json.loads(run("params", NET, "conv(8)", *HEAD, "--format", "json").out)
    assert [f["params"] for f in found] == [
        json.loads(run("params", s, *HEAD, "--format", "json").out)["params"] for s in (NET, "conv(8)")
    ]


def test_rows_add_up(run: Run) -> None:
    found = json.loads(run("params", NET, *HEAD, "--format", "json", "--layers").out)
    assert sum(r["params"] for r in found["rows"]) == found["params"]
    assert sum(r["macs"] for r in found["rows"]) == found["macs"]
    assert len(found["rows"]) == found["layers"]


def test_folded_table_adds_up(run: Run) -> None:
    lines = run("params", NET, *HEAD).out.splitlines()
    rules = [n for n, line in enumerate(lines) if line.startswith("---")]
    body = [line.split() for line in lines[rules[0] + 1 : rules[1]]]
    total = sum(int(row[1]) * int(row[-2].replace(",", "")) for row in body)
    assert total == json.loads(run("params", NET, *HEAD, "--format", "json").out)["params"]


def test_a_value_that_is_not_there_is_null(run: Run) -> None:
    found = json.loads(
        run("params", "linear(8) relu linear(10)", "--input", "4", "--classes", "10", "--format", "json").out
    )
    assert found["receptive_field"] is None
    assert found["stride"] is None


def test_memory_follows_batch_dtype_and_optimizer(run: Run) -> None:
    def memory(*args: str, train: str = "sgd(0.1)") -> int:
        done = run("params", f"{NET}\ntrain {train}", *HEAD, "--format", "json", *args)
        return int(json.loads(done.out)["memory"])

    found = json.loads(run("params", NET, *HEAD, "--format", "json").out)
    one = found["params"] * 4
    assert memory("--batch", "256") - memory("--batch", "128") == 128 * 4 * found["activations"]
    assert memory() - memory("--dtype", "bf16") == 128 * 2 * found["activations"]
    assert memory(train="adam") - memory() == one
    assert memory() - memory(train="sgd(0.1, momentum=0)") == one
    assert memory(train="lion(1e-4)") == memory(train="rmsprop(1e-3)") == memory()
    assert memory(train="rmsprop(1e-3, momentum=0.9)") == memory(train="adam")


def test_set_data_and_hash(run: Run) -> None:
    def of(*args: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(run("params", *args, "--format", "json").out)
        return found

    one = of("conv(8)\ndata fashion-mini\ntrain epochs(3)")
    assert one["input"] == [1, 28, 28]
    assert of("conv(8)\ndata fashion-mini\ntrain epochs(3)", "--data", "cifar10")["input"] == [3, 32, 32]
    other = of("conv(8)\ndata fashion-mini\ntrain epochs(3)", "--set", "train.epochs=4")
    assert other["hash"] == of("conv(8)\ndata fashion-mini\ntrain epochs(4)")["hash"] != one["hash"]


def test_a_space_lists_every_arm(run: Run) -> None:
    found = json.loads(
        run("params", "vgg[64x{1..3}^{1..4}]", "--input", "3x32x32", "--classes", "10", "--format", "json").out
    )
    assert len(found) == 12
    assert found[0]["choice"] == {"{1..3}": "1", "{1..4}": "1"}
    rows = list(
        csv.DictReader(io.StringIO(run("params", "conv({8, 16})", *HEAD, "--format", "csv", "--sort", "params").out))
    )
    assert [r["{8, 16}"] for r in rows] == ["8", "16"]


def test_wrong_arms_are_said_and_right_ones_listed(run: Run) -> None:
    done = run("params", "conv(8, groups={1, 3, 9})", *HEAD)
    assert done.code == 2
    assert "1 arm\n" in done.out
    assert "2 of 3 arms are not valid networks" in done.err
    assert "A303" in done.err
    assert "first in the arm {1, 3, 9}=3" in done.err
    assert "conv(8, groups={1, 3, 9})" in done.err


def test_many_arms(run: Run) -> None:
    done = run("params", "conv({1..70}) relu conv({1..70})", *HEAD, "--format", "json")
    found = json.loads(done.out)
    assert len(found) == 4900
    assert [f["choice"] for f in found[:2]] == [{"{1..70}": "1", "{1..70}#2": "1"}, {"{1..70}": "1", "{1..70}#2": "2"}]
    assert len({f["params"] for f in found}) > 4000


@pytest.mark.parametrize(
    "args",
    [
        ("--sort", "size"),
        ("--where", "params"),
        ("--where", "size<3"),
        ("--batch", "0"),
        ("--format", "xml"),
        ("--input", "3xx"),
        ("--input", "0x3x3"),
        ("--classes", "0"),
        ("--set", "x"),
        ("--data", "cifar11"),
        ("--fromat", "json"),
    ],
)
def test_bad_options(args: tuple[str, ...], run: Run) -> None:
    done = run("params", "conv({8, 16})", *args)
    assert done.code == 2
    assert done.out == ""
    assert "error" in done.err
    assert "Traceback" not in done.err


def test_one_wrong_spec_of_several(run: Run) -> None:
    done = run("params", "conv(8)", "rellu", "nothing.arch", *HEAD, "--format", "json")
    assert done.code == 2
    assert [f["spec"] for f in json.loads(done.out)] == ["<spec>"]
    assert "A201" in done.err
    assert "error: there is no file nothing.arch" in done.err


def test_the_first_failure_of_several_specs_decides_the_exit_code(run: Run) -> None:
    wrong, missing = "rellu", 'net conv(8)\ndata folder("nowhere")'
    for specs, code in (((wrong, "conv(8)", missing), 2), ((missing, "conv(8)", wrong), 4)):
        done = run("params", *specs, *HEAD)
        assert done.code == code
        places = {wrong: done.err.index("error[A201]"), missing: done.err.index("error: there is no folder nowhere")}
        assert places[specs[0]] < places[specs[2]], "in the order of the specs"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("conv(8)", "conv(4)", "--where", "params<1k"), "--where has no effect on specs without holes"),
        (("conv(8)", "--sort", "params"), "--sort has no effect on specs without holes"),
        (("conv(8)", "conv(4)", "--layers"), "--layers has no effect on a table of several specs"),
        (("conv({8, 16})", "--layers", "--format", "json"), "--layers has no effect on a space"),
    ],
)
def test_options_without_effect_are_refused(run: Run, args: tuple[str, ...], message: str) -> None:
    done = run("params", *args, *HEAD)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "rows" in json.loads(run("params", "conv(8)", "conv(4)", *HEAD, "--layers", "--format", "json").out)[1]


def test_files_stdin_and_shipped_names(run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own.arch").write_text("conv(8)\nclasses 10\ninput 3x8x8")
    assert json.loads(run("params", "own.arch", "--format", "json").out)["spec"] == "own.arch"
    found = json.loads(run("params", "specs/lenet5.arch", "lenet5", "imagenet/resnet50.arch", "--format", "json").out)
    assert found[0]["params"] == found[1]["params"] == 61_706
    assert found[2]["params"] == 25_557_032
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"conv(8)\r\n"), "utf-8"))
    assert json.loads(run("params", "-", *HEAD, "--format", "json").out)["spec"] == "<stdin>"


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        ("not (bn or ln)", ["8,", "16,"]),
        ("norm = bn and params > 500", ["16,bn"]),
        ("norm = none or macs < 1", ["8,", "16,"]),
    ],
)
def test_arms_by_their_words_and_levels(run: Run, test: str, kept: list[str]) -> None:
    space = "conv({8,16}) {norm: bn | ln | } relu gap linear(10)"
    done = run("params", space, "--input", "3x32x32", "--where", test, "--format", "csv")
    assert [",".join(line.split(",")[:2]) for line in done.out.splitlines()[1:]] == kept


def test_proxies(run: Run) -> None:
    net = "conv(4) relu gap linear(10)"
    names = ["grad_norm", "jacob_cov", "naswot", "snip", "synflow"]
    result = run("params", net, "--data", "fashion-mini", "--proxies", "--format", "json")
    assert list(json.loads(result.out)["proxies"]) == names
    assert "proxies" not in json.loads(run("params", net, "--data", "fashion-mini", "--format", "json").out)
    assert "· naswot " in run("params", net, "--data", "fashion-mini", "--proxies").out
    rows = list(csv.DictReader(io.StringIO(run("params", "lenet5", "vgg[4]", "--proxies", "--data", "fashion-mini",
                                               "--format", "csv").out)))  # fmt: skip
    assert [row["naswot"] == "" for row in rows] == [True, False]  # tanh has no rectified units


def test_arms_by_a_proxy(run: Run) -> None:
    space = "conv({4 | 8 | 16 | 32}) relu gap linear(10)"
    args = ("--data", "fashion-mini", "--proxies", "--where", "params < 400")
    arms = json.loads(run("params", space, *args, "--sort=-synflow", "--format", "json").out)
    assert [arm["choice"]["{4 | 8 | 16 | 32}"] for arm in arms] == ["16", "8", "4"]
    assert "synflow" in run("params", space, *args).out
    assert run("params", space, "--sort=-synflow").code == 2
    assert run("params", net := "conv(8) relu gap linear(10)", "--proxies", "--input", "1x8x8").code == 2, net
