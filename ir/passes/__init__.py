"""Passes over event graphs; one file each."""

from snnc.ir.passes.base import PASSES, Pass, run_passes
from snnc.ir.passes.prune_unread import PruneUnread

__all__ = ["PASSES", "Pass", "PruneUnread", "run_passes"]
