"""The figures of a study as inline SVG. Each function takes the results and gives None where its figure says nothing."""

from archdsl.study.report.figures.axis import axis
from archdsl.study.report.figures.curves import curves
from archdsl.study.report.figures.deciding import deciding
from archdsl.study.report.figures.effects import effects
from archdsl.study.report.figures.fit import fit
from archdsl.study.report.figures.heat import heat
from archdsl.study.report.figures.pareto import pareto
from archdsl.study.report.figures.strips import strips
from archdsl.study.report.figures.tuning import tuning
from archdsl.study.report.figures.verdict_forest import verdict_forests

__all__ = ["axis", "curves", "deciding", "effects", "fit", "heat", "pareto", "strips", "tuning", "verdict_forests"]
