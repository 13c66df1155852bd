"""Intel's recordings in lava-dl's repository, array by array: what do snnc's engines give?

    python benchmarks/golden.py LAVA_DL [--engine event|dense|oracle|lava] [--out FOLDER]

LAVA_DL is a checkout of github.com/lava-nc/lava-dl (d825ac5, the last one). Whole networks run on
their own, from the image or the first spikes on; u, v and sums are those of single layers that are
fed what the network sends. Arrays that are not compared say why. With `--engine lava` Lava itself
runs the networks; what its neurons keep is not read there. Exits with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from net_files import conv, cuba, dense, entering, write_net

from snnc.backends.registry import get_engine
from snnc.converter.sources import GraphSource, SourceOptions, open_source
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import State
from snnc.ir.nodes import Input, Output, Population

NETX = Path("tests/lava/lib/dl/netx")
OXFORD = Path("tutorials/lava/lib/dl/netx/oxford")
SHOWN_AFTER_A_SPIKE = 128
"""PilotNet LIF's v register in the step of a spike; Lava's and ours are 0 then."""
NOT_READ = "what the neurons keep is not read from Lava"

Layers: TypeAlias = dict[str, IntArray]
Job: TypeAlias = "Callable[[Golden], Iterator[Row]]"


@dataclass(frozen=True)
class Row:
    """One array.

    Attributes:
        file: below `LAVA_DL`.
        holds: what it holds.
        n_values: that were compared.
        n_differences: of them.
        note: why it was not compared, or what had to be known.
    """

    file: str
    holds: str
    n_values: int = 0
    n_differences: int = 0
    note: str = ""


@dataclass(frozen=True)
class Golden:
    """Where the arrays lie, and what runs the networks."""

    root: Path
    engine: str

    def load(self, file: Path | str) -> IntArray:
        """An array of integers in PyTorch's order, time first: (T, C, H, W) or (T, N)."""
        values: Array = np.load(self.root / file)
        if values.ndim == 5:  # slayer's (1, C, H, W, T)
            return np.moveaxis(values[0], -1, 0).astype(np.int64)
        return values.transpose(*range(values.ndim - 1, -1, -1)).astype(np.int64)

    def run(self, graph: Graph, x: IntArray) -> Layers:
        """What every layer sends, for one sample (T, *shape)."""
        session = get_engine(self.engine).prepare(graph, RunSettings(), n_frames=len(x))
        counts = session.run({graph.inputs[0].name: x[None]}).counts
        return {name: values[0] for name, values in counts.items()}

    def kept(self, layer: Graph, x: IntArray) -> State:
        """What a layer alone keeps after each frame, arrays (T, *shape)."""
        session = get_engine(self.engine).prepare(layer, RunSettings(), n_frames=len(x))
        state: Any = {}
        frames = []
        for frame in x:
            state = session.run({"x": frame[None, None]}, state=state).state
            frames.append(state["n"])
        return {name: np.stack([f[name][0] for f in frames]) for name in frames[0]}

    def row(self, file: Path | str, holds: str, found: Array, expected: Array, **more: Any) -> Row:
        """Compare; steps that the recording has and the run has not count as differences."""
        expected = expected.reshape(len(expected), -1)
        found = found.reshape(len(found), -1)[: len(expected)]
        n = int(np.count_nonzero(found != expected[: len(found)]))
        missing = expected[len(found) :].size
        return Row(str(file), holds, expected.size, n + missing, **more)


def read(path: Path, **options: Any) -> Graph:
    """A `.net` file in Lava's timing."""
    source = open_source(path, SourceOptions(net_timing="lava", **options))
    assert isinstance(source, GraphSource)
    return source.graph


def late(x: IntArray) -> IntArray:
    """What arrives one step after it was sent."""
    return np.concatenate([np.zeros_like(x[:1]), x[:-1]])


def alone(graph: Graph, name: str, x: IntArray) -> Graph:
    """One layer, fed with x."""
    node = graph.nodes[name]
    assert isinstance(node, Population)
    (projection,) = graph.incoming(name)
    shape = graph.nodes[projection.source].shape
    lo, hi = min(int(x.min()), 0), max(int(x.max()), 0)
    return Graph(
        [
            Input(name="x", shape=shape, lo=lo, hi=hi),
            replace(node, name="n"),
            Output(name="y", shape=node.shape),
        ],
        [
            replace(projection, source="x", target="n", frames=0),
            Projection(name="read", source="n", target="y", map=Identity(shape=node.shape)),
        ],
    ).validate()


