"""The files of a run: what goes in, what comes out."""

import os
import zipfile

import numpy as np
from refused import Refused


def read_inputs(path, inputs, data, host_results):
    """Arrays of an .npz file that is one of ours, each (samples, frames, *shape).

    Args:
        path: of the file; None where there are no inputs.
        inputs: (shape, lowest count, highest count) by name.
        data: (shape, type) by name, of inputs that are no counts.
        host_results: as `inputs`, of what the host would compute and the file may hold.

    Returns:
        Integers by name, data by name; and (samples, frames), None where the file holds nothing.
    """
    if path is None:
        if inputs or data:
            raise Refused(f"it needs an .npz file with {', '.join([*inputs, *data])}")
        return {}, {}, None
    try:
        with np.load(path, allow_pickle=False) as archive:
            given = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    missing = [name for name in inputs if name not in given]
    if missing:
        raise Refused(
            f"{path} has no array `{missing[0]}`; the inputs are {', '.join([*inputs, *data])}"
        )
    counts = {
        name: checked_counts(name, given[name], *known)
        for name, known in {**host_results, **inputs}.items()
        if name in given
    }
    raw = {
        name: in_frames(name, given[name], shape)
        for name, (shape, _) in data.items()
        if name in given
    }
    leading = {array.shape[:2] for array in [*counts.values(), *raw.values()]}
    if len(leading) > 1:
        raise Refused("the inputs differ in samples and frames")
    return counts, raw, next(iter(leading), None)


def checked_counts(name, array, shape, lowest, highest):
    """Counts within their bounds, (samples, frames, *shape)."""
    array = in_frames(name, array, shape)
    if array.dtype.kind not in "iu" or array.min() < lowest or array.max() > highest:
        raise Refused(f"`{name}` holds integers from {lowest} to {highest}")
    return array.astype(np.int64)


def in_frames(name, array, shape):
    """(samples, frames, *shape), an axis for frames put in where there is none."""
    given = array.shape
    if given[1:] == shape:
        array = array[:, None]
    if array.shape[2:] != shape or not array.size:
        raise Refused(f"`{name}` is (samples, frames, *{shape}), got {given}")
    return array


def read_events(network, files, shapes, n_total):
    """Counts (n_total, *shape) and events of every node of a network, by name.

    Args:
        network: the module.
        files: where its recorders wrote, by node.
        shapes: of the nodes.
        n_total: frames of all samples.
    """
    found = {}
    for name, file in files.items():
        events = np.load(file)
        frame = (events[:, 0] - network.START[name]) // network.PERIOD
        # where frames overlap, short paths go on into frames that nobody asked for
        events, frame = events[frame < n_total], frame[frame < n_total]
        counts = np.zeros((n_total, int(np.prod(shapes[name]))), dtype=np.int64)
        np.add.at(counts, (frame, events[:, 1]), events[:, 2])
        found[name] = counts.reshape(n_total, *shapes[name]), events
    return found


def moved(events, name, network, start, period):
    """Events in ticks of the whole model instead of those of one of its networks."""
    frame, slot = np.divmod(events[:, 0] - network.START[name], network.PERIOD)
    return np.column_stack([start[name] + frame * period + slot, events[:, 1:]])


def write_results(path, members) -> None:
    """All arrays, or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_npz(temporary, members)
        temporary.replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_npz(path, arrays) -> None:
    """As `numpy.savez`, which takes names as keywords, and some (such as "file") are its own."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
