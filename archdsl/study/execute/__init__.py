"""Carrying out the runs of a study: requests go to workers that stay, results come back."""
