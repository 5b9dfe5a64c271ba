"""Training: settings folded from the words, data sets, the loop that yields events, and the run folder."""
