"""Tuning: weight bits, activation levels and event code, chosen for a chip within a budget."""

from snnc.runtime.tune.facade import DEFAULT_OUTPUT as DEFAULT_OUTPUT
from snnc.runtime.tune.facade import tune as tune
from snnc.runtime.tune.result import Row as Row
from snnc.runtime.tune.result import Tuning as Tuning
