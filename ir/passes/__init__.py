"""Passes over event graphs; one file each."""

from snnc.ir.passes.associate_products import AssociateProducts
from snnc.ir.passes.base import PASSES, Pass, run_passes
from snnc.ir.passes.bias_synapses import BiasSynapses
from snnc.ir.passes.direct_projections import DirectProjections
from snnc.ir.passes.insert_relays import InsertRelays
from snnc.ir.passes.prune_unread import PruneUnread
from snnc.ir.passes.split_signs import SplitSigns
from snnc.ir.passes.split_weights import SplitWeights
from snnc.ir.registry import import_submodules

import_submodules(__name__, __path__)

__all__ = [
    "PASSES",
    "AssociateProducts",
    "BiasSynapses",
    "DirectProjections",
    "InsertRelays",
    "Pass",
    "PruneUnread",
    "SplitSigns",
    "SplitWeights",
    "run_passes",
]
