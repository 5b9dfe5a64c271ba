"""What every test shares: hypothesis profiles, the repository, and the command line as a process."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from archdsl.foreign import prepare
from tests.forked import Forked, forked

REPO = Path(__file__).resolve().parents[1]

# Where no bytecode may be written beside the sources, each of the many processes of the tests would compile every module
# anew, and so would pytest each test: it is kept in pytest's own folder instead.
if sys.dont_write_bytecode and sys.pycache_prefix is None:
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(REPO / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False

# One thread for each parallel worker: two workers with two threads each on two cores are slower than one.
# It has to be said before anything imports torch.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Compiled kernels are kept from test to test, or each command with a cache of its own would wait for the compiler.
os.environ.setdefault("ARCHDSL_NATIVE", str(Path(tempfile.gettempdir()) / f"archdsl-native-{os.getuid()}"))

# A parent process may ignore signals, as `nohup` and shells do for what they start in the background. Children inherit what
# is ignored, but not what is handled: with handlers that do nothing, the tests' own processes begin with the defaults, and
# this one is protected as before.
for _number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)

prepare()  # no telemetry, whichever test imports a library first
# Many workers on few cores: a compiler that takes two seconds alone may take a minute.
os.environ.setdefault("ARCHDSL_COMPILE_SECONDS", "300")

# Time limits belong to pytest-timeout: a busy machine must not turn a property red.
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("ARCHDSL_FUZZ", "20000")),  # for each property; make fuzz FUZZ=…
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

Cli = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regen", action="store_true", help="rewrite golden files instead of comparing them")


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the checkout."""
    return REPO


def command_line(
    *args: str,
    cwd: Path,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run `archdsl` in a fresh process, with nobody's settings but those given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ARCHDSL_") or k == "ARCHDSL_NATIVE"}
    return subprocess.run(
        [sys.executable, "-c", "from archdsl.cli.main import run; run()", *args],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=timeout,
        env={**clean, **(env or {})},
    )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `archdsl` in a fresh process, from an empty folder."""

    def run(*args: str, cwd: Path = tmp_path, **more: Any) -> subprocess.CompletedProcess[str]:
        return command_line(*args, cwd=cwd, **more)

    return run


@pytest.fixture(scope="session")
def forking() -> Iterator[Forked]:
    """Programs as processes of their own that begin with torch imported, which takes two seconds."""
    with forked() as found:
        yield found
