"""Curves for TensorBoard (the extra ``archdsl[tensorboard]``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.errors import EnvError
from archdsl.train.events import EpochDone, Event, Finished


class Board:
    """Listens to a run and writes its figures as scalars, one value an epoch.

    Raises:
        EnvError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise EnvError("curves for TensorBoard need the package tensorboard, which is not installed",
                           help="pip install 'archdsl[tensorboard]'") from error  # fmt: skip
        self._writer: Any = SummaryWriter(str(folder))

    def __call__(self, event: Event) -> None:
        """Write what an event says."""
        match event:
            case EpochDone():
                for name in ("loss", "accuracy", "valid_loss", "valid_accuracy", "lr", "images_per_second"):
                    if (value := getattr(event, name)) is not None:
                        self._writer.add_scalar(name, value, event.epoch)
            case Finished():
                self._writer.add_scalar("test_accuracy", event.test_accuracy, event.epochs)
            case _:
                pass

    def close(self) -> None:
        """Bring everything to the disk."""
        self._writer.close()
