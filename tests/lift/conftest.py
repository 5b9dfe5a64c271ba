"""Networks of tests/lift/nets imported in this process, which needs no time for another one to start."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

KINDS = Path(__file__).parent / "nets" / "kinds.py"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def kinds() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kinds", KINDS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
