"""Memory that does not suffice: what the libraries call it, and what we do. Knows no torch."""

from __future__ import annotations

from archdsl.errors import EnvError, is_out_of_memory

__all__ = ["REMEDY", "check_memory", "is_out_of_memory"]

REMEDY = "a smaller network, input or batch; or --device cpu, where it is the memory of a GPU"


def check_memory(error: BaseException, what: str = "this", help: str = REMEDY) -> None:
    """Raise an EnvError in the place of an error that says that memory did not suffice; others are the caller's.

    Raises:
        EnvError: there was not enough memory for ``what``.
    """
    if is_out_of_memory(error):
        raise EnvError(f"not enough memory for {what}", help=help) from error
