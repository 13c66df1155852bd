"""Runs this network in Lava's CPU simulation; needs Python 3.10 with lava-nc and numpy only.

    python run.py inputs.npz -o results.npz

inputs.npz holds one integer array for each input of network.py, under its name: counts of shape
(samples, *shape) or (samples, frames, *shape). results.npz then holds for every population
`counts/<name>`, shape (samples, frames, *shape), and `events/<name>`, rows (tick, neuron, payload).
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from importlib import metadata
from pathlib import Path

LAVA_VERSION = "0.10.0"
PYTHON_VERSION = (3, 10)

LONGEST_FOLDER = 50
"""Of the folder for temporary files."""

STARTED = time.monotonic()

EXIT_REFUSED = 1
EXIT_PROCESS_FAILED = 3
EXIT_TIME_LIMIT = 4
EXIT_INTERRUPTED = 130


class Refused(Exception):
    """What the user can mend; printed as one sentence."""


def main() -> int:
    """Run as the command line says; returns the exit status."""
    signal.signal(signal.SIGTERM, lambda number, frame: end(128 + number))
    try:
        check_versions()
        options = parse_arguments()
        import network

        counts = read_inputs(options.inputs, network.INPUTS)
        run(network, counts, options)
    except Refused as error:
        complain(error)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        end(EXIT_INTERRUPTED)
    return 0


def complain(sentence) -> None:
    """Say what went wrong, in one line that snnc finds again."""
    print(f"error: {sentence}", file=sys.stderr, flush=True)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", type=Path, help="an .npz file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="an .npz file")
    parser.add_argument("--time-limit", type=float, default=3600.0, metavar="SECONDS")
    parser.add_argument(
        "--supervised", action="store_true", help="end as soon as standard input is closed"
    )
    return parser.parse_args()


def check_versions() -> None:
    """Refuse what the bundle was not made for, before Lava fails in its own words."""
    if sys.version_info[:2] != PYTHON_VERSION:
        wanted, found = ".".join(map(str, PYTHON_VERSION)), sys.version.split()[0]
        raise Refused(f"Lava {LAVA_VERSION} needs Python {wanted}, this is Python {found}")
    try:
        found = metadata.version("lava-nc")
    except metadata.PackageNotFoundError:
        raise Refused(
            f"lava-nc is not installed: pip install lava-nc=={LAVA_VERSION} 'numpy<2'"
        ) from None
    if found != LAVA_VERSION:
        raise Refused(f"this network was written for lava-nc {LAVA_VERSION}, found {found}")


def read_inputs(path, inputs):
    """Counts by input, int32, shape (samples, frames, *shape).

    Args:
        path: of the .npz file.
        inputs: (shape, lowest count, highest count) by name.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            given = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    counts = {}
    for name, (shape, lowest, highest) in inputs.items():
        if name not in given:
            raise Refused(f"{path} has no array `{name}`; the inputs are {', '.join(inputs)}")
        array = given[name]
        if array.shape[1:] == shape:
            array = array[:, None]
        if array.shape[2:] != shape or not array.size:
            raise Refused(f"`{name}` is (samples, frames, *{shape}), got {given[name].shape}")
        if array.dtype.kind not in "iu" or array.min() < lowest or array.max() > highest:
            raise Refused(f"`{name}` holds integers from {lowest} to {highest}")
        counts[name] = array.astype(np.int32)
    if len({array.shape[:2] for array in counts.values()}) != 1:
        raise Refused("the inputs differ in samples and frames")
    return counts


def run(network, counts, options) -> None:
    """Build, run and write what every population sent."""
    from processes.recorder import Recorder

    n_samples, n_frames = next(iter(counts.values())).shape[:2]
    flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in counts.items()}
    n_ticks = network.n_ticks(n_samples * n_frames)
    processes = network.build(flat, n_frames)
    with scratch_folder() as folder:
        files = {}
        for i, (name, process) in enumerate(processes.items()):
            files[name] = os.path.join(folder, f"{i}.npy")
            shape = process.s_out.shape
            recorder = Recorder(
                shape=shape, path=files[name], n_ticks=n_ticks, name=f"record {name}"
            )
            process.s_out.connect(recorder.a_in)
        waiting = list(processes.values())
        while waiting:
            started = simulate(waiting[0], n_ticks, options)
            waiting = [process for process in waiting if process not in started]
        shapes = {name: process.s_out.shape for name, process in processes.items()}
        write_results(network, files, shapes, (n_samples, n_frames), options.output)


