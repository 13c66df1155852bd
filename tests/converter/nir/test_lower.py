"""NIR's primitives against their equations written out, and against other simulators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.errors import (
    CannotLoad,
    DamagedFile,
    DataError,
    GraphError,
    NeedsAssumption,
    ShapeMismatch,
    SnncError,
    UnsupportedOperator,
    WrongUsage,
)
from tests.converter.nir.files import Edges, Nodes, chain, read, run_float, write
from tests.needs import data_file

DT = 1e-3
FRAMES = 25
GOLDEN = Path(__file__).parent / "golden.npz"
"""Spikes of norse 1.1.0 and snntorch 1.0.0 (nir 1.0.8) on the networks of the tests below."""


def neuron(type_: str, rng: np.random.Generator, *shape: int) -> dict[str, Any]:
    """A neuron with a parameter of its own in each place."""
    names = {
        "IF": ("r", "v_threshold"),
        "I": ("r",),
        "LI": ("tau", "r", "v_leak"),
        "LIF": ("tau", "r", "v_leak", "v_threshold"),
        "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
        "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "w_in", "v_threshold"),
        "Threshold": ("threshold",),
    }[type_]
    ranges = {"r": (0.5, 3), "v_leak": (-0.1, 0.2), "w_in": (0.5, 2)}
    ranges |= {"v_threshold": (0.2, 0.9), "threshold": (0.3, 1.2)}
    values = {n: rng.uniform(*ranges.get(n, (2 * DT, 9 * DT)), shape) for n in names}
    return {"type": type_, **values}


def by_hand(node: dict[str, Any], x: Array, reset: str) -> Array:
    """Forward Euler, frame by frame: x (N, T, *shape)."""
    p = node
    v, c, out = np.zeros_like(x[:, 0]), np.zeros_like(x[:, 0]), []
    for i in x.swapaxes(0, 1):
        if node["type"] == "Threshold":
            out.append((i > p["threshold"]).astype(float))
            continue
        if "tau_syn" in p:
            c = c + DT / p["tau_syn"] * (p["w_in"] * i - c)
            i = c
        tau = p.get("tau", p.get("tau_mem"))
        v = v + p["r"] * i if tau is None else v + DT / tau * (p["v_leak"] - v + p["r"] * i)
        if "v_threshold" not in p:
            out.append(v)
            continue
        z = (v > p["v_threshold"]).astype(float)
        v = v - z * p["v_threshold"] if reset == "subtract" else (1 - z) * v
        out.append(z)
    return np.stack(out, axis=1)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("type_", ["IF", "I", "LI", "LIF", "CubaLI", "CubaLIF", "Threshold"])
def test_neurons(tmp_path: Path, type_: str, reset: str) -> None:
    rng = np.random.default_rng(len(type_))
    node = neuron(type_, rng, 5)
    weight, bias = rng.normal(0.3, 1, (5, 3)), rng.normal(0, 0.3, 5)
    affine = {"type": "Affine", "weight": weight, "bias": bias}
    path = write(tmp_path / "n.nir", *chain((3,), affine, node, out=(5,)))
    source = read(path, dt=DT, reset=reset)
    x = (rng.random((4, FRAMES, 3)) < 0.5).astype(float)
    expected = by_hand(node, x @ weight.T + bias, reset)
    got = run_float(source.graph, x)["out"]
    if "threshold" in "".join(node):
        assert np.array_equal(got, expected)
        assert 0.05 < expected.mean() < 0.95
    else:
        assert np.allclose(got, expected, rtol=1e-12, atol=1e-12)


def conv(rng: np.random.Generator, **more: Any) -> dict[str, Any]:
    return {
        "type": "Conv2d",
        "weight": rng.normal(0, 1, (4, 1, 3, 3)),
        "bias": rng.normal(0, 1, 4),
        "stride": np.array([1, 1]),
        "padding": np.array([1, 1]),
        "dilation": 1,
        "groups": 2,
        **more,
    }


def pool(type_: str) -> dict[str, Any]:
    two = np.array([2, 2])
    return {"type": type_, "kernel_size": two, "stride": two, "padding": np.array([0, 0])}


@pytest.mark.torch
@pytest.mark.parametrize("padding", [np.array([1, 1]), "same", "valid", 2])
def test_linear_primitives_as_pytorch_computes_them(tmp_path: Path, padding: Any) -> None:
    import torch
    from torch.nn import functional as F

    rng = np.random.default_rng(1)
    first = conv(rng, padding=padding)
    side = {"same": 8, "valid": 6}.get(padding, 10) if not isinstance(padding, np.ndarray) else 8
    half = side // 2
    scale = rng.uniform(0.5, 2, (4, half, half))
    affine = {
        "type": "Affine",
        "weight": rng.normal(0, 1, (5, 4 * half * half)),
        "bias": rng.normal(0, 1, 5),
    }
    flatten = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    path = write(
        tmp_path / "c.nir",
        *chain(
            (2, 8, 8),
            first,
            pool("AvgPool2d"),
            {"type": "Scale", "scale": scale},
            flatten,
            affine,
            out=(5,),
        ),
    )
    x = rng.integers(0, 2, (3, 1, 2, 8, 8)).astype(float)
    got = run_float(read(path).graph, x)["out"][:, 0]
    w, b = torch.from_numpy(first["weight"]), torch.from_numpy(first["bias"])
    pad = padding if isinstance(padding, str | int) else tuple(int(p) for p in padding)
    y = F.avg_pool2d(F.conv2d(torch.from_numpy(x[:, 0]), w, b, 1, pad, 1, 2), 2)
    y = (y * torch.from_numpy(scale)).flatten(1) @ torch.from_numpy(affine["weight"]).T
    assert np.allclose(got, y.numpy() + affine["bias"], rtol=1e-12)


@pytest.mark.torch
def test_conv1d_and_sum_pool(tmp_path: Path) -> None:
    import torch
    from torch.nn import functional as F

    rng = np.random.default_rng(2)
    one = {
        "type": "Conv1d",
        "weight": rng.normal(0, 1, (3, 2, 3)),
        "bias": rng.normal(0, 1, 3),
        "stride": 2,
        "padding": 1,
        "dilation": 1,
        "groups": 1,
    }
    path = write(tmp_path / "a.nir", *chain((2, 9), one, out=(3, 5)))
    x = rng.integers(0, 2, (2, 1, 2, 9)).astype(float)
    w, b = torch.from_numpy(one["weight"]), torch.from_numpy(one["bias"])
    expected = F.conv1d(torch.from_numpy(x[:, 0]), w, b, 2, 1).numpy()
    assert np.allclose(run_float(read(path).graph, x)["out"][:, 0], expected, rtol=1e-12)
    path = write(tmp_path / "b.nir", *chain((2, 4, 4), pool("SumPool2d"), out=(2, 2, 2)))
    x = rng.integers(0, 2, (2, 1, 2, 4, 4)).astype(float)
    summed = x.reshape(2, 1, 2, 2, 2, 2, 2).sum(axis=(4, 6))
    assert np.array_equal(run_float(read(path).graph, x)["out"], summed)


def test_delays_become_frames(tmp_path: Path) -> None:
    delay = {"type": "Delay", "delay": np.array([0, DT, 3 * DT])}
    path = write(tmp_path / "d.nir", *chain((3,), delay))
    graph = read(path, dt=DT).graph
    assert sorted({p.frames for p in graph.projections.values()}) == [0, 1, 3]
    x = np.random.default_rng(0).integers(0, 2, (2, 6, 3)).astype(float)
    expected = np.zeros_like(x)
    for column, late in enumerate((0, 1, 3)):
        expected[:, late:, column] = x[:, : 6 - late, column]
    assert np.array_equal(run_float(graph, x)["out"], expected)


def test_a_subgraph_is_unfolded_and_its_loop_closed(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    inner = {
        "i": {"type": "Input", "shape": np.array([4])},
        "o": {"type": "Output", "shape": np.array([4])},
        "lif": neuron("LIF", rng, 4),
        "rec": {"type": "Linear", "weight": rng.normal(0, 1, (4, 4))},
    }
    edges = [("i", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "o")]
    weight = rng.normal(0.5, 1, (4, 2))
    nodes, outer = chain(
        (2,),
        {"type": "Linear", "weight": weight},
        {"type": "NIRGraph", "nodes": inner, "edges": edges},
        out=(4,),
    )
    source = read(write(tmp_path / "s.nir", nodes, outer), dt=DT, reset="zero")
    assert [p.frames for p in source.graph.projections.values() if p.source == p.target] == [1]
    assert "the loop is closed at m1.rec -> m1.lif" in " ".join(source.notes)
    x = (rng.random((3, FRAMES, 2)) < 0.6).astype(float)
    z, out, v, p = np.zeros((3, 4)), [], np.zeros((3, 4)), inner["lif"]
    for t in range(FRAMES):
        i = x[:, t] @ weight.T + z @ inner["rec"]["weight"].T
        v = v + DT / p["tau"] * (p["v_leak"] - v + p["r"] * i)
        z = (v > p["v_threshold"]).astype(float)
        v = (1 - z) * v
        out.append(z)
    assert np.array_equal(run_float(source.graph, x)["out"], np.stack(out, axis=1))


def test_norse_fires_the_same_spikes(tmp_path: Path) -> None:
    """LIF and CubaLIF; the golden spikes are norse.from_nir(graph, dt=1e-3)'s."""
    rng = np.random.default_rng(2026)

    def normal(*s: int) -> Array:
        return rng.normal(0, 1, s).astype("f4")

    def uniform(lo: float, hi: float, *s: int) -> Array:
        return rng.uniform(lo, hi, s).astype("f4")

    affine = {"type": "Affine", "weight": normal(6, 4) * 2 + 1, "bias": normal(6)}
    lif = {"type": "LIF", "r": np.ones(6, "f4"), "tau": uniform(4e-3, 2e-2, 6)}
    uniform(-0.2, 0.3, 6)  # norse starts at v_leak, snnc at 0: none here
    lif |= {"v_leak": np.zeros(6, "f4"), "v_threshold": uniform(0.3, 0.9, 6)}
    linear = {"type": "Linear", "weight": normal(3, 6) * 4 + 2}
    cuba = {"type": "CubaLIF", "tau_syn": uniform(2e-3, 8e-3, 3), "v_leak": np.zeros(3, "f4")}
    cuba |= {"tau_mem": uniform(4e-3, 2e-2, 3), "r": uniform(1, 3, 3)}
    cuba |= {"w_in": uniform(0.5, 2, 3), "v_threshold": uniform(0.4, 0.8, 3)}
    x = (rng.random((60, 4)) < 0.4).astype(float)
    path = write(tmp_path / "g.nir", *chain((4,), affine, lif, linear, cuba, out=(3,)))
    got = run_float(read(path, dt=1e-3, reset="zero").graph, x[None])["out"][0]
    with np.load(GOLDEN) as golden:
        assert np.array_equal(got, golden["norse"])


