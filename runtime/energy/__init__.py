"""Energy estimates: counters times published figures of a chip."""

from snnc.runtime.energy.ann import AnnBaseline as AnnBaseline
from snnc.runtime.energy.ann import ann_baselines as ann_baselines
from snnc.runtime.energy.counted import Counted as Counted
from snnc.runtime.energy.counted import Placed as Placed
from snnc.runtime.energy.estimate import EnergyEstimate as EnergyEstimate
from snnc.runtime.energy.estimate import estimate as estimate
from snnc.runtime.energy.figures import Figure as Figure
from snnc.runtime.energy.figures import Hardware as Hardware
from snnc.runtime.energy.figures import Part as Part
from snnc.runtime.energy.loader import HardwareCheck as HardwareCheck
from snnc.runtime.energy.loader import check_hardware as check_hardware
from snnc.runtime.energy.loader import list_hardware as list_hardware
from snnc.runtime.energy.loader import load_each as load_each
from snnc.runtime.energy.loader import load_hardware as load_hardware
from snnc.runtime.energy.papers import papers_formula as papers_formula
