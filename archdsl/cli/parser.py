"""Command lines from the signatures of functions: what an annotation says is what is parsed, checked and helped with.

The usual libraries for this take as long to import as counting a network does (measured in docs/benchmarks), so
commands that start in a blink have this one. Metadata of typer (``typer.Option``) is understood as well as our own.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from archdsl.errors import ArchError, suggest


class Usage(ArchError):
    """A command line that says nothing, with the command that it was meant for."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What an annotation says about a parameter besides its type. ``flags`` are empty for a positional argument."""

    flags: tuple[str, ...] = ()
    help: str = ""
    metavar: str = ""
    min: int | None = None
    max: int | None = None


def option(*flags: str, help: str, metavar: str = "", min: int | None = None, max: int | None = None) -> Meta:
    """Metadata of an option."""
    return Meta(flags, help, metavar, min, max)


def argument(metavar: str, help: str) -> Meta:
    """Metadata of a positional argument."""
    return Meta((), help, metavar)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a command. ``convert`` turns a text into its value; ``many`` gathers a list."""

    name: str
    meta: Meta
    convert: Callable[[str], Any]
    choices: tuple[str, ...]
    flag: bool
    many: bool
    default: Any

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def shown(self) -> str:
        """Its name in messages and help."""
        if self.meta.flags:
            return ", ".join(self.meta.flags) + ("" if self.flag else f" {self.metavar}")
        return self.metavar

    @property
    def metavar(self) -> str:
        return self.meta.metavar or "|".join(self.choices) or self.name.upper()


def params_of(command: Callable[..., Any]) -> list[Param]:
    """The parameters of a command, from its signature."""
    hints = typing.get_type_hints(command, include_extras=True)
    return [_param(name, hints[name], p.default) for name, p in inspect.signature(command).parameters.items()]


def _param(name: str, hint: Any, default: Any) -> Param:
    meta = Meta()
    if typing.get_origin(hint) is typing.Annotated:
        hint, found = typing.get_args(hint)[:2]
        meta = found if isinstance(found, Meta) else _foreign(found, name)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    many = typing.get_origin(hint) is list
    if many:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is Literal:
        return Param(name, meta, str, typing.get_args(hint), False, many, default)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Param(name, meta, hint, tuple(str(m.value) for m in hint), False, many, default)
    return Param(name, meta, hint if hint in (str, int, float, Path) else str, (), hint is bool, many, default)


def _foreign(found: Any, name: str) -> Meta:
    """typer's metadata."""
    positional = type(found).__name__ == "ArgumentInfo"
    written = (found.default, *(found.param_decls or ()))  # in an annotation, the first flag stands in its `default`
    flags = tuple(f for f in written if isinstance(f, str) and f.startswith("-"))
    flags = () if positional else flags or (f"--{name.replace('_', '-')}",)
    return Meta(flags, found.help or "", found.metavar or "", found.min, found.max)


def parsed(params: list[Param], args: list[str], command: str) -> dict[str, Any]:
    """The values of a command line by parameter.

    Raises:
        Usage: something is unknown, missing, double, or no value of its type.
    """
    flags = {f: p for p in params for f in p.meta.flags}
    given: dict[str, Any] = {}
    free: list[str] = []
    rest = list(args)
    while rest:
        text = rest.pop(0)
        if text == "--":
            free += rest
            break
        if not _is_option(text):
            free.append(text)
            continue
        name, equals, value = text.partition("=")
        param = flags.get(name)
        if param is None:
            raise Usage(f"`archdsl {command}` has no option `{name[:60]}`", help=suggest(name, flags) or _more(command))
        if param.flag:
            if equals:
                raise Usage(f"`{name}` takes no value", help=_more(command))
            given[param.name] = True
            continue
        if not equals:
            if not rest:
                raise Usage(f"`{name}` needs a value, {param.metavar}", help=_more(command))
            value = rest.pop(0)
        _take(given, param, value, name, command)
    _positional(given, [p for p in params if not p.meta.flags], free, command)
    return given


