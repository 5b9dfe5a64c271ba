"""How the threads of one process wait for each other."""

from __future__ import annotations

import os


def yield_cores() -> None:
    """Let threads that wait sleep, instead of spinning on a core. To be called before torch is imported.

    The steps of a small net are short, and a thread that spins keeps a core from the thread it waits for as
    soon as anything else runs on the machine: LeNet-5 on two cores fell from 16,000 to 250 images/s beside
    one busy process, and keeps 5,000 when its threads sleep. What sleeping costs on an idle machine is not
    settled. A user's own setting stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
