"""A live event camera, played from recordings: every window is answered while the camera goes on.

    snnc convert examples/nmnist/model.pt --prepare examples/nmnist/prepare.toml -o nmnist.snnc
    python examples/nmnist/stream.py nmnist.snnc RECORDING.bin …
    python examples/nmnist/stream.py nmnist.snnc --pack nmnist_train1000.npz --show 5

The recordings (files of any kind that snnc reads, or those of the pack that train.py kept aside)
are sent at the speed at which they were taken, a packet a millisecond, through a socket to
`snnc run --stream events`, with a reset between two of them. For each window it prints how many
events came, the answer to the window, the answer to all windows so far (the sum of their logits,
which is what `snnc run` gives for the whole recording) and the latency: from sending the event
that ends the window until its answer is here, through socket, network and pipe.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import snnc
from snnc.ir.arrays import Array, IntArray
from snnc.runtime.readers.decoders import events_of, read_recording
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation

Said: TypeAlias = dict[str, Any]
"""A line of `snnc run --stream`."""
RESET = b"\xff" * 8
PACKET_US = 1000
BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Shown:
    """One recording of the show.

    Attributes:
        name: of the file, or what it shows.
        events: from the first one's time on.
        window: of each event.
        label: what it shows; None where nobody says.
    """

    name: str
    events: Recording
    window: IntArray
    label: int | None = None

    @property
    def n_windows(self) -> int:
        """Windows that are answered."""
        return int(self.window[-1]) + 1


@dataclass
class Camera:
    """Sends recordings at `speed` times the speed at which they were taken.

    Attributes:
        server: that the other side connects to.
        complete: when each window was ended by what was sent, by recording.
        late: the longest that a packet was sent behind its time, seconds.
    """

    shows: Sequence[Shown]
    speed: float
    server: socket.socket
    complete: list[list[float]] = field(default_factory=list)
    late: float = 0.0

    def send(self) -> None:
        """Everything, then the end; the other side may leave before."""
        connection, _ = self.server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for show in self.shows:
                self._one(show, connection)

    def _one(self, show: Shown, connection: socket.socket) -> None:
        ended = [0.0] * show.n_windows
        self.complete.append(ended)
        packets = np.flatnonzero(np.diff(show.events.t // PACKET_US)) + 1
        edges = [0, *packets.tolist(), len(show.events)]
        start, window = time.perf_counter(), 0
        for begin, end in itertools.pairwise(edges):
            packet = int(show.events.t[end - 1]) // PACKET_US + 1
            due = start + packet * PACKET_US / 1e6 / self.speed
            time.sleep(max(0.0, due - time.perf_counter()))
            now = time.perf_counter()
            self.late = max(self.late, now - due)
            for done in range(window, int(show.window[end - 1])):
                ended[done] = now
            window = int(show.window[end - 1])
            connection.sendall(words(show.events.part(slice(begin, end))))
        ended[window:] = [time.perf_counter()]
        connection.sendall(RESET)


def words(events: Recording) -> bytes:
    """Events as Prophesee's `.dat` and `snnc run --stream events` have them, 8 bytes each."""
    place = events.p << 28 | events.y << 14 | events.x
    return np.stack([events.t, place], axis=1).astype("<u4").tobytes()


def shown(name: str, events: Recording, how: EventPreparation, label: int | None = None) -> Shown:
    """A recording from its first event on, as many windows as a sample has frames."""
    t = events.t - events.t[0]
    window = t // how.window_us
    held = slice(0, int((window < how.frames).sum()))
    whole = recording(t, events.x, events.y, events.p).part(held)
    return Shown(name=name, events=whole, window=window[held], label=label)


def kept_aside(pack: Path, n: int, how: EventPreparation) -> Iterator[Shown]:
    """The first recordings of the pack that the network was not trained with."""
    import train

    with np.load(pack) as held:
        columns = {name: held[name] for name in ("x", "y", "p", "dt_us", "offset", "label")}
    _, others = train.split(len(columns["label"]))
    for i in others[:n].tolist():
        label = int(columns["label"][i])
        events = recording(*train.recording(columns, i))
        yield shown(f"recording {i} of {pack.name}", events, how, label)


