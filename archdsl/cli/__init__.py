"""The commands. Thin: each module is one command, and heavy imports are inside its function."""
