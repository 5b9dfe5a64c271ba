"""Two networks side by side: their modules aligned, and what was added, removed or changed. Knows no torch."""

from archdsl.compare.changes import Change, Group, changes, grouped

__all__ = ["Change", "Group", "changes", "grouped"]
