"""What a `.net` file does not say, and what the user says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from snnc.converter.netx.neurons import Readout
from snnc.converter.sources.model import SourceOptions
from snnc.ir.errors import WrongUsage

Timing: TypeAlias = Literal["aligned", "lava"]


@dataclass(frozen=True, kw_only=True)
class NetOptions:
    """The answers.

    Attributes:
        timing: `aligned`: what a layer makes of frame t leaves in frame t; `lava`: each layer
            takes a frame, as netx's processes do.
        readout: what leaves a last layer of spiking neurons.
        reset_interval: frames after which all state is cleared, None for a sample's start only.
        reset_offset: first frame in which it is.
    """

    timing: Timing = "aligned"
    readout: Readout = "spikes"
    reset_interval: int | None = None
    reset_offset: int | None = None

    def notes(self) -> tuple[str, ...]:
        """What a user should know, one sentence each."""
        if self.timing == "lava":
            return ("each layer takes a frame: outputs come as many frames later as in Lava",)
        return (
            "a frame is one of netx's time steps, and layers are aligned: what leaves layer n in "
            "frame t leaves it in Lava n steps later (--net-timing lava)",
        )

    def to_json(self) -> dict[str, Any]:
        """For the provenance."""
        return dict(vars(self))


def stated(options: SourceOptions, where: str) -> NetOptions:
    """What the options say.

    Raises:
        WrongUsage: an option that `.net` files have no use for, or a wrong word.
    """
    for name in ("factory", "input_shape", "levels", "time_axis", "dt", "reset"):
        if getattr(options, name) is not None:
            word = name.replace("_", "-")
            raise WrongUsage(f"--{word} means nothing for a .net file", where=where)
    for name, words in (("net_timing", get_args(Timing)), ("readout", get_args(Readout))):
        if getattr(options, name) not in (None, *words):
            raise WrongUsage(
                f"--{name.replace('_', '-')} is {' or '.join(words)}, "
                f"not {getattr(options, name)!r}",
                where=where,
            )
    interval, offset = options.reset_interval, options.reset_offset
    if interval is not None and interval < 1:
        raise WrongUsage(f"a reset interval is at least one frame, not {interval}", where=where)
    if offset is not None and (interval is None or not 0 <= offset < interval):
        raise WrongUsage("--reset-offset lies within its --reset-interval", where=where)
    return NetOptions(
        timing="lava" if options.net_timing == "lava" else "aligned",
        readout="membrane" if options.readout == "membrane" else "spikes",
        reset_interval=interval,
        reset_offset=offset,
    )
