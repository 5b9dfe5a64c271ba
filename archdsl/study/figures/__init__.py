"""The figures of a study as inline SVG. Each function takes the results and gives None where its figure says nothing."""

from archdsl.study.figures.axis import axis
from archdsl.study.figures.curves import curves
from archdsl.study.figures.effects import effects
from archdsl.study.figures.forest import forest
from archdsl.study.figures.heat import heat
from archdsl.study.figures.pareto import pareto
from archdsl.study.figures.strips import strips

__all__ = ["axis", "curves", "effects", "forest", "heat", "pareto", "strips"]
