"""Memory that does not suffice: what the libraries call it, and what we do. Knows no torch."""

from __future__ import annotations

from archdsl.errors import EnvError

REMEDY = "a smaller network, input or batch; or --device cpu, where it is the memory of a GPU"
# Of torch's allocators (CPU, CUDA, Metal), cuBLAS and cuDNN, onnxruntime, and C++ itself.
WORDS = ("allocate memory", "out of memory", "not enough memory", "ALLOC_FAILED", "bad_alloc", "bad allocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a library says that memory did not suffice: most say it in words alone."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, Exception) and any(word in str(error) for word in WORDS)


def check_memory(error: BaseException, what: str = "this", help: str = REMEDY) -> None:
    """Raise an EnvError in the place of an error that says that memory did not suffice; others are the caller's.

    Raises:
        EnvError: there was not enough memory for ``what``.
    """
    if is_out_of_memory(error):
        raise EnvError(f"not enough memory for {what}", help=help) from error