@pytest.mark.data
def test_snntorch_fires_the_same_spikes() -> None:
    """NIR's recurrent Braille reader; golden: snntorch.Synaptic(reset_delay=False) in a loop.

    With `subtract` snnTorch takes the threshold off once more, without a spike, where the membrane
    passed it twice: NIR knows nothing of that.
    """
    path = data_file("models/nir/braille_noDelay_bias_zero.nir")
    rng = np.random.default_rng(7)
    rate = np.linspace(0.02, 0.9, 12)
    x = (rng.random((3, 80, 12)) < rate[rng.permutation(12)]).astype(float)
    got = run_float(read(path, dt=1e-4, reset="zero").graph, x)
    with np.load(GOLDEN) as golden:
        for name, key in (("lif1.lif", "braille_hidden"), ("output", "braille_output")):
            expected = np.unpackbits(golden[key])[: got[name].size].reshape(got[name].shape)
            assert np.array_equal(got[name], expected)


LIF: dict[str, Any] = {
    "type": "LIF",
    "tau": np.full(2, 5e-3),
    "r": np.ones(2),
    "v_leak": np.zeros(2),
    "v_threshold": np.ones(2),
}


def case(*middle: dict[str, Any], shape: tuple[int, ...] = (2,)) -> tuple[Nodes, Edges]:
    return chain(shape, *middle)


