"""Lava: bundles of readable Lava processes for Loihi, and an engine that runs them."""

from snnc.backends.base import Backend, Target
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.limits import LOIHI1, LOIHI2, WEIGHT_BITS
from snnc.ir.codes import RunSettings

backend = Backend(
    name="lava",
    engine=LavaEngine(),
    targets=(
        Target(
            name="loihi1",
            limits=LOIHI1,
            settings=RunSettings(code="burst"),
            weight_bits=WEIGHT_BITS,
            bundle=True,
            description="Intel Loihi: unit spikes, 24-bit membranes, 8-bit weights",
        ),
        Target(
            name="loihi2",
            limits=LOIHI2,
            settings=RunSettings(code="graded"),
            weight_bits=WEIGHT_BITS,
            bundle=True,
            description="Intel Loihi 2: graded spikes, programmable neurons, 8-bit weights",
        ),
    ),
)
