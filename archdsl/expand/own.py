"""A family of one's own: a let with a stage list, ``mine[64x2, 128x2]``. The let is the block, the list says how many.

The first parameter is the width. A parameter ``s`` is the stride, and a parameter ``down`` the network between two stages.
"""

from __future__ import annotations

from archdsl.errors import SpecError, fail
from archdsl.expand.bind import Expand
from archdsl.expand.env import Closure, Env, arguments, complete
from archdsl.expand.stages import stages
from archdsl.expand.values import closure_value
from archdsl.ir.make import Stage
from archdsl.ir.nodes import Node, Seq, count
from archdsl.syntax import ast
from archdsl.words.modifiers.walk import has_body


def own_family(let: ast.Let, expr: ast.Word, env: Env, network: Expand) -> Node:
    """The stages of a let's blocks. As in the shipped families, the first block of every stage but the first has stride
    2 where neither the list nor an argument gives ``s``, and all other blocks stride 1.

    Raises:
        SpecError: A215 the let has no parameter for the width, or what is wrong in its body, with the place.
    """
    if not let.params:
        raise fail(
            "A215",
            f"`{let.name}` has no parameter for the width of a stage, so it takes no stages",
            expr.span,
            f"the first parameter of a block is its width: `let {let.name}(c, s=1) = …`",
        )
    names = [p.name for p in let.params]
    common = arguments(let, expr.args, env, expr.span, names[0])
    listed = stages(expr, common, lambda stage: arguments(let, stage.args, env, stage.span, names[0]), env)
    make = _Maker(let, expr, env, network)
    made = [make.stage(stage, at > 0) for at, stage in enumerate(listed)]
    return Seq(tuple(made), name=let.name, span=expr.span)


class _Maker:
    """The blocks of one use of a let."""

    def __init__(self, let: ast.Let, expr: ast.Word, env: Env, network: Expand) -> None:
        self.let, self.expr, self.env, self.network = let, expr, env, network
        self.width, *others = (p.name for p in let.params or ())
        self.strided, self.joined = "s" in others, "down" in others

    def stage(self, stage: Stage, later: bool) -> Node:
        """The blocks of a stage; equal ones are one node. ``later``: it is not the first stage."""
        stride = stage.settings.get("s") or self.number(2 if later else 1)
        first = self.block(stage, stride)
        alike = not self.strided or closure_value(stride) == 1
        rest = first if alike or stage.depth == 1 else self.block(stage, self.number(1))
        self.env.budget.spend(count(rest) * (stage.depth - 1 if alike else max(stage.depth - 2, 0)), self.expr.span)
        blocks = (first, *(rest,) * (stage.depth - 1))
        items = (self.down(stage, stride), *blocks) if later and self.joined else blocks
        return Seq(items, role="stage", name="stage")

    def block(self, stage: Stage, stride: Closure) -> Node:
        inner = self.enter(stage, stride)
        body = self.expanded(self.let.body, inner)
        unit = body if has_body(body) else Seq((body,), role="body")
        return Seq(
            (unit,), role="block", name="block", scope=inner.scope, call=f"`{self.let.name}`", span=self.expr.span
        )

    def down(self, stage: Stage, stride: Closure) -> Node:
        """What is between the stage before and this one."""
        inner = self.enter(stage, stride)
        closure = inner.locals["down"]
        node = self.expanded(closure.expr, closure.env.branch())
        return Seq((node,), name="down", scope=inner.scope, call=f"`{self.let.name}`", span=self.expr.span)

    def enter(self, stage: Stage, stride: Closure) -> Env:
        """The names that the let's body sees for a block of a stage."""
        args: dict[str, Closure] = {self.width: self.number(stage.width), **stage.settings}
        if self.strided:
            args["s"] = stride
        inner = self.env.enter(self.let, args, self.expr.span)
        for name, closure in stage.settings.items():
            if name != "s":
                args[name] = Closure(closure.expr, closure.env, scope=inner.scope)
        complete(self.let, inner.locals, inner, self.expr.span)
        return inner

    def expanded(self, body: ast.Expr, env: Env) -> Node:
        try:
            node: Node = self.network(body, env)
        except SpecError as error:
            raise error.within(f"`{self.let.name}`", self.expr.span) from None
        return node

    def number(self, number: int) -> Closure:
        return Closure(ast.Number(str(number), self.expr.span), self.env)
