"""Statistics of a run: per sample, by class, over time, by population and channel."""

from snnc.runtime.statistics.gather import DEFAULT_SAMPLES as DEFAULT_SAMPLES
from snnc.runtime.statistics.gather import Gathered as Gathered
from snnc.runtime.statistics.gather import gather as gather
from snnc.runtime.statistics.summary import Statistics as Statistics
from snnc.runtime.statistics.summary import summarise as summarise
