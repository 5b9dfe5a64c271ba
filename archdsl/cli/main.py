"""The entry point: finds the command, and turns whatever happens into a message and an exit code.

0 ok · 1 internal · 2 usage or spec · 3 some runs failed · 4 environment · 5 damaged store ·
129 SIGHUP · 130 SIGINT · 141 SIGPIPE · 143 SIGTERM
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from archdsl.errors import ArchError, lined

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIGPIPE_EXIT = 141
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def run() -> NoReturn:
    """The console script."""
    from archdsl.cli.streams import guard, settle

    guard()
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup leaves SIGHUP, and it is meant
            signal.signal(number, _terminated)
    code = main(sys.argv[1:])
    settle()
    if "RANK" in os.environ and "torch.distributed" in sys.modules:
        os._exit(code)  # a process of torchrun: taking its groups apart can hang, see archdsl.train.distributed
    sys.exit(code)


def _terminated(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)


def main(args: list[str]) -> int:
    """Run a command line; everything that is raised becomes an exit code."""
    last = args.index("--") if "--" in args else len(args)
    debug = "--debug" in args[:last] or bool(os.environ.get("ARCHDSL_DEBUG"))
    args = [a for n, a in enumerate(args) if n >= last or a != "--debug"]
    code = _ended(lambda: _called(args), debug)
    # Whatever the end was: a disk may be full, and a process of torchrun ends without writing what is held back.
    return _ended(_flushed, debug) or code


def _called(args: list[str]) -> int:
    from archdsl import files
    from archdsl.cli.app import run as called

    files.remarks[:] = [_Once()]
    try:
        return called(args)
    finally:
        _say_notices()


def _flushed() -> int:
    if sys.stdout is not None:
        sys.stdout.flush()
    return 0


def _ended(act: Callable[[], int], debug: bool) -> int:
    """The exit code by which this ends."""
    try:
        return act()
    except BrokenPipeError:
        return _unread()
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer takes it, and ends with 1
            return _unread()
        return stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    except Exception as error:
        if debug and not hasattr(error, "exit_code"):
            raise
        return _refused(error)


def _say_notices() -> None:
    """Say what the core has noticed and no event of a run has said, such as a cache that is not used."""
    module = sys.modules.get("archdsl.notices")
    for text in module.taken() if module is not None else ():
        from archdsl.cli.output import say

        say(f"note: {text}")


def _refused(error: Exception) -> int:
    if isinstance(error, ArchError):
        from archdsl.cli.output import refused

        return _say(refused(error), error.exit_code)
    from archdsl.extras import broken

    if (unusable := broken(error)) is not None:
        return _say(f"error: {unusable}", unusable.exit_code)
    if isinstance(code := getattr(error, "exit_code", None), int):  # typer.Exit and its kin
        return _say(str(error), code) if str(error) not in ("", str(code)) else code
    if isinstance(error, OSError):
        _drop_output()
        where = f" {error.filename}" if error.filename else " the output"
        return _say(f"error: the system refuses{where}: {error.strerror or error}", 4)
    from archdsl.emit.memory import REMEDY, is_out_of_memory

    if is_out_of_memory(error):
        return _say(f"error: not enough memory\nhelp: {REMEDY}", 4)
    return _say(
        f"internal error: {type(error).__name__}: {error}\nhelp: this is a bug in archdsl; "
        "the same command with --debug shows where",
        1,
    )


class _Once:
    """Says a remark on what a name was taken for, each once a command."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            _say(f"note: {lined(text)}", 0)


def _say(text: str, code: int) -> int:
    from archdsl.cli.output import say

    say(text, lines=True)
    return code


def _unread() -> int:
    """The exit code where nobody reads the output any more."""
    _drop_output()
    return SIGPIPE_EXIT


def _drop_output() -> None:
    """What is still in the buffer has nowhere to go; without this, the interpreter complains about it at its end."""
    from archdsl.cli.streams import nowhere

    nowhere(sys.stdout)
