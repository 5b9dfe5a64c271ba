"""From the nodes of a YAML study file to its fields. Every complaint has its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from archdsl.errors import ArchError, suggest
from archdsl.expand.metrics import metric
from archdsl.limits import Limits
from archdsl.runs.conditions import PRECISIONS
from archdsl.study.amounts import FAILURES, MAX_SEEDS, amount, budget, fraction
from archdsl.study.plan import presets
from archdsl.study.plan.claims import claim_of_study
from archdsl.study.plan.factors import Factor, factor
from archdsl.study.plan.fits import LARGEST, parse_fit
from archdsl.study.plan.labels import LONGEST, Labels
from archdsl.study.plan.tune import tune
from archdsl.study.plan.unit import check_unit

T = TypeVar("T")
MOST_SEEDS = 10_000
AUTO, UNTIL = "auto", "decided"  # as many seeds as decisions take
ENGINES = ("local", "ray")
MATCHES = ("params", "macs")
METRIC = "test_accuracy"  # unless a study says another


def called(text: str) -> str:
    """What a base is called: a file by its stem, a text as it is."""
    return Path(text).stem if text.endswith(".arch") else text


def metrics(texts: Iterable[str]) -> dict[str, Any]:
    """The fields of a study for these metrics, of which the first decides; notes where a name is an old one.

    Raises:
        ArchError: a metric is unknown, or named twice.
    """
    known = [metric(text) for text in texts]
    first, *more = [value.name for value, _ in known]
    if twice := [name for name, count in Counter((first, *more)).items() if count > 1]:
        raise ArchError(f"the metric `{twice[0]}` is named twice", help="keep one of them")
    return {"metric": first, "more": tuple(more), "notes": tuple(note for _, notes in known for note in notes)}


class Reader:
    """Turns YAML nodes into settings. Scalars stay the text that was written: `off` is not a boolean, 1e-3 no string."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fail(self, node: Any, message: str, help: str = "") -> NoReturn:
        raise ArchError(f"{self.place(node)}: {message}", help=help)

    def place(self, node: Any) -> str:
        """The file, with line and column of a node."""
        mark = node.start_mark if node is not None else None
        return self.where + (f":{mark.line + 1}:{mark.column + 1}" if mark is not None else "")

    def fields(self, root: Any, name: str, preset: str | None = None) -> dict[str, Any]:
        """The fields of a study file's top level, as ``StudyFile`` has them: with a preset, its keys in the place of the
        file's. Every preset is read, so that none is found wrong only when it is taken.
        """
        forms = dict(presets.forms(self, root))
        if preset is not None and preset not in forms:
            raise presets.unknown(self.where, preset, forms)
        plain = self._fields(presets.without(root), name)
        read = {key: self._fields(form, f"{name}-{key}") for key, form in forms.items()}
        if preset is None:
            return {**plain, "presets": tuple(forms)}
        own = read[preset]
        if "labels" in own and "labels" in plain:
            own["labels"] = own["labels"].of_preset(plain["labels"])
        return {
            **own,
            "title": f"{own['title'] if own['title'] != own['name'] else name} ({preset})",
            "preset": preset,
            "presets": tuple(forms),
        }

    def _fields(self, root: Any, name: str) -> dict[str, Any]:
        readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "study": ("title", self.scalar),
            "base": ("base", lambda node: tuple(self.bases(node))),
            "factors": ("factors", lambda node: tuple(self.factors(node))),
            "design": ("design", self.scalar),
            "seeds": ("seeds", self.seeds),
            "until": ("until", lambda node: self.one_of(node, "until", (UNTIL,))),
            "max_seeds": ("max_seeds", self.count),
            "alpha": ("alpha", lambda node: self.parsed(node, partial(fraction, option="alpha:"))),
            "same": ("same", lambda node: self.checked(node, partial(amount, option="same:"))),
            "budget": ("budget", lambda node: self.checked(node, partial(budget, option="budget:"))),
            "failures": ("failures", lambda node: self.one_of(node, "failures", FAILURES)),
            "set": ("set", lambda node: tuple(f"{k}={self.scalar(v)}" for k, (_, v) in self.mapping(node).items())),
            "data": ("data", self.scalar),
            "where": ("where", lambda node: tuple(self.scalars(node))),
            "match": ("match", lambda node: self.one_of(node, "match", MATCHES)),
            "baseline": ("baseline", lambda node: {k: self.scalar(v) for k, (_, v) in self.mapping(node).items()}),
            "metric": ("metrics", self.metrics),
            "metrics": ("metrics", self.metrics),
            "claims": ("claims", lambda node: tuple(self.each(node, claim_of_study))),
            "fit": ("fits", lambda node: tuple(self.each(node, parse_fit))),
            "holdout": ("holdout", lambda node: bool(self.one_of(node, "holdout", (LARGEST,)))),
            "engine": ("engine", lambda node: self.one_of(node, "engine", ENGINES)),
            "precision": ("precision", lambda node: self.one_of(node, "precision", PRECISIONS)),
            "time_limit": ("time_limit", self.number),
            "tune": ("tune", lambda node: tune(self, node)),
            "labels": ("labels", self.labels),
        }
        pairs = self.mapping(root, (*readers, presets.KEY))
        if "base" not in pairs:
            self.fail(None, "a study needs a `base:`", "a spec, such as `base: ../vgg-res.arch`")
        if {"metric", "metrics"} <= pairs.keys():
            self.fail(
                pairs["metrics"][1], "`metric` and `metrics` are one setting", "keep `metrics`; its first one decides"
            )
        fields = {"name": name, "title": name, **{readers[k][0]: readers[k][1](node) for k, (_, node) in pairs.items()}}
        stated = bool({"metric", "metrics"} & pairs.keys())
        if stated and "same" in pairs:
            self.parsed(pairs["same"][1], lambda text: check_unit("same:", text, fields["metrics"]["metric"]))
        return {**self.sequential(fields, pairs), **fields.pop("metrics", {}), "stated": stated}

    def metrics(self, node: Any) -> dict[str, Any]:
        """The fields for the metrics of a study."""
        texts = list(self.scalars(node))
        if not texts:
            self.fail(node, "`metrics` names none", f"for example `metrics: [{METRIC}, test_ece]`")
        try:
            return metrics(texts)
        except ArchError as error:
            self.fail(node, error.message, error.help)

    def sequential(self, fields: dict[str, Any], pairs: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
        """The fields with the kind of the design: sequential where no number of seeds is stated."""
        fields = {key: value for key, value in fields.items() if key != "metrics"}
        until, most = fields.pop("until", None), fields.pop("max_seeds", None)
        seeds = fields.pop("seeds", None)
        fields["sequential"], fields["seeds_stated"] = seeds is None or until is not None, seeds is not None
        for key in ("max_seeds", "budget"):
            if key in pairs and not fields["sequential"]:
                self.fail(
                    pairs[key][0],
                    f"`{key}` is of sequential designs, and the study states its number of seeds",
                    f"write `seeds: auto`, or leave `{key}` out",
                )
        if seeds is None:
            seeds = tuple(range(most or MAX_SEEDS))
        return {**fields, "seeds": seeds[:most]}

    def mapping(self, node: Any, known: tuple[str, ...] = ()) -> dict[str, tuple[Any, Any]]:
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, "`key: value` lines are expected here")
        found: dict[str, tuple[Any, Any]] = {}
        for key, value in node.value:
            name = self.scalar(key)
            if known and name not in known:
                self.fail(key, f"unknown key `{name}`", suggest(name, known) or "keys: " + ", ".join(known))
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

    def each(self, node: Any, read: Callable[[str], T]) -> Iterator[T]:
        """One value or a list of them, each as ``read`` understands it."""
        yield from (self.parsed(part, read) for part in (node.value if isinstance(node, yaml.SequenceNode) else [node]))

    def bases(self, node: Any) -> Iterator[tuple[str, str]]:
        if isinstance(node, yaml.CollectionNode) and not node.value:
            self.fail(node, "a study needs a base, and this list is empty", "give a spec, or a list of them")
        if isinstance(node, yaml.MappingNode):
            yield from ((name, self.scalar(value)) for name, (_, value) in self.mapping(node).items())
        else:
            yield from self._unnamed(node)

    def _unnamed(self, node: Any) -> Iterator[tuple[str, str]]:
        """Bases that are called by their files, each by another name."""
        known: dict[str, str] = {}
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            text = self.scalar(part)
            if (name := called(text)) in known:
                self.fail(
                    part,
                    "two bases are the same" if known[name] == text else f"two bases are called `{name}`",
                    "leave one out"
                    if known[name] == text
                    else f"name them: `base: {{first: {known[name]}, second: {text}}}`",
                )
            known[name] = text
            yield name, text

    def factors(self, node: Any) -> Iterator[Factor]:
        named = self.mapping(node)
        if len(named) > Limits.FACTORS:
            self.fail(
                node,
                f"the study has {len(named):,} factors, more than {Limits.FACTORS:,}",
                "split the study, or raise ARCHDSL_MAX_FACTORS",
            )
        for name, (key, value) in named.items():
            try:
                yield factor(name, tuple(self.scalars(value)))
            except ArchError as error:
                if self.where in str(error):
                    raise
                self.fail(key, error.message, error.help)

    def labels(self, node: Any) -> Labels:
        """What figures show in the place of factors and levels."""
        found = {}
        for key, (_, value) in self.mapping(node).items():
            found[key] = self.scalar(value)
            if not 1 <= len(found[key]) <= LONGEST:
                self.fail(value, f"the label of `{key}` has no text, or more than {LONGEST} letters", "shorten it")
        return Labels(found)

    def seeds(self, node: Any) -> tuple[int, ...] | None:
        """The seeds; None where the study finds out how many it needs."""
        given = list(self.scalars(node))
        if given == [AUTO]:
            return None
        if not all(g.isascii() and g.isdecimal() and len(g) <= 9 for g in given):
            self.fail(
                node,
                "`seeds` is a number of seeds, a list of them, or `auto`",
                "for example `seeds: 5`, or leave it out",
            )
        seeds = tuple(map(int, given))
        if isinstance(node, yaml.ScalarNode):
            if not 1 <= seeds[0] <= MOST_SEEDS:
                self.fail(node, f"a study has 1 to {MOST_SEEDS:,} seeds")
            return tuple(range(seeds[0]))
        if not seeds or len(set(seeds)) < len(seeds):
            self.fail(node, "`seeds` is not a list of different numbers")
        return seeds

    def count(self, node: Any) -> int:
        text = self.scalar(node)
        if not (text.isascii() and text.isdecimal() and 2 <= int(text[:9]) <= MOST_SEEDS):
            self.fail(node, f"`max_seeds` is a number of seeds from 2 to {MOST_SEEDS:,}", "for example `max_seeds: 40`")
        return int(text)

    def parsed(self, node: Any, read: Callable[[str], T]) -> T:
        """A scalar as ``read`` understands it."""
        try:
            return read(self.scalar(node))
        except ArchError as error:
            self.fail(node, error.message, error.help)

    def checked(self, node: Any, read: Callable[[str], object]) -> str:
        """A scalar as it is written, once ``read`` has understood it."""
        self.parsed(node, read)
        return self.scalar(node)

    def number(self, node: Any) -> float:
        try:
            value = float(self.scalar(node))
        except ValueError:
            value = -1.0
        if not 0 < value < 1e9:
            self.fail(node, "`time_limit` is a number of seconds above 0", "for example `time_limit: 600`")
        return value

    def one_of(self, node: Any, key: str, known: tuple[str, ...]) -> str:
        value = self.scalar(node)
        if value not in known:
            self.fail(node, f"`{key}` is one of {', '.join(known)}", suggest(value, known))
        return value
