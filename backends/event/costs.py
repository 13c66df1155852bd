"""What delivering costs, so that each list takes the cheaper way.

Linear models in what the kernels loop over. The constants are picoseconds, fitted by least squares
to both kernels over nine shapes and activities of 0.2 to 30 % on one core of an AMD EPYC (Zen 4,
AVX2); they meet the measured times within 12 to 18 % on average. `benchmarks/kernels.py` shows what
each way takes on the machine at hand, and how often the choice is the better one.
"""

from __future__ import annotations

from math import prod
from typing import Any

from snnc.ir.maps import Conv, Dense, SumPool

# Scattering a window: for each input pixel; for each pixel with events and row of taps; for each
# pixel with events and membrane that it reaches; for each synaptic event. A row of taps takes twice
# as long where a pixel has three events and more; there gathering is taken anyway.
_PIXEL, _ROW, _REACHED, _SYNAPSE = 3_100, 9_000, 37, 44
# Gathering: for each output pixel; for it and row of taps; for each event, tap and 128 channels;
# for each synaptic event, channels filled up.
_OUTPUT, _OUTPUT_ROW, _TILE, _GATHERED = 8_200, 5_300, 312, 25
# Each channel on its own: scattering an event to a synapse; gathering: for each output pixel and
# tap; for each of these and 64 channels; for each event.
_EACH_SYNAPSE, _EACH_TAP, _EACH_TILE, _EACH_EVENT = 2_000, 4_600, 1_700, 500


def set_window_costs(row: Any, map_: Conv | SumPool | Dense) -> None:
    """Costs of both ways through a window; `taps` and `gather_pitch` are known."""
    if isinstance(map_, Dense):
        spatial, out, rows, channels = map_.lead, map_.lead, 1.0, map_.weight.shape[0]
        reached = float(channels)
    else:
        spatial, out, channels = map_.in_shape[1:], map_.out_shape[1:], map_.out_shape[0]
        rows = map_.kernel[0] / map_.stride[0] if len(map_.kernel) == 2 else 1.0
        reached = float(map_.fan_out().mean())
    n_in, n_out = prod(spatial), prod(out)
    row["scatter_once"] = n_in * _PIXEL
    row["scatter_pixel"] = rows * _ROW + reached * _REACHED
    row["scatter_event"] = reached * _SYNAPSE
    tap_rows = int(row["taps"]) / map_.kernel[-1] if not isinstance(map_, Dense) else 1
    row["gather_once"] = n_out * (_OUTPUT + tap_rows * _OUTPUT_ROW)
    taps, pitch = reached / channels, int(row["gather_pitch"])
    row["gather_event"] = taps * (-(-pitch // 128) * _TILE + pitch * _GATHERED)


def set_channel_costs(row: Any, map_: Conv | SumPool) -> None:
    """The same where each channel is a group."""
    row["scatter_once"] = prod(map_.in_shape[1:]) * _PIXEL
    row["scatter_event"] = float(map_.fan_out().mean()) * _EACH_SYNAPSE
    tiles, n_out = -(-int(row["gather_pitch"]) // 64), prod(map_.out_shape[1:])
    row["gather_once"] = n_out * int(row["taps"]) * (_EACH_TAP + tiles * _EACH_TILE)
    row["gather_event"] = _EACH_EVENT


def set_dense_costs(row: Any) -> None:
    """All to all: gathering does what scattering does, with narrower sums."""
    row["scatter_event"], row["gather_event"] = 2, 1
