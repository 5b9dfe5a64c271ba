"""The conditions under which a run is trained, beside its experiment: whatever else its figures depend on. Knows no torch.

A study compares runs of equal conditions alone, and a result is never the answer to a command that asks for others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from archdsl.errors import ArchError, suggest

Precision = Literal["auto", "fp32", "bf16", "plain"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

# Not among them: the number of threads and CUDA graphs, which a study sets alike for all runs where they matter, and the
# memory layout, which follows from precision and device.
CONDITIONS = ("torch", "numerics", "device", "processor", "precision", "kernels", "compile", "processes")
UNUSED = "unused"  # of kernels: the net has no layer that they know, so that it is the same with them and without
TORCH = "torch"  # of kernels: its own alone

Conditions = Mapping[str, str]


def conditions_of(versions: Mapping[str, Any]) -> dict[str, str]:
    """The conditions of a run by what its ``versions.json`` says; "" for what it does not say."""
    plan = versions.get("plan")
    plan = plan if isinstance(plan, Mapping) else {}
    return {
        "torch": str(versions.get("torch", "")),
        "numerics": str(versions.get("numerics", "")),
        "device": str(versions.get("device", "")).partition(":")[0],
        "processor": str(versions.get("processor", "")),
        "precision": precision_of(plan),
        "kernels": str(versions.get("kernels", "")),
        "compile": "on" if plan.get("compile") else "off",
        "processes": str(versions.get("processes", 1)),
    }


def worth_saying(conditions: Conditions) -> dict[str, str]:
    """The conditions that people are shown: that one process trains is not said."""
    return {k: v for k, v in conditions.items() if k != "processes" or v not in ("", "1")}


def precision_of(plan: Mapping[str, Any]) -> str:
    """The precision of a plan, as ``--precision`` calls it."""
    found = str(plan.get("precision", ""))
    return "plain" if found == "fp32" and plan.get("fused") is False else found


def differing(found: Conditions, wanted: Conditions) -> list[str]:
    """The conditions in which a run differs from those that are wanted; what is not stated there does not count."""
    return [
        k
        for k, v in wanted.items()
        if v and found.get(k, "") != v and not (k == "kernels" and UNUSED in (v, found.get(k)))
    ]


def contrast(found: Conditions, wanted: Conditions) -> str:
    """How a run differs, for people: ``precision bf16 instead of fp32``."""
    return ", ".join(f"{k} {found.get(k) or 'unknown'} instead of {wanted[k]}" for k in differing(found, wanted))


def usual(every: Sequence[Conditions]) -> dict[str, str]:
    """The conditions that most of these agree with; of equally many the last in the alphabet, which is the newer torch."""
    kinds = [
        dict(zip(CONDITIONS, k, strict=True)) for k in {tuple(one.get(c, "") for c in CONDITIONS) for one in every}
    ]
    # Runs that have no use for our kernels agree with those that have them and with those that have not, which does not
    # make these agree with each other.
    stated = [k for k in kinds if k["kernels"] != UNUSED]
    named = stated + [k for k in kinds if k["kernels"] == UNUSED and all(differing(s, k) for s in stated)]
    return max(named, key=lambda k: (sum(not differing(one, k) for one in every), *k.values()), default={})


@dataclass(frozen=True, slots=True)
class ConditionOptions:
    """Options of a command that say under which conditions a run is to be trained; the defaults ask for none."""

    precision: str = "auto"
    device: str = "auto"
    compile: str = "auto"
    deterministic: bool = False

    @property
    def wanted(self) -> dict[str, str]:
        """The conditions that are asked for. ARCHDSL_NATIVE=0 counts as an option."""
        return {**self.of_options, **({"kernels": TORCH} if os.environ.get("ARCHDSL_NATIVE") == "0" else {})}

    @property
    def of_options(self) -> dict[str, str]:
        """The conditions that the options alone ask for."""
        given = {"precision": self.precision, "device": self.device.partition(":")[0], "compile": self.compile}
        return {k: v for k, v in given.items() if v != "auto"}

    def options(self, names: Sequence[str]) -> str:
        """These conditions as they were asked for: ``--precision fp32``."""
        said = {
            "precision": f"--precision {self.precision}",
            "device": f"--device {self.device}",
            "compile": f"--compile {self.compile}",
            "kernels": "ARCHDSL_NATIVE=0",
        }
        return " and ".join(said[name] for name in names)

    def check(self, versions: Mapping[str, Any], what: str, remedy: str) -> None:
        """Refuse to answer by a run that was trained under other conditions than are asked for.

        Args:
            what: the run, for the message.
            remedy: what to do instead.

        Raises:
            ArchError: they differ.
        """
        found = conditions_of(versions)
        if not found["precision"]:  # nothing is recorded: the run never got so far
            return
        if names := differing(found, self.wanted):
            had = ", ".join(f"{k} {found[k] or 'unknown'}" for k in names)
            raise ArchError(f"{self.options(names)} conflicts with {what}, which has {had}", help=remedy)
        if self.deterministic and found["device"] != "cpu" and versions.get("deterministic") is not True:
            raise ArchError(
                f"--deterministic conflicts with {what}, which was trained without it on {found['device']}", help=remedy
            )


def known_precision(value: str) -> str:
    """The name of a precision.

    Raises:
        ArchError: it is none.
    """
    if value not in PRECISIONS:
        raise ArchError(
            f"unknown precision `{value}`: it is one of {', '.join(PRECISIONS)}", help=suggest(value, PRECISIONS)
        )
    return value
