"""Verdicts on measurements from elsewhere."""
