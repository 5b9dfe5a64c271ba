"""Text to tree and back; no meaning here."""