def answers(shows: Sequence[Shown], lines: Iterator[str]) -> Iterator[tuple[Shown, int, Said]]:
    """What snnc says to each window, with the number of its recording."""
    for number, show in enumerate(shows):
        for _ in range(show.n_windows):
            line = next(lines, None)
            if line is None:
                raise SystemExit("snnc ended before the recordings did")
            yield show, number, json.loads(line)


def picture(scores: Array) -> str:
    """A bar for each class."""
    height = (scores - scores.min()) / max(float(np.ptp(scores)), 1e-9)
    return "".join(BARS[round(float(h) * (len(BARS) - 1))] for h in height)


def watch(camera: Camera, lines: Iterator[str]) -> dict[str, float]:
    """Print each answer as it comes; returns what the whole show gave."""
    latencies: list[float] = []
    inside: list[float] = []
    right = 0
    total: Array = np.zeros(0)
    for show, number, said in answers(camera.shows, lines):
        window = said["window"]
        latencies.append(1e3 * (time.perf_counter() - camera.complete[number][window]))
        inside.append(said["latency_ms"])
        scores = np.array(said["outputs_int"])
        if window == 0:
            total = np.zeros_like(scores)
            known = "" if show.label is None else f", a {show.label}"
            print(f"\n{show.name}{known}\n  window  events  answer  so far  {'logits':10}  latency")
        total = total + scores
        n_events = int((show.window == window).sum())
        print(
            f"  {window:6}  {n_events:6}  {said['prediction']:6}  {int(total.argmax()):6}  "
            f"{picture(total):10}  {latencies[-1]:.1f} ms", flush=True,
        )  # fmt: skip
        if window == show.n_windows - 1 and show.label is not None:
            right += int(total.argmax()) == show.label
    p50, p99 = np.percentile(latencies, [50, 99])
    return {
        "n_recordings": len(camera.shows),
        "n_windows": len(latencies),
        "n_right": right,
        "latency_ms_p50": round(float(p50), 2),
        "latency_ms_p99": round(float(p99), 2),
        "latency_ms_most": round(max(latencies), 2),
        "engine_ms_p50": round(float(np.median(inside)), 2),
        "packets_late_ms_most": round(1e3 * camera.late, 2),
    }


def run(model: Path, shows: Sequence[Shown], speed: float, engine: str) -> dict[str, float]:
    """The whole show."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        camera = Camera(shows=shows, speed=speed, server=server)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "snnc", "run", str(model), "--stream", "events"]
        command += ["--data", address, "--engine", engine]
        print("$ snnc", *command[3:], flush=True)
        threading.Thread(target=camera.send, daemon=True).start()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            found = watch(camera, iter(process.stdout))
            if process.wait():
                raise SystemExit(process.returncode)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help=".snnc with [events] in its preparation")
    parser.add_argument("recordings", type=Path, nargs="*", help="files of events")
    pack = "SNNC_DATA" in os.environ and Path(
        os.environ["SNNC_DATA"], "events/nmnist_train1000.npz"
    )
    parser.add_argument("--pack", type=Path, default=pack or None, help="instead of recordings")
    parser.add_argument("--show", type=int, default=5, help="recordings of the pack")
    parser.add_argument("--speed", type=float, default=1.0, help="times that of the camera")
    parser.add_argument("--engine", default="dense", help="dense or event")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    given = parser.parse_intermixed_args()
    try:
        how = events_of(snnc.load(given.model).preparation, str(given.model))
        if how.window_us is None:
            parser.error(f"{given.model} says no window_us under [events]")
        shows = [shown(p.name, read_recording(p, how), how) for p in given.recordings]
    except snnc.SnncError as error:
        parser.error(str(error))
    if not shows and given.pack is None:
        parser.error("give RECORDING files, or --pack nmnist_train1000.npz")
    shows = shows or list(kept_aside(given.pack, given.show, how))
    try:
        found = run(given.model, shows, given.speed, given.engine)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if given.json:
        print(json.dumps(found))
        return
    named = [s for s in shows if s.label is not None]
    print(f"\n{found['n_recordings']} recordings, {found['n_windows']} windows", end="")
    print(f", {found['n_right']} of {len(named)} digits right" if named else "")
    print(
        f"latency: p50 {found['latency_ms_p50']} ms, p99 {found['latency_ms_p99']} ms, most "
        f"{found['latency_ms_most']} ms; of it in the engine p50 {found['engine_ms_p50']} ms"
    )


if __name__ == "__main__":
    main()
