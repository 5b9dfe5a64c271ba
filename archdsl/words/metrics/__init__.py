"""Metrics: what a study may measure of its runs. Importing this package registers every one."""

from archdsl.words.metrics import effort, outputs, scores, trained, weights

__all__ = ["effort", "outputs", "scores", "trained", "weights"]
