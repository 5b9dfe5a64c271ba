"""The commands. Thin: each module is one command, and heavy imports stand inside its function."""
