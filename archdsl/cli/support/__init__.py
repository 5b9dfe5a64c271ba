"""What several commands share besides their options: opening a run, resolving a spec, filters, export files."""
