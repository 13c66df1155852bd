"""From the float form of a graph to its integer form."""

from snnc.converter.integer.check import StaircaseCheck, check_staircases
from snnc.converter.integer.facts import MembraneRounding, Rounding, WeightRounding
from snnc.converter.integer.form import IntegerForm, integer_form

__all__ = [
    "IntegerForm",
    "MembraneRounding",
    "Rounding",
    "StaircaseCheck",
    "WeightRounding",
    "check_staircases",
    "integer_form",
]
