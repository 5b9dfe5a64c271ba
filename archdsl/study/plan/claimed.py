"""The arms of a study that its claims are about."""

from __future__ import annotations

from archdsl.errors import ArchError, suggest
from archdsl.expand.metrics import metric_of
from archdsl.study.plan.arms import Arms
from archdsl.study.plan.claims import NAMED, Claim, ClaimedPair, plain
from archdsl.study.plan.file import StudyFile


def claimed_pairs(study: StudyFile, arms: Arms) -> tuple[ClaimedPair, ...]:
    """The arms that the claims of a study are about.

    Raises:
        ArchError: a claim names no arm of the study, or compares what cannot be compared.
    """
    pairs: list[ClaimedPair] = []
    names = {_key(arm.name): n for n, arm in enumerate(arms.arms)}
    for claim in study.claims:
        arm, reference = (_number(claim, name, names, arms) for name in (claim.arm, claim.reference))
        if arms.arms[arm].identity == arms.arms[reference].identity:
            raise ArchError(
                f"the claim `{claim.text}` compares an experiment with itself",
                help="name two arms that differ; `archdsl ablate STUDY --dry-run` lists them",
            )
        pair = ClaimedPair(claim, arm, reference, claim.metric or study.metric)
        if claim.verdict == "same":
            _check_margin(study, pair)
        twice = (p for p in pairs if {p.arm, p.reference} == {arm, reference} and p.metric == pair.metric)
        if (other := next(twice, None)) is not None:
            raise ArchError(
                f"the claim `{claim.text}` is about the comparison of `{other.claim.text}`",
                help="keep one of them: a comparison has one answer",
            )
        pairs.append(pair)
    return tuple(pairs)


def _number(claim: Claim, name: str, names: dict[str, int], arms: Arms) -> int:
    found = names.get(_key(name))
    if found is None:
        known = [arm.name for arm in arms.arms]
        few = ", ".join(f"`{n}`" for n in known[:NAMED]) + (" …" if len(known) > NAMED else "")
        raise ArchError(
            f"the claim `{claim.text}` names the arm `{name}`, which the study does not have",
            help=suggest(name, known) or f"the arms are {few}",
        )
    return found


def _key(name: str) -> str:
    """The name of an arm, whatever the order of its parts and the form of its minus."""
    return ", ".join(sorted(" ".join(part.split()) for part in plain(name).split(",")))


def _check_margin(study: StudyFile, pair: ClaimedPair) -> None:
    """Refuse a claim of equality where it is not stated how much does not matter."""
    if not study.same:
        raise ArchError(
            f"the claim `{pair.claim.text}` says `same`, and the study does not say which difference does not matter",
            help="add `same: 0.5%` to the study, or --same 0.5%",
        )
    if metric_of(pair.metric).unit != metric_of(study.metric).unit:
        raise ArchError(
            f"the claim `{pair.claim.text}` says `same`, and `same: {study.same}` is a difference of {study.metric}",
            help=f"claim it in {study.metric}, or make {pair.metric} the metric of a study of its own",
        )