def more_edges(*extra: tuple[str, str]) -> tuple[Nodes, Edges]:
    nodes, edges = chain((2,), LIF)
    return nodes, [*edges, *extra]


REFUSED: list[tuple[Callable[[], tuple[Nodes, Edges]], type[SnncError], str]] = [
    (lambda: case({"type": "Spline"}), UnsupportedOperator, "m0: the NIR primitive Spline"),
    (lambda: case(LIF | {"tau": np.full(2, 1e-4)}), UnsupportedOperator, "shorter than a time"),
    (lambda: case(LIF | {"tau": np.full(2, np.nan)}), DamagedFile, "m0: .*NaN"),
    (lambda: case(LIF | {"r": np.ones(3)}), DamagedFile, "parameters of different shapes"),
    (lambda: case(LIF | {"v_threshold": np.zeros(2)}), UnsupportedOperator, "not positive"),
    (lambda: case(LIF, shape=(3,)), ShapeMismatch, r"shape \(3,\) arrives at LIF"),
    (lambda: case({"type": "Linear", "weight": np.ones((2, 5))}), ShapeMismatch, r"\(…, 5\)"),
    (lambda: case({"type": "Linear", "weight": np.ones((2, 2, 2))}), UnsupportedOperator, "3 axes"),
    (
        lambda: case({"type": "Delay", "delay": np.array([5e-4, 0])}),
        UnsupportedOperator,
        "no number",
    ),
    (lambda: more_edges(("m0", "out")), DamagedFile, "stands there twice"),
    (lambda: more_edges(("m0", "gone")), DamagedFile, "names `gone`, which is no node"),
    (
        lambda: (
            chain((2,), {"type": "Scale", "scale": np.ones(2)})[0],
            [("in", "m0"), ("m0", "m0"), ("m0", "out")],
        ),
        UnsupportedOperator,
        "loop without a neuron",
    ),
    (lambda: (chain((2,), LIF)[0], [("in", "out")]), DamagedFile, "no edge leads to this LIF"),
    (lambda: (chain((2,), LIF)[0], [("in", "m0"), ("in", "out")]), DamagedFile, "leads on from"),
    (lambda: ({"out": {"type": "Output", "shape": np.array([2])}}, []), CannotLoad, "no Input"),
    (
        lambda: (
            chain((2,), {"type": "I", "r": np.ones(2)})[0],
            [("in", "m0"), ("m0", "m0"), ("m0", "out")],
        ),
        GraphError,
        "nothing bounds them",
    ),
]