@contextlib.contextmanager
def scratch_folder():
    """A folder for everything that the run leaves on the way, gone with it."""
    base = tempfile.gettempdir()
    # multiprocessing keeps sockets there, whose paths may have 107 bytes
    if len(base) > LONGEST_FOLDER:
        base = "/tmp"
    with tempfile.TemporaryDirectory(prefix="snnc-lava-", dir=base) as folder:
        tempfile.tempdir = folder
        yield folder


def simulate(process, n_ticks, options):
    """Run the network that `process` belongs to, and end it whatever happens.

    Returns:
        All processes that ran: those that hang together with `process`.
    """
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg

    try:
        executable = process.compile(Loihi2SimCfg(select_tag="fixed_pt"))
        names = [p.name for p in executable.proc_builders]
        process.create_runtime(executable=executable)
        actors = process.runtime._messaging_infrastructure.actors
    except Exception as error:
        traceback.print_exc()
        complain(f"Lava cannot start: {type(error).__name__}: {error}")
        end(EXIT_PROCESS_FAILED)
    guard = Guard(dict(zip(actors, names, strict=False)), options)
    guard.start()
    try:
        process.run(condition=RunSteps(num_steps=n_ticks))
    except Exception:
        traceback.print_exc()
        # Lava's own message names no cause; the guard knows it
        guard.join()
    guard.done.set()
    guard.join()
    process.stop()
    return set(executable.proc_builders)


class Guard(threading.Thread):
    """Ends a run that hangs: Lava waits for ever when one of its processes has died."""

    def __init__(self, actors, options) -> None:
        super().__init__(daemon=True)
        self.actors = actors
        self.options = options
        self.done = threading.Event()
        self.deadline = STARTED + options.time_limit

    def run(self) -> None:
        """Look at the actors every tenth of a second until the run is done."""
        if self.options.supervised:
            threading.Thread(target=end_with_parent, daemon=True).start()
        while not self.done.wait(0.1):
            for actor, name in self.actors.items():
                self.check(actor, name)
            if time.monotonic() > self.deadline:
                complain(f"stopped at the time limit of {self.options.time_limit:g} s")
                end(EXIT_TIME_LIMIT)

    def check(self, actor, name) -> None:
        """End the run if this process failed."""
        try:
            failure = actor.exception
            status = None if actor._is_done else actor.exitcode
        except (OSError, ValueError, EOFError):
            return  # Lava is joining it at this moment: next time
        if failure:
            error, text = failure
            print(text, file=sys.stderr)
            complain(f"process `{name}`: {type(error).__name__}: {error}")
            end(EXIT_PROCESS_FAILED)
        if status:
            complain(f"process `{name}` died with status {status}")
            end(EXIT_PROCESS_FAILED)


def end_with_parent() -> None:
    """Whoever started a supervised run holds its standard input open."""
    while os.read(0, 1024):
        pass
    end(EXIT_TIME_LIMIT)


def end(status: int) -> None:
    """End this process and all that it started."""
    for child in multiprocessing.active_children():
        with contextlib.suppress(OSError, ValueError):  # it ended by itself just now
            child.kill()
    if tempfile.tempdir and "snnc-lava-" in tempfile.tempdir:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    os._exit(status)


def write_results(network, files, shapes, leading, path) -> None:
    """Write counts and events of every node."""
    import numpy as np

    n_samples, n_frames = leading
    n_total = n_samples * n_frames
    members = {}
    for name, file in files.items():
        events = np.load(file)
        frame = (events[:, 0] - network.START[name]) // network.PERIOD
        # where frames overlap, short paths go on into frames that nobody asked for
        events, frame = events[frame < n_total], frame[frame < n_total]
        counts = np.zeros((n_total, int(np.prod(shapes[name]))), dtype=np.int64)
        np.add.at(counts, (frame, events[:, 1]), events[:, 2])
        members[f"counts/{name}"] = counts.reshape(n_samples, n_frames, *shapes[name])
        members[f"events/{name}"] = events
    # numpy.savez takes names as keywords, and some names (such as "file") are its own
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
