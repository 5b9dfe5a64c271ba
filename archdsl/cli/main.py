"""The entry point: finds the command, and turns whatever happens into a message and an exit code.

0 ok · 1 internal · 2 usage or spec · 3 some runs failed · 4 environment · 5 damaged store · 130 SIGINT · 143 SIGTERM
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperGroup

from archdsl import __version__
from archdsl.errors import ArchError

if TYPE_CHECKING:
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
    "export": "Write a spec or a run as ONNX.",
}
SIGPIPE_EXIT = 141


class _Commands(TyperGroup):
    """A group whose commands are imported on first use, so that counting does not pay for training."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in COMMANDS:
            return None
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        module = importlib.import_module(f"archdsl.cli.{name}")
        app.command(name, context_settings={"help_option_names": ["-h", "--help"]})(getattr(module, "command", None) or getattr(module, name))
        return typer.main.get_command(app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from archdsl.errors import suggest

            near = suggest(args[0], COMMANDS)
            raise click.UsageError(f"there is no command `{args[0][:60]}`{'; ' + near if near else ''}", ctx)
        return super().resolve_command(ctx, args)


root = typer.Typer(
    cls=_Commands, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


def _version(asked: bool) -> None:
    if asked:
        print(f"archdsl {__version__}")
        raise typer.Exit


@root.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
) -> None:
    """A language for neural nets: one line is a network, one file an experiment.

    A SPEC is a file, the name of a shipped spec, `-` for standard input, or the text itself.
    """


def run() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminated)
    code = main(sys.argv[1:])
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.flush()
    sys.exit(code)


def _terminated(signum: int, frame: FrameType | None) -> None:
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
        if debug:
            raise
        return _refused(error)
    return code


def _called(args: list[str]) -> int:
    try:
        result = typer.main.get_command(root).main(args, prog_name="archdsl", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.Exit as stop:
        return stop.exit_code
    return result if isinstance(result, int) else 0


def _refused(error: Exception) -> int:
    if isinstance(error, ArchError):
        text = str(error)
        return _say(text if text.startswith(("error[", "warning[")) else f"error: {text}", error.exit_code)
    if isinstance(error, click.ClickException):
        usage = f"\nhelp: `{error.ctx.command_path} --help` says what there is" if getattr(error, "ctx", None) else ""
        return _say(f"error: {error.format_message()}{usage}", error.exit_code)
    if isinstance(error, OSError):
        _drop_output()
        where = f" {error.filename}" if error.filename else ""
        return _say(f"error: the system refuses{where or ' the output'}: {error.strerror or error}", 4)
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
