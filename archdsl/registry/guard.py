"""What a word does wrong, said of the word: the one place where the code of a word is called, or its methods are wrapped.

The class of a kind marks its methods with ``gives``. The methods of a word's class are wrapped when the word is registered, so
that every caller gets the same error. Functions are called by ``carry``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from archdsl.errors import ArchError, InternalError, NoSuchClass, Refusal, is_out_of_memory

if TYPE_CHECKING:
    from types import TracebackType

    from archdsl.registry.entry import Entry

F = TypeVar("F", bound=Callable[..., Any])
LAYER = "a `Layer` (archdsl.ir.layer), whose shapes are tuples of whole numbers"
NODE = "a node, such as `seq(o.conv(8), o.relu())`"
# What messages call a word of a kind, and what its function gives.
_KINDS = {
    "op": ("layer", LAYER),
    "join": ("join", LAYER),
    "block": ("block", NODE),
    "late": ("block", f"{NODE}, or None"),
    "family": ("family", NODE),
    "modifier": ("modifier", f"{NODE}; None where it has no effect"),
    "data": ("data word", "a setting"),
    "train": ("train word", "a setting"),
    "metric": ("metric", ""),
    "evaluation": ("evaluation", ""),
    "proxy": ("proxy", ""),
}
_OWN = ("archdsl", "__main__")


class WordFault(ArchError, RuntimeError):
    """The code of a word fails, or gives what its kind does not allow. It is a RuntimeError, too: whoever has a plain path beside
    a fast one takes it.
    """


def is_number(value: object, *_: object) -> bool:
    """Whether a value is a number, of Python or of another library."""
    return isinstance(value, int | float) or (hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0)


def is_figure(value: object, *_: object) -> bool:
    """Whether a value is a number, or None where there is none."""
    return value is None or is_number(value)


def gives(text: str, proper: Callable[..., bool] | None = None) -> Callable[[F], F]:
    """Say what a method of a kind gives. ``proper`` tells whether a result, and the arguments but for ``self``, are such."""

    def mark(method: F) -> F:
        method.given = (text, proper)  # type: ignore[attr-defined]
        return method

    return mark


def guard(entry: Entry) -> None:
    """Wrap the methods of a word's class that its kind marks with ``gives``."""
    make = entry.make
    if not isinstance(make, type):
        return
    for name, given in _marked(make.__bases__).items():
        method = getattr(make, name)  # its own, or that of a class between it and its kind
        if inspect.isfunction(method) and not hasattr(method, "given"):
            setattr(make, name, _guarded(method, *given))


@cache
def _marked(bases: tuple[type, ...]) -> dict[str, Any]:
    """What each method of these classes, and of those that they derive from, gives."""
    found: dict[str, Any] = {}
    for base in (c for b in reversed(bases) for c in reversed(b.__mro__)):
        found |= {name: method.given for name, method in vars(base).items() if hasattr(method, "given")}
    return found


def _guarded(method: Callable[..., Any], text: str, proper: Callable[..., bool] | None) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> Any:
        try:
            result = method(self, *args, **named)
        except NoSuchClass as error:
            raise _unknown(self, error) from error
        except (ArchError, Refusal, InternalError):
            raise
        except Exception as error:
            raise _failed(self, method, text, error) from error
        try:
            fits = proper is None or proper(result, *args, *named.values())
        except Exception:  # of another type altogether
            fits = False
        if not fits:
            raise wrong(self, method, result, text)
        return result

    call.given = (text, proper)  # type: ignore[attr-defined]
    return call


def carry(entry: Entry, act: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What a function of a word gives.

    Raises:
        WordFault: it fails.
    """
    try:
        return act(*args, **named)
    except NoSuchClass as error:
        raise _unknown(entry, error) from error
    except (ArchError, Refusal, InternalError):
        raise
    except Exception as error:
        raise _failed(entry, act, "", error) from error


def wrong(word: Any, act: Callable[..., Any], result: object, text: str = "") -> WordFault:
    """The error for a word, an entry or a value of its class, whose function or method gives what it must not."""
    shape, shown = getattr(result, "shape", None), "" if hasattr(result, "shape") else repr(result)
    sort = f"a {type(result).__name__}{f' of shape {tuple(shape)}' if shape is not None else ''}"
    brief = f"`{shown}`" if 0 < len(shown) <= 60 and shown.isprintable() else sort
    code = getattr(inspect.unwrap(act), "__code__", None)
    return fault(word, f"it gives {brief}", _wanted(word, act, text), code.co_firstlineno if code is not None else 0)


def _failed(word: Any, act: Callable[..., Any], text: str, error: Exception) -> Exception:
    """The error of a word that raised one; that of the environment stays what it is."""
    from archdsl.extras import broken  # slow to import

    if is_out_of_memory(error) or broken(error) is not None:
        return error
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return fault(word, what, _wanted(word, act, text), _line(error.__traceback__, _of(word)[1]))


def _unknown(word: Any, error: NoSuchClass) -> Exception:
    """The error of a word that asks for a class that nobody has."""
    return fault(word, error.message, error.help or "", _line(error.__traceback__, _of(word)[1]))


def fault(word: Any, what: str, remedy: str = "", line: int = 0) -> WordFault:
    """The error for a word: what is wrong with it, what it should be, and the line, where that is not the one where it begins."""
    about, module, begins, _ = _of(word)
    own = module.partition(".")[0] in _OWN
    whose = "repair the word" if own else "repair or uninstall that package"
    return WordFault(
        f"the {about} of {module} fails{f' in line {line or begins}' if line or begins else ''}: {what}",
        help=f"{whose}: {remedy}" if remedy else whose,
        exit_code=1 if own else 4,
    )


def _wanted(word: Any, act: Callable[..., Any], text: str) -> str:
    """What a function or method should give."""
    kind = _of(word)[3]
    if kind and act is getattr(word, "make", None):
        return f"`{word.name}` gives {_KINDS[kind][1]}"
    if kind == "modifier":
        return f"its undo gives {_KINDS[kind][1]}"
    return f"`{act.__name__}` gives {text}" if text else ""


def _of(word: Any) -> tuple[str, str, int, str]:
    """What messages call the word of an entry or of a value, its module, its line, and its kind."""
    from archdsl.registry.lookup import entry_of  # which entries are made of

    entry = word if hasattr(word, "make") else entry_of(type(word))
    if entry is None:
        name = getattr(word, "word", "") or getattr(word, "name", "") or type(word).__name__.lower()
        return f"word `{name}`", type(word).__module__, 0, ""
    line = entry.place.line if entry.place is not None else 0
    return f"{_KINDS[entry.kind][0]} `{entry.name}`", entry.make.__module__, line, entry.kind


def _line(trace: TracebackType | None, module: str) -> int:
    """The last line of a module through which an error came; 0 where there is none."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == module:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
