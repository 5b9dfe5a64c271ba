"""The typer application. A command's module is imported when the command is called; only help and completion load all."""

from __future__ import annotations

import importlib
import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.main import get_command

from archdsl.errors import ArchError, suggest
from archdsl.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# In the order of the help page; each is a module here with a function `command`.
COMMANDS = (
    "check",
    "show",
    "draw",
    "diff",
    "params",
    "fmt",
    "words",
    "specs",
    "explain",
    "data",
    "train",
    "ablate",
    "search",
    "report",
    "verdict",
    "eval",
    "lesion",
    "predict",
    "exercise",
    "runs",
    "plot",
    "transfer",
    "import",
    "export",
    "bench",
    "lsp",
)
ABOUT = """A language for neural nets: one line is a network, one file an experiment.

A SPEC is a file, the name of a shipped spec (`archdsl specs` lists them), `-` for standard input, or the text itself."""
HELP, FORMAT = {"-h", "--help"}, ("--format", "--report")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# Whatever a command line can have wrong. typer carries its own copy of click from some version on: ask typer for it.
UsageError: Any = typer.BadParameter.__mro__[1]
ClickException: Any = UsageError.__mro__[1]


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The application with the given commands."""
    # Drawn help needs rich, which takes longer to import than most commands to run: on a terminal only.
    markup: Literal["rich"] | None = "rich" if sys.stdout is not None and sys.stdout.isatty() else None
    app = typer.Typer(
        name="archdsl",
        help=ABOUT,
        rich_markup_mode=markup,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings=CONTEXT,
    )
    app.callback()(_front)
    for name in names:
        app.command(name, context_settings=CONTEXT)(_function(name))
    return app


def _function(name: str) -> Callable[..., Any]:
    module = importlib.import_module(f"archdsl.cli.commands.{name}")
    found: Callable[..., Any] = module.command
    return found


def _version(wanted: bool) -> None:
    if wanted:
        from archdsl.cli.output import put

        put(f"archdsl {__version__}\n")
        raise typer.Exit


def _front(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; accepted at any place of the command.")
    ] = False,
) -> None:
    """Options before the command; `--debug` is taken out of the arguments before they come here."""


def run(args: list[str]) -> int:
    """Run a command line and give its exit code.

    Raises:
        ArchError: the command line says nothing, or the command refuses.
    """
    if _other_format(args):
        _load_formats()
    known = args[:1] if args and args[0] in COMMANDS else COMMANDS
    command: Any = get_command(application(known))
    if len(known) == 1:
        _refuse_doubles(command.commands[args[0]], args[1:])
    try:
        code = command.main(args=args, prog_name="archdsl", standalone_mode=False)
    except ClickException as error:
        raise _refusal(error, args) from None
    return code if isinstance(code, int) else 0


def _other_format(args: list[str]) -> bool:
    """Whether a command line asks for the list of formats, or for one that is none of ours: packages have more of them."""
    if HELP & set(args) or "_ARCHDSL_COMPLETE" in os.environ:
        return True
    given = [value for name, value in pairwise(args) if name in FORMAT]
    given += [value for name, _, value in (arg.partition("=") for arg in args) if name in FORMAT and value]
    if not given:
        return False
    from archdsl.report import FORMATS

    return any(value not in FORMATS for value in given)


def _load_formats() -> None:
    """Load the packages before a command declares its choices. One that does not load is a note: no format of ours needs it."""
    from archdsl.notices import notice
    from archdsl.registry import load_packages

    try:
        load_packages()
    except ArchError as error:
        notice(error.message)


def _refuse_doubles(command: Any, args: list[str]) -> None:
    """An option that takes one value may be given once, and so may a switch: click would silently take the last one."""
    names = [_spelling(arg) for arg in (args[: args.index("--")] if "--" in args else args)]
    for param in command.params:
        if getattr(param, "multiple", False) or param.param_type_name != "option":
            continue
        on, off = ([name for name in names if name in spellings] for spellings in (param.opts, param.secondary_opts))
        if on and off:
            raise ArchError(f"`{on[0]}` and `{off[0]}` contradict each other", help="keep one of them")
        if len(on) > 1 or len(off) > 1:
            raise ArchError(f"`{param.opts[0] if on else off[0]}` is given twice", help="keep one of them")


def _spelling(arg: str) -> str:
    """The option that an argument may be: `--jobs` of `--jobs=4`, `-j` of `-j4`."""
    return arg.partition("=")[0] if arg.startswith("--") or not arg.startswith("-") else arg[:2]


def _refusal(error: Any, args: list[str]) -> ArchError:
    text = error.format_message().replace("Value error, ", "").strip()
    if not args:  # the text is the help page, which is shown already where it is drawn
        from archdsl.cli.output import say

        if text:
            say(text, lines=True)
        return ArchError("archdsl needs a command", help="`archdsl --help` lists all")
    near = ""
    if args and args[0] not in COMMANDS and not args[0].startswith("-"):
        near = suggest(args[0], COMMANDS)
        text = f"there is no command `{args[0][:60]}`"
    more = f"archdsl {args[0]}" if args and args[0] in COMMANDS else "archdsl"
    return ArchError(text.rstrip("."), help=near or f"`{more} --help` says what there is")
