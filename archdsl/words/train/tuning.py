"""Fine-tuning: where the weights come from, which of them stay, and at what rate the others learn."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from archdsl.errors import ArchError
from archdsl.registry import Range, setting, train_word
from archdsl.registry.params import Base
from archdsl.registry.types import Count, Labels, Positive, Source
from archdsl.report.numbers import many
from archdsl.words.train.kinds import Others, Remark, TrainWord

SHA_DIGITS = 16
ARM = "arm:"  # before the name of an arm of a study
_SHA = re.compile(rf"[0-9a-f]{{{SHA_DIGITS}}}")


@train_word(
    'adam init("runs/resnet18-1a2b3c4d-s0")',
    'adam init("torchvision:resnet18", reshape)',
    slot="init",
    paper="Yosinski et al. 2014, arXiv:1411.1792",
)
@setting
class Init(TrainWord):
    """Begins with the weights of another net: a run folder, a .safetensors or .pth file, `torchvision:NAME`, `timm:NAME`.

    Layers are matched by label and by alignment, as `archdsl transfer` shows; what finds no match is drawn from the
    seed. `reshape` also takes what has another shape, where a rule is sound. The content of the source is a part of the
    run's hash, its path is not: a run records it as `sha`, and a source with other content is refused.

    In a study, `init(arm NAME)` begins with the weights of that arm's run of the same seed. `arm base` is the first arm; a name
    that is not a word is in quotes.
    """

    source: Source
    reshape: bool = False
    sha: str = ""  # the hash of what the source holds; "" where nobody has looked yet
    capturable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.sha and not _SHA.fullmatch(self.sha):
            raise ArchError(
                "`sha` is the first 16 hex digits of a hash", help="leave it out: a run writes it down itself"
            )
        if not self.source.strip():
            raise ArchError("`init` names no source", help="a run folder, a file, torchvision:NAME or timm:NAME")

    @property
    def arm(self) -> str:
        """The name of the arm of a study; "" where the source is another one."""
        return self.source.removeprefix(ARM) if self.source.startswith(ARM) else ""

    def record(self) -> object:
        """The path is in the text, and is no part of what the run is."""
        return {"kind": "init", "sha": self.sha, "reshape": self.reshape}

    def __repr__(self) -> str:
        return f"Init(sha={self.sha!r}, reshape={self.reshape!r})"


@train_word(
    "adam freeze(conv..bn)",
    'adam freeze(conv, until=2) freeze("bn", until=1)',
    paper="Howard & Ruder 2018, arXiv:1801.06146",
)
@setting
class Freeze(TrainWord):
    """Keeps a part of the net as it is: from one label to another, as in `freeze(stem..stage2)`, or of one label.

    No gradient, no decay, no penalty; batch norm uses its running statistics and leaves them alone. Dropout stays active.
    With `until`, for the first so many epochs; the word may be given several times, so that parts thaw one after another.
    """

    part: Labels
    until: Count | None = None
    capturable: ClassVar[bool] = True

    def against(self, others: Others) -> Remark | None:
        if (self.until or 0) < others.epochs:
            return None
        return Remark(
            f"`freeze` has no end: the run has {many(others.epochs, 'epoch')}",
            "leave `until` out to freeze the part for the whole run",
        )

    def record(self) -> object:
        return {"part": str(self.part), "until": self.until}


@train_word("adam rate(conv..bn, 0.1)", name="rate", paper="Howard & Ruder 2018, arXiv:1801.06146")
@setting
class PartRate(TrainWord):
    """The learning rate of a part of the net is `factor` times that of the others; the schedule multiplies both.

    The word may be given several times; where parts overlap, factors multiply. Decoupled weight decay follows the rate.
    """

    part: Labels
    factor: Positive
    capturable: ClassVar[bool] = True

    @property
    def word(self) -> str:
        return "rate"

    def idle(self, others: Others) -> Remark | None:
        return Remark(f"`rate({self.part}, 1)` has no effect: the factor is 1") if self.factor == 1 else None

    def record(self) -> object:
        return {"part": str(self.part), "factor": self.factor}


@train_word(
    "adamw(1e-4) layerdecay(75%)",
    slot="layerdecay",
    paper="Clark et al. 2020, arXiv:2003.10555; Bao et al. 2022, arXiv:2106.08254",
)
def layerdecay(factor: Annotated[float, Base("share"), Range(1e-6, 1)] = 0.75) -> float:
    """The learning rate falls by `factor` from block to block towards the input: block d of L has factor^(L+1-d).

    What comes before the first block has depth 0, the head depth L+1 and the full rate.
    """
    return factor
