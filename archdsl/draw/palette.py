"""Colours by kind, for light and for dark paper: (fill, stroke). Hues after Okabe & Ito 2008, which every kind of colour
vision tells apart; fills are light enough (dark enough) that the ink keeps a contrast above 7:1 (WCAG 2, AAA)."""

from __future__ import annotations

LIGHT = {
    "paper": ("#ffffff", "none"), "ink": ("#1c2430", "none"), "soft": ("#4a5563", "none"), "accent": ("#9c3b00", "none"),
    "inverse": ("#ffffff", "none"), "badge": ("#344054", "none"), "wire": ("none", "#5b6675"),
    "frame": ("#f5f7fa", "#c3cad4"), "panel": ("none", "#c3cad4"),
    "input": ("#eef1f5", "#7b8694"), "block": ("#e6eaf0", "#6b7787"),
    "conv": ("#d3e6f5", "#0072b2"), "linear": ("#d8e2fb", "#3a56b0"), "attention": ("#f3dcea", "#b0508a"),
    "norm": ("#dff1ea", "#009e73"), "act": ("#fdecc8", "#c98a00"), "pool": ("#fbdfcd", "#d55e00"),
    "join": ("#ece3f7", "#7a56b3"), "gate": ("#f8d9d9", "#b5484a"), "drop": ("#ececec", "#8b8b8b"),
    "pad": ("#f2f2ee", "#a3a396"), "shape": ("#e9eeea", "#74857a"),
}  # fmt: skip
DARK = {
    "paper": ("#11161d", "none"), "ink": ("#eef2f7", "none"), "soft": ("#b7c1ce", "none"), "accent": ("#ffb27a", "none"),
    "inverse": ("#11161d", "none"), "badge": ("#c7d0dc", "none"), "wire": ("none", "#93a0b0"),
    "frame": ("#18202a", "#3b4756"), "panel": ("none", "#3b4756"),
    "input": ("#222b36", "#7f8b9a"), "block": ("#2a3441", "#8b98a8"),
    "conv": ("#12364f", "#56b4e9"), "linear": ("#1d2c5c", "#8aa4f5"), "attention": ("#48213a", "#e08cbf"),
    "norm": ("#0d3b2e", "#2fc79b"), "act": ("#453206", "#e6b333"), "pool": ("#4a2710", "#f08b4a"),
    "join": ("#33244b", "#b498e6"), "gate": ("#4a2022", "#e58a8c"), "drop": ("#333333", "#9a9a9a"),
    "pad": ("#2c2c27", "#97978a"), "shape": ("#242d27", "#93a599"),
}  # fmt: skip
