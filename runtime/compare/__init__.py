"""Comparing reports: models, codes, bit widths and hardware side by side."""

from snnc.runtime.compare.facade import compare as compare
from snnc.runtime.compare.result import Comparison as Comparison
from snnc.runtime.report.point import Point as Point
