"""The language server: the checker, the counts and the vocabulary in an editor. torch is never imported."""
