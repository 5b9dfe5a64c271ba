"""Weights of another net: where they are, which of them fit where, and what is said about it."""
