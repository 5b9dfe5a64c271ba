"""Ablation: a spec with holes or a study file becomes paired runs, their statistics, and a report."""
