"""Figures of reports, alone or side by side, in the look that papers have."""

from snnc.runtime.report.figures.activity import draw_activity as draw_activity
from snnc.runtime.report.figures.early import draw_early_exit as draw_early_exit
from snnc.runtime.report.figures.energy import draw_energies as draw_energies
from snnc.runtime.report.figures.energy import draw_layers as draw_layers
from snnc.runtime.report.figures.pareto import draw_pareto as draw_pareto
from snnc.runtime.report.figures.whole import draw_report as draw_report