def tiny(golden: Golden) -> Iterator[Row]:
    """The convolutional network of lava-dl's first test; recordings begin one step early."""
    at, net = NETX / "gts/tinynet", golden.root / NETX / "tiny.net"
    biased = golden.load(at / "input_bias.npy")
    with h5py.File(net) as file:
        weight, bias = file["layer/1/weight"][()], file["layer/1/bias"][()]
        offset = int(file["layer/0/bias"][()].item())
    kernel = weight.reshape(weight.shape[:4])[:, :, ::-1, ::-1].transpose(1, 2, 3, 0)
    for name, values in (("layer1_kernel", kernel), ("layer1_bias", bias)):
        file_ = at / f"{name}.npy"
        yield golden.row(file_, "parameters in the file", values, golden.load(file_))
    source = open_source(net, SourceOptions())
    assert isinstance(source, GraphSource)
    x = np.broadcast_to(biased - offset, (15, *biased.shape))
    counts = golden.run(source.graph, x)
    sent = golden.load(at / "input.npy")
    for layer, name in (("input0", "input"), ("conv1", "layer1"), ("conv2", "output")):
        file_ = at / f"{name}.npy"
        yield golden.row(file_, f"spikes of {layer}", counts[layer], golden.load(file_)[1:])
    file_ = at / "current.npy"
    if golden.engine == "lava":
        yield Row(str(file_), "u of conv1", note=NOT_READ)
        return
    u = golden.kept(alone(source.graph, "conv1", sent), sent)["u"] >> 6
    yield golden.row(file_, "u of conv1", u, golden.load(file_))


PILOT_LIF = {
    "input0": "input", "conv1": "conv-0", "conv2": "conv-1", "conv3": "conv-2", "conv4": "conv-3",
    "conv5": "conv-4", "dense7": "fc-0", "dense8": "fc-1", "dense9": "fc-2",
}  # fmt: skip


def pilotnet_lif(golden: Golden) -> Iterator[Row]:
    """From the image on; a reset every 17 steps, in layer n at step n."""
    at = NETX / "gts/pilotnet_lif"
    graph = read(golden.root / at / "network.net", reset_interval=17)
    image = golden.load(at / "image.npy") - 36  # the file's own bias joins again
    counts = golden.run(graph, np.broadcast_to(image, (24, *image.shape)))
    before = ""
    for layer, name in PILOT_LIF.items():
        file = at / f"{name}.npy"
        yield golden.row(file, f"spikes of {layer}", counts[layer], golden.load(file))
        if before:
            yield from _currents(golden, graph, layer, at / name, counts[before])
        before = layer
    yield Row(str(at / "input-s.npy"), "spikes", note="not in the mirror of the repository")
    yield from _last_of_pilotnet(golden)


def _currents(
    golden: Golden, graph: Graph, layer: str, stem: Path, sent: IntArray
) -> Iterator[Row]:
    """U and v of a layer that is fed the network's own spikes."""
    files = [f"{stem}-{name}.npy" for name in ("u", "v")]
    if not (golden.root / files[0]).exists() or golden.engine == "lava":
        why = NOT_READ if golden.engine == "lava" else "not in the mirror of the repository"
        yield from (Row(file, f"{file[-5]} of {layer}", note=why) for file in files)
        return
    kept = golden.kept(alone(graph, layer, late(sent)), late(sent))
    spikes = golden.load(f"{stem}.npy").astype(bool)
    shown = np.where(spikes.reshape(kept["v"].shape), SHOWN_AFTER_A_SPIKE, kept["v"])
    note = f"a spike shows as {SHOWN_AFTER_A_SPIKE}, which is 0 with us"
    yield golden.row(files[0], f"u of {layer}", kept["u"], golden.load(files[0]))
    yield golden.row(files[1], f"v of {layer}", shown, golden.load(files[1]), note=note)


