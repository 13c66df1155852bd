"""`.aedat4` of DV (DVXplorer, DAVIS): read by the package `aedat`, MIT."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snnc.ir.errors import DataError, MissingExtra
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation

SUFFIXES = (".aedat4",)


def read(path: Path, how: EventPreparation) -> Recording:
    """Read all events of a file's event streams."""
    try:
        import aedat
    except ImportError as error:
        raise MissingExtra(
            "AEDAT 4 needs the package `aedat`", where=str(path), hint="pip install 'snnc[events]'"
        ) from error
    try:
        packets = [packet["events"] for packet in aedat.Decoder(path) if "events" in packet]
    except RuntimeError as error:
        raise DataError(f"cannot be read: {error}") from error
    if not packets:
        raise DataError("there is no stream of events")
    events = np.concatenate(packets)
    names = events.dtype.names or ()
    polarity = "on" if "on" in names else "p"
    return recording(events["t"], events["x"], events["y"], events[polarity])
