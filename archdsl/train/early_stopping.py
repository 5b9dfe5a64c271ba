"""When a run ends before its last epoch, and which weights it keeps: early stopping and convergence."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from archdsl.report.numbers import many
from archdsl.runs.events import EpochDone
from archdsl.settings.experiment import TrainSettings
from archdsl.words.train.kinds import Watched


class Snapshot:
    """A copy of a model's weights on the device, beside the model, and the epoch after which it was taken."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.copy = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.epoch = 0

    @torch.no_grad()
    def take(self, epoch: int) -> bool:
        """Copy the model's weights, if all of them are finite; says whether they were."""
        now = self._model.state_dict()
        floating = [v for v in now.values() if v.is_floating_point()]
        if floating and not bool(torch.stack([torch.isfinite(v).all() for v in floating]).all()):
            return False
        for name, value in now.items():
            self.copy[name].copy_(value)
        self.epoch = epoch
        return True

    @torch.no_grad()
    def restore(self) -> int:
        """Give the model the copy back, and say after which epoch it was taken."""
        self._model.load_state_dict(self.copy)
        return self.epoch


class EarlyStopping:
    """Follows the epochs of a run: the best one so far, whether there is a reason to end (``why``), and what a plateau of
    the validation loss takes off the learning rate (``factor``).
    """

    def __init__(self, settings: TrainSettings) -> None:
        self._settings = settings
        self.best_loss = float("inf")
        self.best_accuracy = -1.0
        self.best_epoch = self.since = 0
        self.last_loss: float | None = None
        self.why = ""
        # What a plateau has taken off the learning rate, the loss it waits to be bettered, and for how long.
        self.factor, self.plateau_loss, self.waited = 1.0, float("inf"), 0

    def follow(self, done: EpochDone) -> bool:
        """Take note of an epoch; says whether it is the best so far, by what the run waits for (Prechelt 1998), else by
        the validation accuracy, or where there is none by the validation loss.
        """
        patience, converged = self._settings.patience, self._settings.converged
        better = self._better(done)
        if better:
            self.best_epoch, self.since = done.epoch, 0
        else:
            self.since += 1
        if patience is not None and self.since >= patience.epochs:
            self.why = f"no better validation {patience.on} for {many(self.since, 'epoch')}"
        if converged is not None and self.last_loss is not None and abs(done.loss - self.last_loss) < converged:
            self.why = f"the training loss changed by less than {converged:g}"
        self.last_loss = done.loss
        self._flatten(done)
        return better

    def kept(self, last: EpochDone | None) -> tuple[float | None, float | None]:
        """Validation loss and accuracy of the weights that a run keeps: of its best epoch where it waits for a better one,
        else of its last epoch.
        """
        if self._settings.patience is not None and self.best_epoch:
            return self.best_loss, self.best_accuracy if self.best_accuracy >= 0 else None
        return (last.valid_loss, last.valid_accuracy) if last is not None else (None, None)

    def _better(self, done: EpochDone) -> bool:
        if done.valid_loss is None:
            return False
        patience, accuracy = self._settings.patience, done.valid_accuracy
        if patience is not None:
            # Without an accuracy, `on=accuracy` has been refused.
            figures = (done.valid_loss, self.best_accuracy if accuracy is None else accuracy)
            better = patience.better(figures, (self.best_loss, self.best_accuracy))
        else:
            better = done.valid_loss < self.best_loss if accuracy is None else accuracy > self.best_accuracy
        if better:
            self.best_loss = done.valid_loss
            self.best_accuracy = self.best_accuracy if accuracy is None else accuracy
        return better

    def _flatten(self, done: EpochDone) -> None:
        """Lower the factor of the learning rate where the schedule follows the validation loss and says so."""
        schedule = self._settings.schedule
        if schedule is None or not schedule.needs_validation or done.valid_loss is None:
            return
        before = Watched(self.factor, self.plateau_loss, self.waited)
        self.factor, self.plateau_loss, self.waited = schedule.watched(before, done.valid_loss)

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {k: v for k, v in vars(self).items() if k != "_settings" and v != float("inf")}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        for name, value in state.items():
            setattr(self, name, value)
