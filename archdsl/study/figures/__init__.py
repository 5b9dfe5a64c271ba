"""The figures of a study as inline SVG. Each function takes the results and gives None where its figure says nothing."""

from archdsl.study.figures.axis import axis
from archdsl.study.figures.curves import curves
from archdsl.study.figures.deciding import deciding
from archdsl.study.figures.effects import effects
from archdsl.study.figures.heat import heat
from archdsl.study.figures.pareto import pareto
from archdsl.study.figures.strips import strips
from archdsl.study.figures.verdict_forest import verdict_forest

__all__ = ["axis", "curves", "deciding", "effects", "heat", "pareto", "strips", "verdict_forest"]
