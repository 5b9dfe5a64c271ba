"""Nothing that archdsl imports speaks to anybody: every module, in a new process, with a new home and no network."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl import foreign
from tests.conftest import REPO

# Audit events come from the interpreter; what a library's own threads of C++ do is seen in what they leave in the cache.
WATCH = """
import importlib, json, pkgutil, sys, time
from importlib.util import find_spec

seen = []

def audit(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        seen.append([event, str(arguments[-1])])
        raise OSError(f"sockets are forbidden here: {event}")

sys.addaudithook(audit)
import archdsl

own = [m.name for m in pkgutil.walk_packages(archdsl.__path__, "archdsl.") if not m.name.endswith("__main__")]
for name in own:
    importlib.import_module(name)

from archdsl.emit import vision
from archdsl.export import runtime
from archdsl.study.execute import cluster

vision.import_timm(), runtime.import_quantization()
if find_spec("ray"):
    cluster._ray()
for name in ("huggingface_hub", "matplotlib.figure", "torch.utils.tensorboard", "scipy.special", "pyarrow.parquet"):
    if find_spec(name.partition(".")[0]) and (name != "torch.utils.tensorboard" or find_spec("tensorboard")):
        importlib.import_module(name)
runtime.import_onnxruntime().SessionOptions()
time.sleep(0.5)  # threads that begin with the import
print("\\n" + json.dumps({"seen": seen, "own": len(own), "modules": sorted(sys.modules)}))
"""
QUIET = ("matplotlib", "archdsl", "fontconfig", "torch")  # caches of fonts and kernels
OUTSIDE = {
    "onnxruntime": {"archdsl/export/runtime.py"},
    "timm": {"archdsl/emit/vision.py"},
    "torchvision": {"archdsl/emit/vision.py"},
    "huggingface_hub": {"archdsl/transfer/zoo.py"},
    "ray": {"archdsl/study/execute/cluster.py"},
}


def watched(code: str, home: Path) -> dict[str, object]:
    """What a process saw of the network; ``home`` has what it left behind."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH", "LANG", "ARCHDSL_NATIVE")}
    env = {**kept, "HOME": str(home), "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, env=env, cwd=home, timeout=240
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def left(home: Path) -> list[str]:
    """The files in a home, but for caches of fonts and kernels."""
    files = [p.relative_to(home) for p in home.rglob("*") if p.is_file()]
    return sorted(str(p) for p in files if not (set(p.parts) & set(QUIET)))


def test_nothing_that_is_imported_speaks_to_anybody(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    found = watched(WATCH, tmp_path)
    assert found["seen"] == []
    assert left(tmp_path) == []
    assert int(str(found["own"])) > 150
    assert {"onnxruntime", "torchvision", "timm", "onnx", "huggingface_hub"} <= set(found["modules"])  # type: ignore[arg-type]


def test_the_watch_sees_what_is_said() -> None:
    """The test above could not fail if this did not."""
    code = (
        WATCH.partition("import archdsl")[0] + "import socket\n"
        "for call in (lambda: socket.getaddrinfo('localhost', 80), lambda: socket.create_connection(('127.0.0.1', 9))):\n"
        "    try:\n        call()\n    except OSError:\n        pass\n"
        "print(json.dumps({'seen': [event for event, _ in seen]}))"
    )
    assert watched(code, Path.cwd())["seen"] == ["socket.getaddrinfo", "socket.getaddrinfo"]


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    foreign.prepare()
    foreign.prepare()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert sum(isinstance(finder, foreign._Finder) for finder in sys.meta_path) == 1


def test_each_of_these_packages_is_imported_at_one_place() -> None:
    """Where ``foreign.prepare`` comes first."""
    found: dict[str, set[str]] = {package: set() for package in OUTSIDE}
    for path in (REPO / "archdsl").rglob("*.py"):
        text = path.read_text("utf-8")
        for package in found.keys() & set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE)):
            found[package].add(path.relative_to(REPO).as_posix())
            assert "prepare()" in text, path
    assert found == OUTSIDE