def _last_of_pilotnet(golden: Golden) -> Iterator[Row]:
    """`fc-3`, another recording: reset every 16 steps, in layer n before step n - 1."""
    at = NETX / "gts/pilotnet_lif"
    files = {name: at / f"fc-3-{name}.npy" for name in "suv"}
    how = "its own recording: --reset-interval 16 --reset-offset 15"
    options = {"reset_interval": 16, "reset_offset": 15}
    graph = read(golden.root / at / "network.net", **options)
    image = golden.load(at / "image.npy") - 36
    counts = golden.run(graph, np.broadcast_to(image, (25, *image.shape)))
    yield golden.row(
        files["s"], "spikes of dense10", counts["dense10"], golden.load(files["s"]), note=how
    )
    if golden.engine == "lava":
        yield from (Row(str(files[n]), f"{n} of dense10", note=NOT_READ) for n in "uv")
        return
    x = late(counts["dense9"])
    kept = golden.kept(alone(graph, "dense10", x), x)
    v = kept["v"].copy()
    v[8::16] = 0  # the step before a reset shows what the reset leaves
    yield golden.row(files["u"], "u of dense10", kept["u"], golden.load(files["u"]), note=how)
    how = f"{how}; reads 0 in the step before a reset already"
    yield golden.row(files["v"], "v of dense10", v, golden.load(files["v"]), note=how)


def pilotnet_sdnn(golden: Golden) -> Iterator[Row]:
    """From the image; and from the first layer's changes on, as Intel's hardware tests do."""
    at = NETX / "gts/pilotnet_sdnn"
    image = golden.load(at / "input.npy")
    graph = read(golden.root / at / "network.net")
    counts = golden.run(graph, np.broadcast_to(image, (9, *image.shape[1:])))
    file = at / "output.npy"
    yield golden.row(file, "output", counts["dense9"], golden.load(file))
    told = golden.load(at / "act0.npy")
    first = golden.run(graph, np.broadcast_to(image, (len(told), *image.shape[1:])))
    yield golden.row(at / "act0.npy", "changes of input0", first["input0"], told)
    yield from _sums(golden, graph, first, ("sigma1", "sigma2"))
    square = read(golden.root / at / "square_network.net")
    part = np.broadcast_to(image[..., :33, :33], (len(told), 3, 33, 33))
    names = [f"sigma{n}_square" for n in (1, 2, 3, 4)]
    yield from _sums(golden, square, golden.run(square, part), names)


def _sums(golden: Golden, graph: Graph, counts: Layers, names: Any) -> Iterator[Row]:
    """What the first layers have summed up, each fed what the network tells."""
    before = "input0"
    for n, name in enumerate(names, start=1):
        layer, file = f"conv{n}", NETX / f"gts/pilotnet_sdnn/{name}.npy"
        x = late(counts[before])
        before = layer
        if golden.engine == "lava":
            yield Row(str(file), f"sigma of {layer}", note=NOT_READ)
            continue
        s = golden.kept(alone(graph, layer, x), x)["s"]
        yield golden.row(file, f"sigma of {layer}", s, golden.load(file))


