"""The names that are visible at a point of the text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from archdsl.errors import SpecError, fail
from archdsl.limits import Limits
from archdsl.syntax import ast

if TYPE_CHECKING:
    from archdsl.errors import Span
    from archdsl.expand.memo import Memo

# Names that mean something where a value is; no `let` may take them.
STATEMENTS = frozenset(ast.KEYWORDS) - {"classes"}
RESERVED = STATEMENTS | {"cin", "classes", "true", "false", "id", "as"}


STEPS = 10  # steps of expansion for each layer that there may be
MOST_FINDINGS = 50  # that one message shows
MOST_ERRORS = 200  # that one expansion goes through; lets that double multiply the errors in them


@dataclass
class Closure:
    """An argument with the names that were visible where it was written; evaluated on first use. ``scope``: where ``cin`` of
    a value is read that was written outside of any let, at the let that it was given to."""

    expr: ast.Expr
    env: Env
    cache: dict[str, Any] = field(default_factory=dict)
    scope: int | None = None


@dataclass
class Budget:
    """Counts shared by one expansion: layers made so far, steps taken, scopes handed out, lets that were used."""

    layers: int = 0
    steps: int = 0
    errors: int = 0
    scopes: count[int] = field(default_factory=lambda: count(1))
    used: set[str] = field(default_factory=set)
    marked: dict[str, Span] = field(default_factory=dict)  # where a name was given last, seen from there or not
    memo: Memo | None = None  # kept from the expansion before

    def spend(self, layers: int, span: Span | None) -> None:
        self.layers += layers
        if self.layers > Limits.LAYERS:
            self.layers = -(10**12)  # said once is enough: what follows is expanded to find other errors
            raise fail(
                "A404",
                f"the network has more than {Limits.LAYERS:,} layers",
                span,
                "make it smaller, or raise ARCHDSL_MAX_LAYERS",
            )

    def step(self, span: Span | None) -> None:
        """Lets that double, errors that repeat: what unfolds without end makes steps, even where it makes no layer."""
        self.steps += 1
        if self.errors > MOST_ERRORS:
            raise fail("A404", f"more than {MOST_ERRORS} errors: the rest of the text is not checked", span)
        if self.steps > Limits.LAYERS * STEPS:
            raise fail(
                "A404",
                f"the text unfolds to more than {Limits.LAYERS * STEPS:,} pieces",
                span,
                "lets that use others twice double at each level",
            )


@dataclass
class Env:
    """lets: the file's definitions; locals: the parameters of the let being expanded; marks: names of values; scope:
    where ``cin`` is read; active: the lets being expanded, outermost first."""

    lets: dict[str, ast.Let]
    budget: Budget
    locals: dict[str, Closure] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    tag: str = ""
    scope: int | None = None
    active: tuple[str, ...] = ()

    def branch(self) -> Env:
        """For a branch: what it marks is not seen outside."""
        return replace(self, marks=dict(self.marks), own=set(), tag=f"{self.tag}{next(self.budget.scopes)}.")

    def mark(self, name: str) -> str:
        """The unique name of a mark; marking again in the same place moves it."""
        if name not in self.own:
            self.own.add(name)
            self.marks[name] = self.tag + name
        return self.marks[name]

    def enter(self, let: ast.Let, args: dict[str, Closure], span: Span) -> Env:
        """For the body of a let: only the file's lets and its own parameters are seen.

        Raises:
            SpecError: A213 it uses itself, A405 lets nest too deep.
        """
        if let.name in self.active:
            chain = " → ".join((*self.active[self.active.index(let.name) :], let.name))
            raise fail("A213", f"`{let.name}` uses itself: {chain}", span, "a let may use other lets, never itself")
        if len(self.active) >= Limits.MACROS:
            raise fail("A405", f"lets are nested deeper than {Limits.MACROS}", span)
        self.budget.step(span)
        self.budget.used.add(let.name)
        scope = next(self.budget.scopes)
        return Env(self.lets, self.budget, args, {}, set(), f"{scope}.", scope, (*self.active, let.name))


def arguments(
    let: ast.Let, args: tuple[ast.Expr, ...] | None, env: Env, span: Span, width: str = ""
) -> dict[str, Closure]:
    """The arguments of a let by name.

    Args:
        width: the parameter that a stage list gives, so that no argument may.

    Raises:
        SpecError: A204–A207, an argument is unknown, double, missing or too many.
    """
    known = [p for p in let.params or () if p.name != width]
    if args is not None and let.params is None:
        raise fail("A207", f"`{let.name}` takes no arguments", span, f"write `{let.name}`, or `let {let.name}(c) = …`")
    bound: dict[str, Closure] = {}
    position = 0
    for arg in args or ():
        if isinstance(arg, ast.Keyword):
            name, value = arg.name, arg.value
            if name == width:
                raise fail("A205", f"`{name}` is given twice: the stage list says it", arg.span)
            if name not in {p.name for p in known}:
                raise fail("A204", f"`{let.name}` has no argument `{name}`", arg.span, _takes(let))
        elif position < len(known):
            name, value, position = known[position].name, arg, position + 1
        else:
            raise fail("A207", f"`{let.name}` takes {len(known)} arguments at most", arg.span, _takes(let))
        if name in bound:
            raise fail("A205", f"`{name}` is given twice", arg.span)
        bound[name] = Closure(value, env)
    return bound


def complete(let: ast.Let, bound: dict[str, Closure], inner: Env, span: Span) -> None:
    """Put in defaults, which may use the parameters before them.

    Raises:
        SpecError: A206, an argument is missing.
    """
    for parameter in let.params or ():
        if parameter.name not in bound:
            if parameter.default is None:
                raise fail("A206", f"`{let.name}` needs `{parameter.name}`", span, _takes(let))
            bound[parameter.name] = Closure(parameter.default, inner)


def _takes(let: ast.Let) -> str:
    return f"it is defined as `{let.name}({', '.join(p.name for p in let.params or ())})`"


def collect(errors: list[SpecError]) -> None:
    """Raise what was gathered, as one error: each finding once, and no more than a person reads."""
    if errors:
        found = {(d.code, d.message, d.span): d for e in reversed(errors) for d in reversed(e.diagnostics)}
        raise SpecError(tuple(reversed(found.values()))[:MOST_FINDINGS])
