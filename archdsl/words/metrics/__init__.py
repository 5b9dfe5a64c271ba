"""Metrics: what a study may measure of its runs. Importing this package registers every one."""

from archdsl.words.metrics import effort, scores, trained, weights

__all__ = ["effort", "scores", "trained", "weights"]
