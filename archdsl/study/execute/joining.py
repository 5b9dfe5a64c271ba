"""Joining a Ray cluster, or beginning one on this machine."""

from __future__ import annotations

import socket
from typing import Any

from archdsl.errors import EnvError

_HELP = "start one with `ray start --head`, and give its address by --address"


def join(ray: Any, address: str | None) -> None:
    """Join the cluster at an address; None begins one on this machine.

    Raises:
        EnvError: there is none.
    """
    _reachable(address)
    try:
        ray.init(
            address=address,
            include_dashboard=False if address is None else None,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise EnvError(f"no Ray cluster at {address or 'this machine'}: {why}", help=_HELP) from error


def _reachable(address: str | None) -> None:
    """Ray itself waits for minutes for a cluster that is not there."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise EnvError(f"no Ray cluster at {address}: {error}", help=_HELP) from error
