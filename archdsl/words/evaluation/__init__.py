"""Evaluation: what is measured of a trained net, and on which images. Importing this package registers every word."""

from archdsl.words.evaluation import passes, shifts, surgery

__all__ = ["passes", "shifts", "surgery"]
