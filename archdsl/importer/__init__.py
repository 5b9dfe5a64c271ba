"""The way in: a network in PyTorch lifted to a spec that reads as if written by hand, and held equal to its source.

``source ──trace──▶ fx graph ──lift──▶ steps ──reduce──▶ tree ──raise──▶ text``, each pass held to the steps by
``match``; before a text leaves, ``gate`` copies the source's weights across and compares the logits.
"""

from archdsl.importer.findings import Finding, Refused, Unequal

__all__ = ["Finding", "Refused", "Unequal"]
