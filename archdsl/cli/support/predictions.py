"""What a prediction is for each kind that a task names (``Task.predicts``), with the options that it takes. A new task of
one of these kinds needs nothing here; a new kind is one more entry of ``KINDS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.cli.support import class_predictions, head_predictions, other_predictions
from archdsl.cli.views.heads import head_table
from archdsl.cli.views.predictions import class_table, mask_table, prediction_table, text_table
from archdsl.errors import ArchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from archdsl.cli.support.open_run import Opened
    from archdsl.report import Table

Records = list[dict[str, Any]]
LENGTH = 200  # characters of a continuation
TEMPERATURE = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks of ``predict``."""

    files: Sequence[Path]
    batch: int
    seed: int
    mc: int | None = None
    top: int = 1
    prompt: str | None = None
    length: int | None = None
    temperature: float | None = None
    save: Path | None = None

    @property
    def given(self) -> list[str]:
        """The options of some kinds of predictions that are given."""
        options = {
            "--mc": self.mc is not None,
            "--top": self.top > 1,
            "--prompt": self.prompt is not None,
            "--length": self.length is not None,
            "--temperature": self.temperature is not None,
            "--save": self.save is not None,
        }
        return [option for option, given in options.items() if given]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of predictions: the options that it takes, its records as plain values, and how a table shows them; ``text`` is what
    a person sees in the place of a table.
    """

    options: frozenset[str]
    records: Callable[[Opened, Asked], Records]
    table: Callable[[Opened, Asked, Records], Table]
    text: Callable[[Records], str] | None = None


def kind_of(chosen: Opened, asked: Asked) -> Kind:
    """The kind of predictions of a net.

    Raises:
        ArchError: its task has none, or an option is for another kind.
    """
    task = chosen.net.task
    kind = KINDS.get(task.predicts)
    if kind is None:
        raise ArchError(f"predictions of the task {task.name} are not supported", help="use the net from Python")
    option = next((option for option in asked.given if option not in kind.options), None)
    if option is not None:
        raise ArchError(f"{option} is not supported for the task {task.name}", help=f"leave {option} out")
    return kind


KINDS: dict[str, Kind] = {
    "class": Kind(
        frozenset({"--mc", "--top"}),
        lambda chosen, asked: class_predictions.of_classes(
            chosen.net, chosen.data.dataset, asked.files, asked.top, asked.mc, asked.batch, asked.seed
        ),
        lambda chosen, asked, records: class_table(records, asked.top, asked.mc is not None),
    ),
    "numbers": Kind(
        frozenset(),
        lambda chosen, asked: other_predictions.of_numbers(chosen.net, chosen.data.dataset, asked.files, asked.batch),
        lambda chosen, asked, records: prediction_table(chosen.net.class_names, records),
    ),
    "heads": Kind(
        frozenset(),
        lambda chosen, asked: head_predictions.of_heads(chosen.net, chosen.data.dataset, asked.files, asked.batch),
        lambda chosen, asked, records: head_table(records),
    ),
    "mask": Kind(
        frozenset({"--save"}),
        lambda chosen, asked: other_predictions.of_pictures(chosen.net, asked.files, asked.batch, asked.save),
        lambda chosen, asked, records: mask_table(records),
    ),
    "continuation": Kind(
        frozenset({"--prompt", "--length", "--temperature"}),
        lambda chosen, asked: other_predictions.of_texts(
            chosen.net,
            other_predictions.prompts(asked.files, asked.prompt),
            LENGTH if asked.length is None else asked.length,
            TEMPERATURE if asked.temperature is None else asked.temperature,
            asked.seed,
        ),
        lambda chosen, asked, records: text_table(records),
        lambda records: "\n\n".join(record["prompt"] + record["continuation"] for record in records) + "\n",
    ),
}
