"""What keeps a network from becoming a spec, and what happens when it does."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.errors import ArchError

SHOWN = 20  # places that a message lists; the rest are counted


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that no word expresses: the path of the module, the operation there, and the reason."""

    path: str
    op: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path or 'the network itself'}: `{self.op}`: {self.reason}"


def _together(findings: list[Finding]) -> str:
    """Places with one reason, of which the first is named."""
    first = findings[0]
    more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
    return f"{first.path or 'the network itself'}{more}: `{first.op}`: {first.reason}"


class Refused(ArchError):
    """The network cannot be expressed; ``findings`` has every place."""

    def __init__(self, name: str, findings: tuple[Finding, ...], more: str = "") -> None:
        self.findings = findings
        alike: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            alike.setdefault((finding.op, finding.reason), []).append(finding)
        lines = [f"  {_together(group)}" for group in list(alike.values())[:SHOWN]]
        if len(alike) > SHOWN:
            lines.append(f"  … and {sum(map(len, list(alike.values())[SHOWN:]))} more")
        places = "1 place" if len(findings) == 1 else f"{len(findings)} places"
        super().__init__(
            "\n".join([f"{name} cannot be expressed, because of {places}:", *lines]),
            help="nothing was written; `archdsl words` lists what there is, and docs/import.md says how a "
            "word is added" + more,
        )


class Unequal(ArchError):
    """A spec was found, but it is not equal to its source. It is not written."""

    exit_code = 3