def _is_option(text: str) -> bool:
    return len(text) > 1 and text[0] == "-" and (text[1] == "-" or text[1].isalpha())


def _take(given: dict[str, Any], param: Param, text: str, name: str, command: str) -> None:
    value = _converted(param, text, name, command)
    if param.many:
        given.setdefault(param.name, []).append(value)
    elif param.name in given:
        raise Usage(f"`{name}` is given twice", help=_more(command))
    else:
        given[param.name] = value


def _converted(param: Param, text: str, name: str, command: str) -> Any:
    if param.choices and text not in param.choices:
        listed = ", ".join(param.choices)
        near = suggest(text, param.choices) or _more(command)
        raise Usage(f"`{name}` is one of {listed}, not `{text[:60]}`", help=near)
    if param.convert in (int, float) and not text.isascii():
        raise Usage(f"`{name}` is a number, not `{text[:60]}`", help=_more(command))
    try:
        value = param.convert(text)
    except ValueError:
        what = "a whole number" if param.convert is int else "a number" if param.convert is float else "a value"
        raise Usage(f"`{name}` is {what}, not `{text[:60]}`", help=_more(command)) from None
    low, high = param.meta.min, param.meta.max
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"at least {low:,}" if high is None else f"from {low:,} to {high:,}"
        raise Usage(f"`{name}` is {bounds}, not {text[:60]}", help=_more(command))
    return value


def _positional(given: dict[str, Any], params: list[Param], free: list[str], command: str) -> None:
    for param in params:
        if param.many:
            given[param.name] = [_converted(param, t, param.metavar, command) for t in free]
            free = []
        elif free:
            given[param.name] = _converted(param, free.pop(0), param.metavar, command)
        if param.required and not given.get(param.name) and given.get(param.name) != "":
            raise Usage(f"`archdsl {command}` needs {param.metavar.removesuffix('...')}", help=_more(command))
    if free:
        raise Usage(f"`archdsl {command}` takes no further `{free[0][:60]}`", help=_more(command))


def _more(command: str) -> str:
    return f"`archdsl {command} --help` says what there is"


def help_text(command: str, function: Callable[..., Any]) -> str:
    """The help page of a command."""
    params = params_of(function)
    takes = " ".join(p.metavar if p.required else f"[{p.metavar.strip('[]')}]" for p in params if not p.meta.flags)
    arguments = [(p.shown, p.meta.help) for p in params if not p.meta.flags]
    options = [(p.shown, p.meta.help + _default(p)) for p in params if p.meta.flags]
    options.append(("-h, --help", "Show this page and leave."))
    about = [wrap(part, 2) for part in inspect.cleandoc(function.__doc__ or "").split("\n\n")]
    text = [f"Usage: archdsl {command} [OPTIONS] {takes}".rstrip(), "", "\n\n".join(about)]
    if arguments:
        text += ["", "Arguments:", listing(arguments)]
    return "\n".join([*text, "", "Options:", listing(options)]) + "\n"


def _default(param: Param) -> str:
    value = param.default
    return "" if param.flag or param.required or value in (None, "") else f" [{getattr(value, 'value', value)}]"


def listing(rows: list[tuple[str, str]]) -> str:
    """Names with their help in a second column, as wide as the terminal is."""
    wide = min(max(len(name) for name, _ in rows), 26)
    lines = []
    for name, help in rows:
        text = wrap(help, wide + 4)[wide + 4 :]
        lines.append(f"  {name:<{wide}}  {text}" if len(name) <= wide else f"  {name}\n{' ' * (wide + 4)}{text}")
    return "\n".join(line.rstrip() for line in lines)


def wrap(text: str, indent: int) -> str:
    """Text filled to the terminal's width."""
    from shutil import get_terminal_size
    from textwrap import fill

    width = max(indent + 24, min(100, get_terminal_size().columns))
    return fill(" ".join(text.split()), width, initial_indent=" " * indent, subsequent_indent=" " * indent)
