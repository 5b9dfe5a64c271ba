"""The entry point: finds the command, and turns whatever happens into a message and an exit code.

0 ok · 1 internal · 2 usage or spec · 3 some runs failed · 4 environment · 5 damaged store · 130 SIGINT · 143 SIGTERM
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from archdsl import __version__
from archdsl.errors import ArchError, suggest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# Name, what it does, and the module whose `command` does it; the module is imported when the command is called.
COMMANDS = {
    "check": "Say everything that is wrong or doubtful in specs.",
    "show": "Print a stage of a spec: tree, ast, ir, rows or source.",
    "params": "Count parameters, MACs, FLOPs and memory, without torch.",
    "fmt": "Bring specs into canonical layout.",
    "words": "List the vocabulary, or explain one word.",
    "explain": "Explain an error code or a word.",
    "train": "Train a spec.",
    "export": "Write a spec or a run as ONNX or as Python source.",
}
OPTIONS = {
    "--version, -V": "Print the version and leave.",
    "--debug": "Show tracebacks; may stand anywhere.",
    "--completion SHELL": "Print the completion of bash, zsh or fish: eval \"$(archdsl --completion bash)\"",
    "-h, --help": "Show this page and leave; also of each command.",
}  # fmt: skip
ABOUT = """A language for neural nets: one line is a network, one file an experiment.

A SPEC is a file, the name of a shipped spec, `-` for standard input, or the text itself."""
SIGPIPE_EXIT = 141


def run() -> NoReturn:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminated)
    code = main(sys.argv[1:])
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.flush()
    sys.exit(code)


def _terminated(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)


def main(args: list[str]) -> int:
    """Run a command line; everything that is raised becomes an exit code."""
    last = args.index("--") if "--" in args else len(args)
    debug = "--debug" in args[:last] or bool(os.environ.get("ARCHDSL_DEBUG"))
    args = [a for n, a in enumerate(args) if n >= last or a != "--debug"]
    try:
        code = _called(args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return SIGPIPE_EXIT
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    except Exception as error:
        if debug and not hasattr(error, "exit_code"):
            raise
        return _refused(error)
    return code


def _called(args: list[str]) -> int:
    from archdsl.cli.output import put
    from archdsl.cli.parser import Usage, help_text, params_of, parsed

    if not args:
        _say(_front(), 2)
        return 2
    name = args[0]
    if name in ("-h", "--help"):
        put(_front())
    elif name in ("-V", "--version"):
        put(f"archdsl {__version__}\n")
    elif name.partition("=")[0] == "--completion":
        from archdsl.cli.completion import script

        put(script(name.partition("=")[2] or "".join(args[1:2])))
    elif name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        known = [flag.split(",")[0].split(" ")[0] for flag in OPTIONS] if what == "option" else COMMANDS
        raise Usage(f"there is no {what} `{name[:60]}`", help=suggest(name, known) or "`archdsl --help` lists all")
    else:
        function = command(name)
        before = args[1 : args.index("--")] if "--" in args else args[1:]
        if "-h" in before or "--help" in before:
            put(help_text(name, function))
        else:
            function(**parsed(params_of(function), args[1:], name))
    return 0


def command(name: str) -> Callable[..., Any]:
    """The function of a command."""
    module = importlib.import_module(f"archdsl.cli.{name}")
    found: Callable[..., Any] = getattr(module, "command", None) or getattr(module, name)
    return found


def _front() -> str:
    from archdsl.cli.parser import listing, wrap

    about = "\n\n".join(wrap(part, 2) for part in ABOUT.split("\n\n"))
    return (f"Usage: archdsl COMMAND [OPTIONS] ...\n\n{about}\n\nCommands:\n{listing(list(COMMANDS.items()))}\n\n"
            f"Options:\n{listing(list(OPTIONS.items()))}\n")  # fmt: skip


def _refused(error: Exception) -> int:
    if isinstance(error, ArchError):
        text = str(error)
        return _say(text if text.startswith(("error[", "warning[")) else f"error: {text}", error.exit_code)
    if isinstance(code := getattr(error, "exit_code", None), int):  # typer.Exit and its kin
        return _say(str(error), code) if str(error) not in ("", str(code)) else code
    if isinstance(error, OSError):
        _drop_output()
        where = f" {error.filename}" if error.filename else " the output"
        return _say(f"error: the system refuses{where}: {error.strerror or error}", 4)
    if isinstance(error, MemoryError):
        return _say("error: out of memory", 4)
    return _say(f"internal error: {type(error).__name__}: {error}\nhelp: this is a fault of archdsl; "
                "the same command with --debug shows where", 1)  # fmt: skip


def _say(text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            print(text, file=sys.stderr)
    return code


def _drop_output() -> None:
    """What is still in the buffer has nowhere to go; without this, the interpreter complains about it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
