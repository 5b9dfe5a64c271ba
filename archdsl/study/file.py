"""A study file: YAML read safely, every key known, every complaint with its line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from archdsl.errors import ArchError, EnvError, suggest
from archdsl.expand.metrics import metric
from archdsl.files import read_regular
from archdsl.limits import Limits
from archdsl.runs.conditions import PRECISIONS
from archdsl.study.factors import Factor, factor

MOST_BYTES = 65_536  # as a spec's text
MOST_SEEDS = 10_000
_BRACKET = re.compile(r"[\[\]{}]")
ENGINES = ("local", "ray")
MATCHES = ("params", "macs")
ONE_OF = {"engine": ENGINES, "match": MATCHES, "precision": PRECISIONS}
METRIC = "test_accuracy"  # unless a study says another


@dataclass(frozen=True, slots=True)
class StudyFile:
    """What a study file says. ``base`` are names and specs (several are a factor of their own, ``base``); ``seeds`` the
    seeds themselves; ``metric`` decides, ``more`` are other metrics to show; ``folder`` is where paths in it begin.
    """

    name: str
    title: str
    base: tuple[tuple[str, str], ...]
    factors: tuple[Factor, ...] = ()
    design: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    set: tuple[str, ...] = ()
    data: str | None = None
    where: tuple[str, ...] = ()
    match: str | None = None
    baseline: dict[str, str] = field(default_factory=dict)
    metric: str = METRIC
    more: tuple[str, ...] = ()
    engine: str = "local"
    precision: str = "auto"
    time_limit: float | None = None
    folder: Path = Path()
    notes: tuple[str, ...] = ()


KEYS = (
    "study", "base", "factors", "design", "seeds", "set", "data", "where", "match", "baseline", "metric", "metrics", "engine",
    "precision", "time_limit",
)  # fmt: skip


def read_study(path: Path) -> StudyFile:
    """A study file.

    Raises:
        EnvError: it cannot be read.
        ArchError: it is not a study; with the line.
    """
    try:
        data = read_regular(path, MOST_BYTES + 1)
    except OSError as error:
        raise EnvError(f"the study {path} cannot be read ({error.strerror})", help="give a study file") from error
    if len(data) > MOST_BYTES:
        raise ArchError(f"{path} is larger than {MOST_BYTES:,} bytes", help="give a study file")
    try:
        return study_of(data.decode("utf-8"), str(path), path.stem, path.parent)
    except UnicodeDecodeError as error:
        raise ArchError(f"{path} is not UTF-8 text (byte {error.start})", help="save it as UTF-8") from error


def study_of(text: str, where: str = "<study>", name: str = "study", folder: Path | None = None) -> StudyFile:
    """The study of a YAML text.

    Raises:
        ArchError: it is not a study; with the line.
    """
    reader = _Reader(where)
    try:
        _check_events(text, where)
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ArchError(f"{where}{place}: {getattr(error, 'problem', None) or 'not valid YAML'}",
                        help="see the example in docs/studies.md") from None  # fmt: skip
    pairs = reader.mapping(root, KEYS)
    return StudyFile(**reader.fields(pairs, name), folder=folder if folder is not None else Path())


def _check_events(text: str, where: str) -> None:
    """Refuse what composing a tree should not see.

    Raises:
        ArchError: aliases, or brackets and indentation that nest too deep.
    """
    depth = 0
    for mark in _BRACKET.finditer(text):  # PyYAML's scanner reads on, and its time grows with the square of the nesting
        depth = depth + 1 if mark.group() in "[{" else max(0, depth - 1)
        if depth > Limits.NESTING:
            line, column = text.count("\n", 0, mark.start()) + 1, mark.start() - text.rfind("\n", 0, mark.start())
            raise _too_deep(where, line, column)
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ArchError(f"{where}: aliases (`*name`) are not supported in a study", help="write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > Limits.NESTING:
                at = event.start_mark
                raise _too_deep(where, at.line + 1 if at else 1, at.column + 1 if at else 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(where: str, line: int, column: int) -> ArchError:
    return ArchError(f"{where}:{line}:{column}: the YAML nests deeper than {Limits.NESTING}",
                     help="a study has lists inside of `factors:` and nothing deeper")  # fmt: skip


def metrics(texts: Iterable[str]) -> dict[str, Any]:
    """The fields of a study for these metrics, of which the first decides; notes where a name is an old one.

    Raises:
        ArchError: there is no such metric, or one is named twice.
    """
    known = [metric(text) for text in texts]
    first, *more = [value.name for value, _ in known]
    if twice := [name for name, count in Counter((first, *more)).items() if count > 1]:
        raise ArchError(f"the metric `{twice[0]}` is named twice", help="keep one of them")
    return {"metric": first, "more": tuple(more), "notes": tuple(note for _, notes in known for note in notes)}


def called(text: str) -> str:
    """What a base is called: a file by its stem, a text as it is."""
    return Path(text).stem if text.endswith(".arch") else text


def written(study: StudyFile, texts: tuple[str, ...]) -> str:
    """The study as a YAML text that is self-contained: ``texts`` take the place of the bases' paths, and what was set
    beside the file is in it.
    """
    names = [name for name, _ in study.base]
    data: dict[str, Any] = {
        "study": study.title,
        "base": dict(zip(names, texts, strict=True)),
        "factors": {f.name: [level or "none" for level in f.levels] for f in study.factors},
        "design": study.design,
        "seeds": list(study.seeds),
        "where": list(study.where),
        "match": study.match,
        "baseline": dict(study.baseline),
        **({"metrics": [study.metric, *study.more]} if study.more else {"metric": study.metric}),
        "precision": study.precision,
    }
    kept = {key: value for key, value in data.items() if value not in (None, [], {})}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=120)


class _Reader:
    """Turns YAML nodes into settings. Scalars stay the text that was written: `off` is not a boolean, 1e-3 no string."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fail(self, node: Any, message: str, help: str = "") -> NoReturn:
        mark = node.start_mark if node is not None else None
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        raise ArchError(f"{self.where}{place}: {message}", help=help)

    def fields(self, pairs: dict[str, tuple[Any, Any]], name: str) -> dict[str, Any]:
        found: dict[str, Any] = {"name": name, "title": name}
        if "base" not in pairs:
            self.fail(None, "a study needs a `base:`", "a spec, such as `base: ../vgg-res.arch`")
        for key, (_, node) in pairs.items():
            match key:
                case "study":
                    found["title"] = self.scalar(node)
                case "base":
                    found["base"] = tuple(self.bases(node))
                case "factors":
                    found["factors"] = tuple(self.factors(node))
                case "seeds":
                    found["seeds"] = self.seeds(node)
                case "set":
                    found["set"] = tuple(f"{k}={self.scalar(v)}" for k, (_, v) in self.mapping(node).items())
                case "where":
                    found["where"] = tuple(self.scalars(node))
                case "baseline":
                    found["baseline"] = {k: self.scalar(v) for k, (_, v) in self.mapping(node).items()}
                case "metric" | "metrics":
                    found |= self.metrics(node, both={"metric", "metrics"} <= pairs.keys())
                case "time_limit":
                    found[key] = self.number(node)
                case _:
                    found[key] = self.one_of(node, key)
        return found

    def metrics(self, node: Any, both: bool) -> dict[str, Any]:
        texts = list(self.scalars(node))
        if both:
            self.fail(node, "`metric` and `metrics` are one setting", "keep `metrics`; its first one decides")
        if not texts:
            self.fail(node, "`metrics` names none", f"for example `metrics: [{METRIC}, test_ece]`")
        try:
            return metrics(texts)
        except ArchError as error:
            self.fail(node, error.message, error.help)

    def mapping(self, node: Any, known: tuple[str, ...] = ()) -> dict[str, tuple[Any, Any]]:
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, "`key: value` lines are expected here")
        found: dict[str, tuple[Any, Any]] = {}
        for key, value in node.value:
            name = self.scalar(key)
            if known and name not in known:
                self.fail(key, f"there is no key `{name}`", suggest(name, known) or "keys: " + ", ".join(known))
            if name in found:
                self.fail(key, f"the key `{name}` is given twice", "keep one of them")
            found[name] = (key, value)
        return found

    def scalar(self, node: Any) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, "one value is expected here", "put text with brackets or commas in quotes")
        value = str(node.value).strip()
        for char in value:
            if char == "\0" or "\ud800" <= char <= "\udfff":  # YAML can write both as escapes
                self.fail(
                    node,
                    f"the text has the character U+{ord(char):04X}, which is not allowed in a text",
                    "leave it out",
                )
        return value

    def scalars(self, node: Any) -> Iterator[str]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        yield from (self.scalar(part) for part in parts)

    def bases(self, node: Any) -> Iterator[tuple[str, str]]:
        if isinstance(node, yaml.CollectionNode) and not node.value:
            self.fail(node, "a study needs a base, and this list is empty", "give a spec, or a list of them")
        if isinstance(node, yaml.MappingNode):
            yield from ((name, self.scalar(value)) for name, (_, value) in self.mapping(node).items())
        else:
            yield from ((called(text), text) for text in self.scalars(node))

    def factors(self, node: Any) -> Iterator[Factor]:
        named = self.mapping(node)
        if len(named) > Limits.FACTORS:
            self.fail(node, f"the study has {len(named):,} factors, more than {Limits.FACTORS:,}",
                      "split the study, or raise ARCHDSL_MAX_FACTORS")  # fmt: skip
        for name, (key, value) in named.items():
            try:
                yield factor(name, tuple(self.scalars(value)))
            except ArchError as error:
                if self.where in str(error):
                    raise
                self.fail(key, error.message, error.help)

    def seeds(self, node: Any) -> tuple[int, ...]:
        given = list(self.scalars(node))
        if not all(g.isascii() and g.isdecimal() and len(g) <= 9 for g in given):
            self.fail(node, "`seeds` is a number of seeds, or a list of them", "for example `seeds: 5`")
        seeds = tuple(map(int, given))
        if isinstance(node, yaml.ScalarNode):
            if not 1 <= seeds[0] <= MOST_SEEDS:
                self.fail(node, f"a study has 1 to {MOST_SEEDS:,} seeds")
            return tuple(range(seeds[0]))
        if not seeds or len(set(seeds)) < len(seeds):
            self.fail(node, "`seeds` is not a list of different numbers")
        return seeds

    def number(self, node: Any) -> float:
        try:
            value = float(self.scalar(node))
        except ValueError:
            value = -1.0
        if not 0 < value < 1e9:
            self.fail(node, "a number of seconds is expected here")
        return value

    def one_of(self, node: Any, key: str) -> str:
        value, known = self.scalar(node), ONE_OF.get(key)
        if known is not None and value not in known:
            self.fail(node, f"`{key}` is one of {', '.join(known)}", suggest(value, known))
        return value
