"""Curves for TensorBoard (the extra ``archdsl[tensorboard]``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.atomic import writing
from archdsl.extras import missing
from archdsl.runs.events import EpochDone, Event, Finished, Resumed

FLUSH = 10  # seconds until somebody who watches sees a value
NAMES = {
    "loss": "loss/train",
    "valid_loss": "loss/validation",
    "accuracy": "accuracy/train",
    "valid_accuracy": "accuracy/validation",
    "lr": "learning rate",
    "images_per_second": "images per second",
}

MORE = {  # of `evaluate_every`
    "test_loss": "loss/test",
    "test_accuracy": "accuracy/test",
    "train_eval_loss": "loss/train without augmentation",
    "train_eval_accuracy": "accuracy/train without augmentation",
}

ELSEWHERE = "free disk space, or name another folder with --tensorboard"


class Board:
    """Listens to a run and writes its figures as scalars over steps, once an epoch. The files begin with the first value;
    what a run does again replaces what was written before: all of it, or where it is resumed what comes after.

    Raises:
        EnvError: tensorboard is not installed, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise missing("tensorboard") from error
        with writing(folder, ELSEWHERE):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._kind = folder, SummaryWriter
        self._writer: Any = None
        self._purge = 0

    def __call__(self, event: Event) -> None:
        """Write what an event says."""
        match event:
            case Resumed():
                self.close()
                self._purge = event.step + 1
            case EpochDone():
                own = {name: getattr(event, field) for field, name in NAMES.items()}
                self._write({**own, **{name: event.figures.get(field) for field, name in MORE.items()}}, event.step)
            case Finished():
                self._write({"loss/test": event.test_loss, "accuracy/test": event.test_accuracy}, event.step)
            case _:
                pass

    def _write(self, values: dict[str, float | None], step: int) -> None:
        with writing(self._folder, ELSEWHERE):
            if self._writer is None:
                self._writer = self._kind(str(self._folder), purge_step=self._purge, flush_secs=FLUSH)
            for name, value in values.items():
                if value is not None:
                    self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Bring everything to the disk."""
        if self._writer is not None:
            with writing(self._folder, ELSEWHERE):
                self._writer.close()
            self._writer = None
