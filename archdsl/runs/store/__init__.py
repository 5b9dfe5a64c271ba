"""The store of runs: one folder a run, and what keeps it whole."""