def tiny_sdnn(golden: Golden) -> Iterator[Row]:
    """Three layers, each in a file of its own, from the arrays of lava-dl's block tests."""
    at = NETX / "gts/tinynet_sdnn"
    shape, sdnn = (3, 16, 16), {"neuron/type": "SDNN", "neuron/vThMant": 20}
    biased = golden.load(at / "input_bias.npy")
    wave = np.sin(2 * np.pi * np.arange(15) / 15)
    x = (biased * wave[:, None, None, None]).astype(int)
    kernel = golden.load(at / "layer1_kernel.npy").transpose(3, 0, 1, 2)[:, :, ::-1, ::-1]
    bias = golden.load(at / "layer1_bias.npy")
    convolved = conv(kernel, (24, 6, 6), sdnn, stride=2, bias=bias)
    weight = golden.load(at / "layer2_weight.npy").T
    last = dense(weight, {**sdnn, "neuron/sigma_output": True})
    graded = {"input_range": (-8192.0, 8191.0), "input_bits": 14}
    told = [golden.load(at / f"{name}.npy") for name in ("input", "layer1", "layer2")]
    # Intel's test runs the convolution for one step, and records zeros afterwards
    once = "one step long; the recording goes on with zeros that were not run"
    # ... and its dense layer has no message bits: netx's `Dense` then sees spikes, in Lava's order
    flat = golden.load(at / "layer1.npy").transpose(0, 3, 2, 1).reshape(16, -1) != 0
    jobs = [
        ("input", (entering(shape, sdnn),), {}, x, told[0], ""),
        ("layer1", (entering(shape), convolved), graded, told[0], told[1][:1], once),
        ("layer2", (last,), {}, flat.astype(int), told[2], "its input as spikes, as Intel's test"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, layers, options, given, expected, note in jobs:
            graph = read(write_net(Path(folder) / f"{name}.net", *layers), **options)
            layer = graph.incoming(graph.outputs[0].name)[0].source
            found = golden.run(graph, given)[layer]
            yield golden.row(at / f"{name}.npy", f"what {layer} sends", found, expected, note=note)


def oxford(golden: Golden) -> Iterator[Row]:
    """The first layer over 2000 steps, and the whole network against Intel's own run."""
    at = NETX / "gts/dense"
    layer = dense(golden.load(at / "weight.npy").T, cuba(4096, 415, 6))
    x = golden.load(at / "in.npy")
    with tempfile.TemporaryDirectory() as folder:
        graph = read(write_net(Path(folder) / "dense.net", layer))
    spikes = golden.load(at / "out.npy")
    yield golden.row(at / "out.npy", "spikes", golden.run(graph, x)["dense0"], spikes)
    current = golden.load(at / "current.npy")
    if golden.engine == "lava":
        yield Row(str(at / "current.npy"), "u", note=NOT_READ)
    else:
        u = golden.kept(alone(graph, "dense0", late(x)), late(x))["u"] >> 6
        yield golden.row(at / "current.npy", "u", u, current)
    for name, what in (
        ("ground_truth", "slayer's, from training: Intel plots it beside Lava's run, lava-dl's netx"
         " differs from it as snnc does"),
        ("output", "the target of training, no recording"),
    ):  # fmt: skip
        yield Row(str(OXFORD / f"{name}.npy"), "spikes", note=what)


def refused(golden: Golden) -> Iterator[Row]:
    """What snnc does not read, or what is not there."""
    at = NETX / "gts"
    for name in ("current", "out"):
        file = at / f"complex_dense/{name}.npy"
        yield Row(str(file), "spikes", note="resonate-and-fire neurons: refused by name")
    for name in ("input", "output"):
        file = at / f"ntidigits/{name}.npy"
        yield Row(str(file), "spikes", note="a Git LFS pointer: the array is not there")
    file = OXFORD.parent / "pilotnet_snn/3x3pred.npy"
    yield Row(str(file), "angles", note="their images are not in the repository")


JOBS: tuple[Job, ...] = (tiny, pilotnet_lif, pilotnet_sdnn, tiny_sdnn, oxford, refused)


def main() -> int:
    """Compare every array; 0 where all are equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("lava_dl", type=Path, metavar="LAVA_DL")
    parser.add_argument("--engine", default="event", choices=("event", "dense", "oracle", "lava"))
    parser.add_argument("--only", choices=[job.__name__ for job in JOBS], action="append")
    parser.add_argument("--out", type=Path, help="writes golden.json there")
    options = parser.parse_args()
    golden = Golden(options.lava_dl, options.engine)
    rows: list[Row] = []
    for job in JOBS:
        if options.only and job.__name__ not in options.only:
            continue
        since = time.perf_counter()
        for row in job(golden):
            rows.append(row)
            of = f"{row.n_differences} of {row.n_values} differ" if row.n_values else "not compared"
            print(f"{row.file}: {row.holds}: {of}{row.note and '; '}{row.note}", flush=True)
        print(f"{job.__name__}: {time.perf_counter() - since:.0f} s", file=sys.stderr)
    if options.out is not None:
        text = json.dumps([asdict(row) for row in rows], indent=1)
        (options.out / "golden.json").write_text(text + "\n")
    return int(any(row.n_differences for row in rows))


if __name__ == "__main__":
    sys.exit(main())
