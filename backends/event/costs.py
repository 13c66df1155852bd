"""What delivering costs, so that each list takes the cheaper way.

Linear models in what the kernels loop over. The shipped constants were fitted by least squares
over nine shapes and activities of 0.2 to 30 % on one core of an AMD EPYC (Zen 4, AVX2), those of
planes and of gathering in pairs set by the lists of `probe` and larger layers there; they meet the
measured times within 6 to 16 % on average. `constants` measures them on the
machine at hand. `benchmarks/kernels.py` shows what each way takes there, and how often the choice
is the better one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from snnc.ir.graph import Graph
from snnc.ir.maps import Conv, Dense, SumPool


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Constants of the model, in picoseconds.

    Attributes:
        pixel: scattering a window: for each input pixel.
        row: for each pixel with events and row of taps; twice that where a pixel has three events
            and more, but there gathering is taken anyway.
        reached: for each pixel with events and membrane that it reaches.
        synapse: for each synaptic event.
        output: gathering a window: for each output pixel.
        output_row: for it and row of taps.
        tile: for each event, tap and 128 channels.
        gathered: for each synaptic event, channels filled up.
        plane: scattering into a plane: for each of its sums.
        plane_event: for each event.
        plane_synapse: for it and sum that it adds to, margins among them.
        each_synapse: scattering, each channel on its own: for each synaptic event.
        each_tap: gathering likewise: for each output pixel and tap.
        each_tile: for each of these and 64 channels.
        each_event: for each event.
    """

    pixel: float
    row: float
    reached: float
    synapse: float
    output: float
    output_row: float
    tile: float
    gathered: float
    plane: float
    plane_event: float
    plane_synapse: float
    each_synapse: float
    each_tap: float
    each_tile: float
    each_event: float


SHIPPED = Costs(
    pixel=3_100,
    row=9_000,
    reached=37,
    synapse=44,
    output=8_200,
    output_row=5_300,
    tile=350,
    gathered=18,
    plane=90,
    plane_event=5_500,
    plane_synapse=38,
    each_synapse=2_000,
    each_tap=4_600,
    each_tile=1_700,
    each_event=500,
)


def has_windows(graph: Graph) -> bool:
    """Has a graph projections of which these constants choose the way?"""
    maps = [p.map for p in graph.projections.values()]
    return any(isinstance(m, Conv | SumPool) or (isinstance(m, Dense) and m.lead) for m in maps)


def set_window_costs(row: Any, map_: Conv | SumPool | Dense, costs: Costs) -> None:
    """Costs of both ways through a window; `taps` and `gather_pitch` are known."""
    if isinstance(map_, Dense):
        spatial, out, rows, channels = map_.lead, map_.lead, 1.0, map_.weight.shape[0]
        reached = float(channels)
    else:
        spatial, out, channels = map_.in_shape[1:], map_.out_shape[1:], map_.out_shape[0]
        rows = map_.kernel[0] / map_.stride[0] if len(map_.kernel) == 2 else 1.0
        reached = float(map_.fan_out().mean())
    n_in, n_out = prod(spatial), prod(out)
    row["scatter_once"] = n_in * costs.pixel
    row["scatter_pixel"] = rows * costs.row + reached * costs.reached
    row["scatter_event"] = reached * costs.synapse
    tap_rows = int(row["taps"]) / map_.kernel[-1] if not isinstance(map_, Dense) else 1
    row["gather_once"] = n_out * (costs.output + tap_rows * costs.output_row)
    taps, pitch = reached / channels, int(row["gather_pitch"])
    row["plane_once"] = row["plane_length"] * costs.plane
    row["plane_event"] = costs.plane_event + row["plane_sums"] * costs.plane_synapse
    row["gather_event"] = taps * (-(-pitch // 128) * costs.tile + pitch * costs.gathered)


def set_channel_costs(row: Any, map_: Conv | SumPool, costs: Costs) -> None:
    """The same where each channel is a group."""
    row["scatter_once"] = prod(map_.in_shape[1:]) * costs.pixel
    row["scatter_event"] = float(map_.fan_out().mean()) * costs.each_synapse
    tiles, n_out = -(-int(row["gather_pitch"]) // 64), prod(map_.out_shape[1:])
    row["gather_once"] = n_out * int(row["taps"]) * (costs.each_tap + tiles * costs.each_tile)
    row["gather_event"] = costs.each_event


def set_dense_costs(row: Any) -> None:
    """All to all: gathering does what scattering does, with narrower sums."""
    row["scatter_event"], row["gather_event"] = 2, 1
