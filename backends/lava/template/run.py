"""Runs this network in Lava's CPU simulation; needs Python 3.10, the packages in requirements.txt.

    python run.py inputs.npz -o results.npz

inputs.npz holds one array for each input, under its name, shape (samples, *shape) or (samples,
frames, *shape): integer counts, or data as the model takes it where the host reads it first.
results.npz then holds for every population `counts/<name>`, shape (samples, frames, *shape), and
`events/<name>`, rows (tick, neuron, payload); and `reals/<name>` of what the host computed last.
"""

import argparse
import contextlib
import ctypes
import importlib
import multiprocessing
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

from refused import BadEnvironment, Refused

HERE = Path(__file__).parent

LAVA_VERSION = "0.10.0"
PYTHON_VERSION = (3, 10)
ONNXRUNTIME = "onnxruntime==1.23.2"

LONGEST_FOLDER = 50
"""Of the folder for temporary files."""

STARTED = time.monotonic()

EXIT_REFUSED = 1
EXIT_PROCESS_FAILED = 3
EXIT_TIME_LIMIT = 4
EXIT_ENVIRONMENT = 5
EXIT_INTERRUPTED = 128  # and the signal's number

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl


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
        model = description()
        integers, data, leading = inputs_of(model, options)
        run(model, integers, data, leading, options)
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


def description():
    """What runs, in order: stages.py says it where the host has a part, else it is one network."""
    if (HERE / "stages.py").exists():
        return importlib.import_module("stages")
    from host import Chip

    network = importlib.import_module("network")
    return SimpleNamespace(
        INPUTS=network.INPUTS,
        DATA={},
        START=network.START,
        PERIOD=network.PERIOD,
        STAGES=(Chip("network"),),
    )


def inputs_of(model, options):
    """Integers and data by name, shape (samples, frames, *shape); and (samples, frames)."""
    from files import read_inputs

    hosts = [stage for stage in model.STAGES if hasattr(stage, "onnx")]
    results = {
        give.name: (give.shape, give.lowest, give.highest)
        for host in hosts
        for give in host.gives
        if give.kind != "real"
    }
    integers, data, leading = read_inputs(options.inputs, model.INPUTS, model.DATA, results)
    for host in hosts:
        if not host.is_given(integers):
            check_host(host, model.DATA, data)
    if leading is None:
        leading = options.samples, options.frames
    return integers, data, leading


def check_host(host, wanted, data) -> None:
    """Can the host compute what it has to?"""
    for read in (read for reads in host.reads.values() for read in reads):
        if read.source in wanted and read.source not in data:
            raise Refused(f"the inputs lack `{read.source}`, which the host reads")
    try:
        importlib.import_module("onnxruntime")
    except Exception as error:
        raise BadEnvironment(
            f"the host computes {host.operators} with onnxruntime, which cannot be imported "
            f"({type(error).__name__}): pip install {ONNXRUNTIME}"
        ) from None


def run(model, integers, data, leading, options) -> None:
    """Network after network, the host between them; write what every population sent.

    Args:
        model: see `description`.
        integers, data: what is known so far, by name, shape (samples, frames, *shape).
        leading: (samples, frames).
        options: of the command line.
    """
    from files import moved, write_results

    n_samples, n_frames = leading
    integers = {name: x.reshape(-1, *x.shape[2:]) for name, x in integers.items()}
    reals = {name: x.reshape(-1, *x.shape[2:]) for name, x in data.items()}
    members = {}
    with scratch_folder() as folder:
        for stage in model.STAGES:
            if hasattr(stage, "onnx"):
                if not stage.is_given(integers):
                    stage.compute(HERE, integers, reals)
                check_time(options)
                continue
            network = importlib.import_module(stage.network)
            found = run_network(network, integers, leading, folder, options)
            for name, (counts, events) in found.items():
                integers.setdefault(name, counts)
                members.setdefault(
                    f"events/{name}", moved(events, name, network, model.START, model.PERIOD)
                )
        for kind, values in (("counts", integers), ("reals", reals)):
            for name, x in values.items():
                if name not in data:
                    members[f"{kind}/{name}"] = x.reshape(n_samples, n_frames, *x.shape[1:])
        write_results(options.output, members)


def run_network(network, integers, leading, folder, options):
    """Build a network, run it, and read what its recorders wrote: see `read_events`.

    Args:
        network: module of this folder.
        integers: by name, among them what it is fed with, shape (samples * frames, *shape).
        leading: (samples, frames).
        folder: for files.
        options: of the command line.
    """
    import numpy as np
    from files import read_events
    from processes.recorder import Recorder

    n_samples, n_frames = leading
    n_ticks = network.n_ticks(n_samples * n_frames)
    fed = {name: integers[name].astype(np.int32) for name in network.INPUTS}
    processes = network.build(fed, n_frames)
    files = {}
    for i, (name, process) in enumerate(processes.items()):
        files[name] = os.path.join(folder, f"{network.__name__}.{i}.npy")
        recorder = Recorder(
            shape=process.s_out.shape, path=files[name], n_ticks=n_ticks, name=f"record {name}"
        )
        process.s_out.connect(recorder.a_in)
    waiting = list(processes.values())
    while waiting:
        started = simulate(waiting[0], n_ticks, options)
        waiting = [process for process in waiting if process not in started]
    shapes = {name: process.s_out.shape for name, process in processes.items()}
    found = read_events(network, files, shapes, n_samples * n_frames)
    if network.SENDS_CHANGES:
        for name, (changes, events) in found.items():
            by_sample = changes.reshape(n_samples, n_frames, *changes.shape[1:])
            found[name] = by_sample.cumsum(axis=1).reshape(changes.shape), events
    return found


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
        with models_looked_for_once():
            return process.compile(run_config)
    except Exception as error:
        fail_to_start(error)


@contextlib.contextmanager
def models_looked_for_once():
    """Let Lava run the files of the folder `processes` once for each process.

    It looks for a process's models in the folder of its file, and then in the folder of each module
    of its package: here the same one, as many times as it has files. That took most of the start.
    """
    package = importlib.import_module("processes")
    folders = package.__path__
    for module in pkgutil.iter_modules(folders, "processes."):
        importlib.import_module(module.name)
    package.__path__ = []
    try:
        yield
    finally:
        package.__path__ = folders


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

    def run(self) -> None:
        """Look at the actors every tenth of a second until the run is done."""
        if self.options.supervised:
            threading.Thread(target=end_with_parent, daemon=True).start()
        while not self.done.wait(0.1):
            for actor, name in self.watched():
                self.check(actor, name)
            check_time(self.options)

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

    def raised(self):
        """Whether one of the network's own processes ended in an exception."""
        return any(getattr(actor, "exception", None) for actor, _ in self.watched())

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
        if status and not self.started.is_set() and self.raised():
            return  # Lava kills the others when one cannot start, and then raises its error
        if status and (status < 0 or self.started.is_set()):
            complain(f"process `{name}` died with status {status}")
            end(EXIT_PROCESS_FAILED)


def check_time(options) -> None:
    """End everything once the time limit is over."""
    if time.monotonic() > STARTED + options.time_limit:
        complain(f"stopped at the time limit of {options.time_limit:g} s")
        end(EXIT_TIME_LIMIT)


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


if __name__ == "__main__":
    sys.exit(main())
