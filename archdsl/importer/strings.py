"""timm's block strings (``ir_r2_k3_s2_e6_c24_se0.25``) as a spec, without torch.

A string is a stage: the kind of its blocks, then in any order r repeats, k window, s stride of the first block, e
expansion, c channels, se share of the gate, n activation, skip, noskip. timm passes over tokens that it does not know,
and takes the last of two; here both are errors with their place. Round the blocks stands what timm's ``EfficientNet`` puts
there by default: a stem of 32 channels with stride 2, and 1280 channels before the head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from archdsl.errors import Diagnostic, Source, Span, SpecError, suggest
from archdsl.importer.steps import Step
from archdsl.importer.write import written
from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.ir.symbol import make_divisible
from archdsl.ir.trace import trace_node
from archdsl.syntax.format import format

STEM, FEATURES, CLASSES = 32, 1280, 1000
MOST_STRIDE = 32  # beyond, timm dilates instead
ACTS = {"re": "relu", "r6": "relu6", "hs": "hardswish", "sw": "silu", "mi": "mish"}
KINDS = {"ds": "rksc", "dsa": "rksc", "ir": "rksec", "er": "rksec", "cn": "rksc"}  # and what each must be told
OPTIONAL = {"se", "n", "skip", "noskip"}
OTHER = {"uir", "mha", "mqa"}  # kinds of timm's that are not converted
FOREIGN = {"a", "p", "d", "cc", "fc", "gs", "h", "v"}  # options of timm's that are not converted
_STAGE = re.compile(r"[^\s,;\[\]'\"()]+")  # lists as they are in timm's code may be pasted
_NUMBER = re.compile(r"(?P<key>[a-z]+)(?P<value>\d+(\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Stage:
    """One string: the kind of its blocks, their numbers, activation (empty: the net's own), and what is said of skips."""

    kind: str
    numbers: dict[str, float]
    act: str
    skip: str
    span: Span

    def whole(self, key: str) -> int:
        return int(self.numbers[key])


def spec_of_strings(text: str, shape: tuple[int, ...]) -> str:
    """The spec of a list of block strings.

    Raises:
        SpecError: a token that is unknown, doubled, missing or not converted, each with its place.
    """
    stages = parsed(Source("<blocks>", text))
    trace = trace_node(_network(stages), shape, CLASSES)
    steps = [Step(row.op, row.layer, row.inputs, {}, row.path) for row in trace.rows]
    body = written(steps, trace.output, shape)[0]
    params = sum(_size(s) for row in trace.rows for s in row.layer.weights.values())
    kinds = " ".join(s.span.text for s in stages)
    lines = [kinds] if len(kinds) < 100 else [s.span.text for s in stages]
    head = "".join(f"# {line}\n" for line in ("From timm's block strings", *lines, f"{params:,} parameters"))
    return format(f"{head}\n{body}")


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def parsed(source: Source) -> list[Stage]:
    """The stages of a text.

    Raises:
        SpecError: everything that is wrong with it.
    """
    findings: list[Diagnostic] = []
    stages = [_stage(Span(source, m.start(), m.end()), findings) for m in _STAGE.finditer(source.text)]
    total = 2
    for stage in stages:
        total *= int(stage.numbers.get("s", 1))
        if total > MOST_STRIDE and not findings:
            findings.append(
                _wrong(
                    f"the image is {total} times smaller here, and from {MOST_STRIDE} on timm dilates",
                    stage.span,
                    "take strides out; dilation is not converted",
                )
            )
    if not stages:
        findings.append(_wrong("there is no block string", Span(source, 0, len(source.text)), EXAMPLE))
    if findings:
        raise SpecError(tuple(findings))
    return stages


EXAMPLE = "write 'timm-blocks:ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24_se0.25'"


def _wrong(message: str, span: Span, help: str, code: str = "A101") -> Diagnostic:
    return Diagnostic(code, message, span, help)


def _stage(span: Span, findings: list[Diagnostic]) -> Stage:
    tokens, at = [], span.start
    for token in span.text.split("_"):
        tokens.append((token, Span(span.source, at, at + len(token))))
        at += len(token) + 1
    kind, place = tokens[0]
    numbers: dict[str, float] = {}
    act = skip = ""
    if kind not in KINDS:
        known = "timm has it, but it is not converted" if kind in OTHER else f"the kinds are {', '.join(KINDS)}"
        findings.append(
            _wrong(f"there is no kind of block `{kind}` here", place, suggest(kind, KINDS) or known, "A201")
        )
        return Stage(kind, numbers, act, skip, span)
    for token, where in tokens[1:]:
        key, value, wrong = _token(token, kind)
        if not wrong and (key in numbers or (key == "n" and act) or (key == "skip" and skip)):
            wrong = "is given twice; timm would take the last one"
        if wrong:
            findings.append(_wrong(f"`{token}` {wrong}", where, _help(key, kind)))
        elif key == "n":
            act = str(value)
        elif key == "skip":
            skip = str(value)
        else:
            numbers[key] = float(value)
    missing = [k for k in KINDS[kind] if k not in numbers]
    if missing and not any(f.span and span.start <= f.span.start < span.end for f in findings):
        findings.append(_wrong(f"`{kind}` needs {', '.join(missing)}", span, _help("", kind)))
    return Stage(kind, numbers, act, skip, span)


def _token(token: str, kind: str) -> tuple[str, str | float, str]:
    """The key and the value of a token, and what is wrong with it."""
    if token in ("skip", "noskip"):
        return "skip", token, "says nothing of a block without a skip" if kind == "dsa" else ""
    if token.startswith("n") and token[1:] in ACTS:
        return "n", ACTS[token[1:]], ""
    found = _NUMBER.fullmatch(token)
    if found is None:
        return "", 0.0, "means nothing"
    key, value = found["key"], float(found["value"])
    if key in FOREIGN and key not in ("h", "v"):
        return key, value, "is timm's, but not converted"
    if key not in KINDS[kind] and key not in OPTIONAL and not (kind in ("ds", "dsa") and key == "e"):
        return key, value, f"has no meaning for `{kind}`"
    if key == "se" and (kind == "cn" or not 0 < value <= 1):
        return (
            key,
            value,
            "is not a fraction of a gate above 0 and at most 1" if kind != "cn" else "has no meaning for `cn`",
        )
    if key not in ("e", "se") and (value != int(value) or not 1 <= value <= 10**6):
        return key, value, "needs a whole number of at least 1"
    if key == "k" and value % 2 == 0:
        return key, value, "is an even window, which timm pads unevenly"
    if key == "e" and kind in ("ds", "dsa") and value != 1:
        return key, value, f"has no meaning for `{kind}`, which does not expand"
    return key, value, "" if value > 0 else "must be above 0"


def _help(key: str, kind: str) -> str:
    names = [*KINDS[kind], *sorted(OPTIONAL - ({"se"} if kind == "cn" else set()))]
    return suggest(key, names) or f"`{kind}` takes {', '.join(names)}; {EXAMPLE[6:]}"


def _network(stages: list[Stage]) -> Node:
    made: list[Node] = [_conv(STEM, 3, 2), o.bn(), o.relu()]
    cin = STEM
    for stage in stages:
        out = make_divisible(stage.numbers["c"])
        for i in range(stage.whole("r")):
            made.append(_block(stage, cin, out, stage.whole("s") if i == 0 else 1))
            cin = out
    made += [_conv(FEATURES, 1, 1), o.bn(), o.relu(), o.gap(), o.linear(CLASSES, bias=True)]
    return seq(*made)


def _conv(out: int, k: int, s: int) -> Node:
    made: Node = o.conv(out, k, s=s, bias=False)
    return made


def _block(stage: Stage, cin: int, out: int, s: int) -> Node:
    """A block as timm builds it."""
    act = getattr(o, stage.act or "relu")
    k, e = stage.whole("k"), stage.numbers.get("e", 1.0)
    wide = make_divisible(cin * e)
    expands = {"ir": [_conv(wide, 1, 1), o.bn(), act()], "er": [_conv(wide, k, s), o.bn(), act()]}.get(stage.kind, [])
    windows = [] if stage.kind in ("er", "cn") else [o.dwconv(k, s=s, bias=False), o.bn(), act()]
    last = [_conv(out, k, s), o.bn(), act()] if stage.kind == "cn" else [_conv(out, 1, 1), o.bn()]
    body: Node = seq(
        *expands,
        *windows,
        _gate(stage, wide, act) if "se" in stage.numbers else None,
        *last,
        act() if stage.kind == "dsa" else None,
    )
    skips = stage.skip == "skip" if stage.kind == "cn" else stage.kind != "dsa" and stage.skip != "noskip"
    return fan("add", body, o.id()) if skips and s == 1 and cin == out else body


def _gate(stage: Stage, wide: int, act: object) -> Node:
    narrow = max(1, round(wide * (stage.numbers["se"] / stage.numbers.get("e", 1.0))))
    steps = (o.gap(keep=True), o.conv(narrow, 1, bias=True), act(), o.conv(wide, 1, bias=True), o.sigmoid())  # type: ignore[operator]
    return fan("mul", o.id(), seq(*steps))
