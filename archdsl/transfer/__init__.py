"""Weights of another net: where they lie, which of them fit where, and what is said about it."""
