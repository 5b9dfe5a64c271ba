"""A study file: YAML read safely, every key known, every complaint with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archdsl.errors import ArchError, EnvError, Source
from archdsl.files import read_regular
from archdsl.limits import Limits
from archdsl.study.amounts import ALPHA, FAILURES, MAX_SEEDS, Failures
from archdsl.study.plan.claims import Claim, metrics_of_claims
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.fits import LARGEST, Fit
from archdsl.study.plan.labels import Labels
from archdsl.study.plan.reader import ENGINES, METRIC, UNTIL, Reader
from archdsl.study.plan.tune import Tune

MOST_BYTES = 65_536  # as a spec's text
LISTED = 1_000  # seeds that are written one by one
_BRACKET = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class StudyFile:
    """What a study file says. ``base`` are names and specs (several are a factor of their own, ``base``); ``seeds`` the
    seeds themselves; ``folder`` is where paths in it begin. ``sequential``: arms stop once they are decided, and ``seeds`` are
    those that it may take at most; so where no number of seeds is stated (``seeds_stated``), or with `until`. ``same`` and
    ``budget`` are as written. ``metric`` decides, ``holdout``: fits leave the largest size out; ``more`` are other metrics to
    show. ``tune``: how every arm is tuned before it is compared. ``labels`` are for figures.
    ``preset`` is the form that was chosen, ``presets`` are all of the file. ``source`` is the file's text, for messages.
    """

    name: str
    title: str
    base: tuple[tuple[str, str], ...]
    factors: tuple[Factor, ...] = ()
    design: str | None = None
    seeds: tuple[int, ...] = tuple(range(MAX_SEEDS))
    sequential: bool = True
    seeds_stated: bool = False
    alpha: float = ALPHA
    same: str = ""
    budget: str = ""
    failures: Failures = "chance"
    set: tuple[str, ...] = ()
    data: str | None = None
    where: tuple[str, ...] = ()
    match: str | None = None
    baseline: dict[str, str] = field(default_factory=dict)
    metric: str = METRIC
    stated: bool = False
    more: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    fits: tuple[Fit, ...] = ()
    holdout: bool = False
    engine: str = "local"
    precision: str = "auto"
    time_limit: float | None = None
    tune: Tune | None = None
    labels: Labels = field(default_factory=Labels)
    folder: Path = Path()
    notes: tuple[str, ...] = ()
    preset: str = ""
    presets: tuple[str, ...] = ()
    source: Source | None = field(default=None, compare=False, repr=False)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that is looked at."""
        return tuple(
            dict.fromkeys(
                (self.metric, *self.more, *metrics_of_claims(self.claims), *(fit.metric for fit in self.fits))
            )
        )


def read_study(path: Path, preset: str | None = None) -> StudyFile:
    """A study file, in the form of one of its presets.

    Raises:
        EnvError: it cannot be read.
        ArchError: it is not a study, with the line; or it has no such preset.
    """
    try:
        data = read_regular(path, MOST_BYTES + 1)
    except OSError as error:
        raise EnvError(f"the study {path} cannot be read ({error.strerror})", help="give a study file") from error
    if len(data) > MOST_BYTES:
        raise ArchError(f"{path} is larger than {MOST_BYTES:,} bytes", help="give a study file")
    try:
        return study_of(data.decode("utf-8"), str(path), path.stem, path.parent, preset)
    except UnicodeDecodeError as error:
        raise ArchError(f"{path} is not UTF-8 text (byte {error.start})", help="save it as UTF-8") from error


def study_of(
    text: str, where: str = "<study>", name: str = "study", folder: Path | None = None, preset: str | None = None
) -> StudyFile:
    """The study of a YAML text, in the form of one of its presets.

    Raises:
        ArchError: it is not a study, with the line; or it has no such preset.
    """
    reader = Reader(where)
    try:
        _check_events(text, where)
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ArchError(
            f"{where}{place}: {getattr(error, 'problem', None) or 'not valid YAML'}",
            help="see the example in docs/studies.md",
        ) from None
    fields = reader.fields(root, name, preset)
    return StudyFile(**fields, folder=folder if folder is not None else Path(), source=Source(where, text))


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
    return ArchError(
        f"{where}:{line}:{column}: the YAML nests deeper than {Limits.NESTING}",
        help="a study has lists inside of `factors:` and nothing deeper",
    )


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
        "seeds": _seeds(study.seeds),
        "until": UNTIL if study.sequential else None,
        "alpha": study.alpha if study.alpha != ALPHA else None,
        "same": study.same,
        "budget": study.budget,
        "failures": study.failures if study.failures != FAILURES[0] else None,
        "where": list(study.where),
        "match": study.match,
        "baseline": dict(study.baseline),
        **({"metrics": [study.metric, *study.more]} if study.more else {"metric": study.metric}),
        "claims": [claim.text for claim in study.claims],
        "fit": [fit.text for fit in study.fits],
        "holdout": LARGEST if study.holdout else None,
        "precision": study.precision,
        "tune": study.tune.written if study.tune is not None else None,
        "time_limit": study.time_limit,
        "engine": study.engine if study.engine != ENGINES[0] else None,
        "labels": dict(study.labels.texts),
    }
    kept = {key: value for key, value in data.items() if value not in (None, "", [], {})}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=120)


def _seeds(seeds: tuple[int, ...]) -> list[int] | int:
    """The seeds as a list; the first ones as their number where they are so many that their list is too long for a file."""
    return list(seeds) if len(seeds) <= LISTED or seeds != tuple(range(len(seeds))) else len(seeds)
