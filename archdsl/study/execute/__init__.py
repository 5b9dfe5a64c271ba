"""Carrying out the runs of a study: orders go to workers that stay, outcomes come back."""
