"""Runs this network in Lava's CPU simulation; needs Python 3.10 with lava-nc and numpy only.

    python run.py inputs.npz -o results.npz

inputs.npz holds one integer array for each input of network.py, under its name: counts of shape
(samples, *shape) or (samples, frames, *shape). results.npz then holds for every population
`counts/<name>`, shape (samples, frames, *shape), and `events/<name>`, rows (tick, neuron, payload).
"""

import argparse
import contextlib
import ctypes
import importlib
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
EXIT_ENVIRONMENT = 5
EXIT_INTERRUPTED = 128  # and the signal's number

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl


class Refused(Exception):
    """What the user can mend; printed as one sentence."""


class BadEnvironment(Refused):
    """This Python or its packages are not what the network was written for."""


def main() -> int:
    """Run as the command line says; returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    os.register_at_fork(after_in_child=in_child)
    # the process that gives shared memory back after a crash need not tell that it did
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    try:
        check_versions()
        options = parse_arguments()
        import network

        counts, leading = read_inputs(options, network.INPUTS)
        run(network, counts, leading, options)
    except Refused as error:
        complain(error)
        return EXIT_ENVIRONMENT if isinstance(error, BadEnvironment) else EXIT_REFUSED
    return 0


def interrupted(number, frame) -> None:
    """Ctrl-C, or somebody asks us to end."""
    complain(f"interrupted ({signal.Signals(number).name})")
    end(EXIT_INTERRUPTED + number)


def in_child() -> None:
    """Lava's processes end with us, whatever ends us, and leave signals to us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def complain(sentence) -> None:
    """Say what went wrong, in one line that snnc finds again."""
    print(f"error: {sentence}", file=sys.stderr, flush=True)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", type=Path, nargs="?", help="an .npz file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="an .npz file")
    parser.add_argument("--samples", type=int, default=1, help="of a network without inputs")
    parser.add_argument("--frames", type=int, default=1, help="of a network without inputs")
    parser.add_argument("--time-limit", type=float, default=3600.0, metavar="SECONDS")
    parser.add_argument(
        "--supervised", action="store_true", help="end as soon as standard input is closed"
    )
    return parser.parse_args()


def check_versions() -> None:
    """Refuse what the bundle was not made for, before Lava fails in its own words."""
    if sys.version_info[:2] != PYTHON_VERSION:
        wanted, found = ".".join(map(str, PYTHON_VERSION)), sys.version.split()[0]
        raise BadEnvironment(f"Lava {LAVA_VERSION} needs Python {wanted}, this is Python {found}")
    try:
        found = metadata.version("lava-nc")
    except metadata.PackageNotFoundError:
        raise BadEnvironment(
            f"lava-nc is not installed: pip install lava-nc=={LAVA_VERSION} 'numpy<2'"
        ) from None
    if found != LAVA_VERSION:
        raise BadEnvironment(f"this network was written for lava-nc {LAVA_VERSION}, found {found}")
    for name in ("numpy", "scipy.sparse", "lava.magma.core.run_conditions"):
        try:
            importlib.import_module(name)
        except Exception as error:
            raise BadEnvironment(
                f"{name} cannot be imported: {type(error).__name__}: {error}"
            ) from None


def read_inputs(options, inputs):
    """Counts by input, int32, shape (samples, frames, *shape); and (samples, frames).

    Args:
        options: of the command line.
        inputs: (shape, lowest count, highest count) by name.
    """
    import numpy as np

    path = options.inputs
    if not inputs:
        return {}, (options.samples, options.frames)
    if path is None:
        raise Refused(f"it needs an .npz file with the inputs {', '.join(inputs)}")
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
    return counts, next(iter(counts.values())).shape[:2]


def run(network, counts, leading, options) -> None:
    """Build, run and write what every population sent."""
    from processes.recorder import Recorder

    n_samples, n_frames = leading
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
        write_results(network, files, shapes, leading, options.output)


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

    executable = compiled(process, Loihi2SimCfg(select_tag="fixed_pt"))
    guard = Guard(process, [p.name for p in executable.proc_builders], options)
    guard.start()
    try:
        process.create_runtime(executable=executable)
    except Exception as error:
        fail_to_start(error)
    guard.started.set()
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


def compiled(process, run_config):
    """All processes that hang together with `process`, ready to start."""
    try:
        return process.compile(run_config)
    except Exception as error:
        fail_to_start(error)


def fail_to_start(error) -> None:
    """Lava refuses the network, or one of its processes failed before the first step."""
    traceback.print_exc()
    complain(f"Lava cannot start: {type(error).__name__}: {error}")
    end(EXIT_PROCESS_FAILED)


class Guard(threading.Thread):
    """Ends a run that hangs: Lava waits for ever when one of its processes has died."""

    def __init__(self, process, names, options) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.names = names
        self.options = options
        self.children = set()
        self.started = threading.Event()
        self.done = threading.Event()
        self.deadline = STARTED + options.time_limit

    def run(self) -> None:
        """Look at the actors every tenth of a second until the run is done."""
        if self.options.supervised:
            threading.Thread(target=end_with_parent, daemon=True).start()
        while not self.done.wait(0.1):
            for actor, name in self.watched():
                self.check(actor, name)
            if time.monotonic() > self.deadline:
                complain(f"stopped at the time limit of {self.options.time_limit:g} s")
                end(EXIT_TIME_LIMIT)

    def watched(self):
        """Lava's processes so far: the network's own, then those that it runs them with."""
        runtime = self.process.runtime
        infrastructure = runtime and runtime._messaging_infrastructure
        if not infrastructure:
            return []
        actors = list(infrastructure.actors)
        names = [*self.names, *["Lava's runtime service"] * len(actors)]
        self.children.update(multiprocessing.active_children())
        others = self.children.difference(actors)
        return [
            *zip(actors, names, strict=False),
            *((other, "Lava's shared memory") for other in others),
        ]

    def check(self, actor, name) -> None:
        """End the run if this process failed."""
        try:
            failure = getattr(actor, "exception", None)
            status = None if getattr(actor, "_is_done", False) else actor.exitcode
        except (OSError, ValueError, EOFError):
            return  # Lava is joining it at this moment: next time
        if failure and self.started.is_set():  # before, Lava itself raises it
            error, text = failure
            print(text, file=sys.stderr)
            complain(f"process `{name}`: {type(error).__name__}: {error}")
            end(EXIT_PROCESS_FAILED)
        if status and (status < 0 or self.started.is_set()):
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
        counts = counts.reshape(n_samples, n_frames, *shapes[name])
        members[f"counts/{name}"] = counts.cumsum(axis=1) if network.SENDS_CHANGES else counts
        members[f"events/{name}"] = events
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
    import numpy as np

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


if __name__ == "__main__":
    sys.exit(main())