@pytest.mark.parametrize(("made", "error", "message"), REFUSED)
def test_what_is_refused(
    tmp_path: Path,
    made: Callable[[], tuple[Nodes, Edges]],
    error: type[SnncError],
    message: str,
) -> None:
    path = write(tmp_path / "x.nir", *made())
    with pytest.raises(error, match=message):
        read(path, dt=DT, reset="zero")


def test_open_questions_are_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nir", *chain((2,), LIF))
    with pytest.raises(NeedsAssumption, match="time step .* nor what a spike leaves"):
        read(path)
    with pytest.raises(NeedsAssumption, match=r"say what a spike"):
        read(path, dt=DT)
    source = read(path, dt=DT, reset="zero")
    assert {"dt": DT, "reset": "zero", "nir_version": "1.0.8"}.items() <= source.provenance.items()
    assert any("forward Euler" in note for note in source.notes)


def test_options_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nir", *chain((2,), LIF))
    for option in ({"levels": 4}, {"time_axis": 0}, {"input_shape": (1, 2)}):
        with pytest.raises(WrongUsage, match="means nothing for a NIR file"):
            read(path, dt=DT, reset="zero", **option)


def test_frames_and_their_sum(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nir", *chain((2,), LIF))
    graph = read(path, dt=DT, reset="zero", frames=7, reduce="sum").graph
    assert graph.metadata["n_frames"] == 7
    assert [node.reduction for node in graph.outputs] == ["sum"]


def test_what_the_file_says_itself_is_not_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nir", *chain((2,), LIF), snnc_dt=DT, snnc_reset="subtract")
    assert read(path).provenance["reset"] == "subtract"
    with pytest.raises(DataError, match="--reset says zero"):
        read(path, reset="zero")


def test_a_subtracting_reset_needs_a_rest_of_zero(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nir", *chain((2,), LIF | {"v_reset": np.full(2, 0.5)}))
    with pytest.raises(UnsupportedOperator, match="`v_reset` is not 0"):
        read(path, dt=DT, reset="subtract")
    model = read(path, dt=DT, reset="zero").graph.populations[0].model
    assert float(model.reset_value) == 0.5  # type: ignore[attr-defined]
