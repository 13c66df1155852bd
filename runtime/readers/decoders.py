"""From one file to one sample: a table of what snnc reads, by suffix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError, WrongUsage
from snnc.runtime.readers import audio, images
from snnc.runtime.readers.events import aedat, aedat4, nmnist, prophesee
from snnc.runtime.readers.events.framing import frames
from snnc.runtime.readers.events.recording import Recording
from snnc.runtime.readers.preparation import EventPreparation, Preparation
from snnc.runtime.readers.records import UNREADABLE

ReadEvents = Callable[[Path, EventPreparation], Recording]


@dataclass(frozen=True)
class Decoder:
    """Reads the files of one kind.

    Attributes:
        name: of the kind.
        suffixes: of its files, lower case.
        read: gives one sample.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Preparation], Array]


def _of_events(read: ReadEvents) -> Callable[[Path, Preparation], Array]:
    def sample(path: Path, preparation: Preparation) -> Array:
        how = events_of(preparation, str(path))
        return frames(read(path, how), how)

    return sample


def events_of(preparation: Preparation, where: str) -> EventPreparation:
    """What `[events]` says.

    Raises:
        WrongUsage: nothing.
    """
    if preparation.events is None:
        raise WrongUsage(
            "recordings of events need `sensor` and a framing under [events]",
            where=where,
            hint="convert the model with `--prepare FILE.toml`",
        )
    return preparation.events


EVENT_READERS: dict[str, tuple[tuple[str, ...], ReadEvents]] = {
    "N-MNIST": (nmnist.SUFFIXES, nmnist.read),
    "AEDAT 2, 3": (aedat.SUFFIXES, aedat.read),
    "AEDAT 4": (aedat4.SUFFIXES, aedat4.read),
    "Prophesee": (prophesee.SUFFIXES, prophesee.read),
}
DECODERS = (
    Decoder("images", images.SUFFIXES, images.read),
    Decoder("audio", audio.SUFFIXES, audio.read),
    *(Decoder(name, suffixes, _of_events(r)) for name, (suffixes, r) in EVENT_READERS.items()),
)
BY_SUFFIX = {suffix: decoder for decoder in DECODERS for suffix in decoder.suffixes}


def decode(path: Path, preparation: Preparation) -> Array:
    """One sample from one file.

    Raises:
        BadInputFile: no decoder takes such files.
        SnncError: by its subclass, of the decoder.
    """
    decoder = BY_SUFFIX.get(path.suffix.lower())
    if decoder is None:
        raise BadInputFile(
            "no reader takes such files", where=str(path), hint=f"known: {', '.join(BY_SUFFIX)}"
        )
    return decoder.read(path, preparation)


def read_recording(path: Path, how: EventPreparation) -> Recording:
    """All events of one file.

    Raises:
        BadInputFile: it is not there, or of no known kind.
        DataError: it is damaged.
    """
    read = reader_of(path)
    try:
        return read(path, how)
    except SnncError as error:
        error.where = error.where or str(path)
        raise
    except MemoryError as error:
        raise DataError("it does not fit in memory", where=str(path)) from error
    except UNREADABLE as error:
        said = str(error) or type(error).__name__
        raise DataError(f"cannot be read: {said}", where=str(path)) from error


def reader_of(path: Path) -> ReadEvents:
    """What reads the events of a file.

    Raises:
        BadInputFile: it is not there, or of no known kind.
    """
    for suffixes, read in EVENT_READERS.values():
        if path.suffix.lower() in suffixes:
            if not path.is_file():
                raise BadInputFile("no such file", where=str(path))
            return read
    known = [suffix for suffixes, _ in EVENT_READERS.values() for suffix in suffixes]
    raise BadInputFile(
        "this is no recording of events", where=str(path), hint=f"known: {', '.join(known)}"
    )
