"""The house's own rules: who imports whom, what a start may load, how long a file grows, what none may say."""

import itertools
import json
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import lengths

REPO = Path(__file__).resolve().parents[1]
SPEC = "conv(8) bn relu gap linear(10)"
INPUT = ("--input", "3x8x8", "--classes", "10")

# What counting may not wait for, and what `--help` and `--version` may not either.
HEAVY = {"torch", "numpy", "torchvision", "pydantic", "pyarrow", "matplotlib", "PIL", "safetensors", "onnx"}
PARSER = {"lark"}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (REPO / folder).rglob("*.py"))


def tracked() -> list[Path]:
    """The files of the tree as git sees them, new ones included; in an unpacked archive, those of our folders."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        ours = ["archdsl", "bench", "docs", "grammars", "specs", "tests", "tools"]
        inside = [path for folder in ours for path in (REPO / folder).rglob("*") if "__pycache__" not in path.parts]
        return [path for path in (*REPO.glob("*"), *inside) if path.is_file()]
    names = [Path(name) for name in done.stdout.split("\0") if name]
    return [REPO / name for name in names if (REPO / name).is_file()]


def test_imports_go_downwards() -> None:
    pytest.importorskip("importlinter")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-cache",
        ],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rooms_of_the_page_are_in_the_order_of_the_floors() -> None:
    contract = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    floor = {room: n for n, layer in enumerate(contract["layers"]) for room in re.split(r" [:|] ", layer)}
    rows = re.findall(r"^\| (`archdsl/.*?) \|", (REPO / "docs/house.md").read_text("utf-8"), re.MULTILINE)
    rooms = [[name.removeprefix("archdsl/").rstrip("/") for name in re.findall(r"`(.+?)`", row)] for row in rows]
    assert {room for row in rooms for room in row} == floor.keys() - {"__main__"}
    for upper, lower in itertools.pairwise(rooms):
        assert max(floor[room] for room in upper) <= min(floor[room] for room in lower), (upper, lower)


def test_files_stay_short() -> None:
    assert lengths.too_long() == []
    assert statistics.median(n for n in lengths.lengths().values() if n) <= 120


def test_the_layout_is_that_of_the_formatter() -> None:
    kept = sum(
        path.read_text("utf-8").count("# fmt: " + "skip") for path in python_files("archdsl", "tests", "tools", "bench")
    )
    assert kept < 100, "write it as `ruff format` does"


def loaded_by(*args: str, cwd: Path) -> set[str]:
    """The top-level modules that one command leaves in `sys.modules`. A command that fails is no evidence."""
    code = (
        "import json, sys\n"
        "from archdsl.cli.main import run\n"
        "try:\n    run()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("--version",),
        ("check", SPEC, *INPUT),
        ("params", SPEC, *INPUT),
        ("params", SPEC, *INPUT, "--format", "json"),
        ("params", "specs/imagenet/resnet50.arch"),
        ("show", SPEC, *INPUT),
        ("show", SPEC, *INPUT, "--stage", "rows"),
        ("draw", SPEC, *INPUT),
        ("draw", SPEC, *INPUT, "--format", "svg"),
        ("diff", SPEC, "conv(8) relu gap linear(10)", *INPUT),
        ("fmt", SPEC),
        ("words",),
        ("words", "conv"),
        ("explain", "A203"),
    ],
    ids=" ".join,
)
def test_counting_starts_without_torch(args: tuple[str, ...], tmp_path: Path) -> None:
    forbidden = HEAVY | PARSER if args[0] in {"--help", "--version"} else HEAVY
    assert not loaded_by(*args, cwd=tmp_path) & forbidden


# Spelt in pieces, so that this file passes its own test.
UNFIT = {
    "a note to oneself": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "a path of one machine": re.compile(r"(?<![\w.~$}])/(?:ho" + r"me|ro" + r"ot|wo" + r"rk|Us" + r"ers)/\w"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_the_tree_is_tidy(what: str) -> None:
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data[:8192]:  # binary
            continue
        for place, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
            if UNFIT[what].search(line):
                found.append(f"{path.relative_to(REPO)}:{place}: {line.strip()[:100]}")
    assert not found


def test_nothing_built_is_tracked() -> None:
    assert not [str(path) for path in tracked() if {".venv", "__pycache__", "dist"} & set(path.parts)][:5]
    assert not [str(path) for path in tracked() if path.stat().st_size > 5 * 2**20]


def test_shipped_files_are_found() -> None:
    from archdsl import files

    assert "start" in files.grammar_text("archdsl.lark")
    inside = files.spec_path("specs/lenet5.arch")
    assert inside == files.spec_path("lenet5") == REPO / "specs" / "lenet5.arch"
    assert inside in files.specs()


@pytest.mark.parametrize("name", ["", "nothing", "../pyproject.toml", "/etc/hosts", "a\0b", "x" * 10_000, "imagenet"])
def test_other_names_are_no_shipped_spec(name: str) -> None:
    from archdsl import files

    assert files.spec_path(name) is None


def test_no_golden_file_is_empty() -> None:
    """An empty one compares nothing: a command that fails writes nothing too."""
    files = [p for folder in (REPO / "tests").rglob("golden") for p in folder.rglob("*") if p.is_file()]
    assert len(files) > 50
    assert [str(p.relative_to(REPO)) for p in files if not p.read_bytes().strip()] == []


def test_asserts_narrow_types_and_nothing_else(repo: Path) -> None:
    """Under `python -O` they are gone: what guards a result or an input is an error. The two forms tell the type checker
    what it cannot see: `assert isinstance(x, T)` and `assert x is not None`.
    """
    import ast

    wrong = []
    for path in sorted((repo / "archdsl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Assert):
                continue
            test = node.test
            kind = isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance"
            there = isinstance(test, ast.Compare) and ast.unparse(test).endswith(" is not None")
            if not (kind or there):
                wrong.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert not wrong


def test_what_carries_out_settings_has_a_case_for_all_others(repo: Path) -> None:
    """A value that no case knows is an error, never the last case's."""
    import ast

    for path in sorted((repo / "archdsl" / "train").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Match):
                last = node.cases[-1].pattern
                assert isinstance(last, ast.MatchAs), f"{path}:{node.lineno}"
                assert last.pattern is None, f"{path}:{node.lineno}"
