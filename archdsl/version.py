"""The version, which the package, its files and its messages state."""

__version__ = "0.1.0"
