"""How much each hole of a space matters, by the candidates that were trained whole."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

LEAST = 8  # whole runs before holes have an importance


def importances(whole: Sequence[Any], objectives: int) -> dict[str, float]:
    """The share of each dimension in the first objective, summing to 1, by PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255), of
    the dimensions that all points have. Empty below ``LEAST`` trials, and where nothing tells the best ones from others.

    Args:
        whole: trials of Optuna with a result.
    """
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    shared = [name for name in (whole[0].params if whole else ()) if all(name in trial.params for trial in whole)]
    if len(whole) < LEAST or not shared:
        return {}
    study = optuna.create_study(directions=["minimize"] * objectives)
    study.add_trials(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            evaluator = PedAnovaImportanceEvaluator()
            # Normalised by Optuna, holes of which nothing is known would all have an equal share.
            found = get_param_importances(
                study, evaluator=evaluator, params=shared, target=lambda trial: trial.values[0], normalize=False
            )
        except (ValueError, RuntimeError, optuna.exceptions.OptunaError):  # one value everywhere
            return {}
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total > 0 else {}
