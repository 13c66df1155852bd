"""How many counts change between the float and the integer form of neurons with state?

One layer, 64 -> 64, inputs 0 … 4, thresholds so that about one in five neurons fires; weights
either lie on an 8-bit grid (what is left is the rounding of leak and membrane) or are normal.

    python benchmarks/leaks.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.backends.conformance.frames import latch_frames
from snnc.converter.integer import integer_form
from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import SIM, Limits
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import CurrentLIF, IntegrateFire, NeuronModel, Trace
from snnc.ir.nodes import Input, Output, Population

SIZE, N_SAMPLES = 64, 200
CHIP = Limits(target="chip", membrane_bits=24, leak_bits=12)

Make = Callable[[float], NeuronModel]

NEURONS: dict[str, Make] = {
    "LIF, tau 2": lambda t: IntegrateFire(threshold=np.array(t), decay=np.array(0.5)),
    "LIF, tau 2, hard reset": lambda t: IntegrateFire(
        threshold=np.array(t), decay=np.array(0.5), reset="zero"
    ),
    "LIF, beta 0.9": lambda t: IntegrateFire(threshold=np.array(t), decay=np.array(0.9)),
    "LIF, beta 0.9, late reset": lambda t: IntegrateFire(
        threshold=np.array(t), decay=np.array(0.9), strict=True, reset_before=True
    ),
    "LIF, beta 0.99": lambda t: IntegrateFire(threshold=np.array(t), decay=np.array(0.99)),
    "I-LIF, carry 0.25, D 4": lambda t: IntegrateFire(
        threshold=np.array(t), decay=np.array(0.25), hi=4, rounding="half-even"
    ),
    "IF": lambda t: IntegrateFire(threshold=np.array(t)),
    "current-based, 0.9 and 0.8": lambda t: CurrentLIF(
        threshold=np.array(t), decay=np.array(0.9), current_decay=np.array(0.8)
    ),
}


def layer(model: NeuronModel, weight: FloatArray, n_frames: int) -> Graph:
    """Input, one population, output."""
    shape = (SIZE,)
    return Graph(
        [
            Input(name="x", shape=shape, lo=0, hi=4),
            Population(name="n", shape=shape, model=model),
            Output(name="y", shape=shape),
        ],
        [
            Projection(name="w", source="x", target="n", map=Dense(weight=weight)),
            Projection(name="read", source="n", target="y", map=Identity(shape=shape)),
        ],
        form="float",
        metadata={"n_frames": n_frames},
    )


def counts(graph: Graph, x: IntArray) -> FloatArray:
    """What the population gives in each frame, as real values."""
    node = graph.populations[0]
    p = graph.projections["w"]
    current = (x @ p.map.weight.T) * 2**p.exponent + node.bias_map()
    return np.asarray(latch_frames(node.model, current, 0) * node.step_map())


def threshold_for(make: Make, weight: FloatArray, x: IntArray) -> float:
    """A threshold with which about a fifth of the activations are spikes."""
    low, high = 0.01, 1000.0
    for _ in range(30):
        middle = float(np.sqrt(low * high))
        rate = counts(layer(make(middle), weight, x.shape[1]), x).mean()
        low, high = (middle, high) if rate > 0.2 else (low, middle)
    return float(np.round(high, 3))


def changed(make: Make, grid: bool, n_frames: int, limits: Limits) -> tuple[float, float]:
    """Mean count of the float form, and the share of counts that the integer form changes."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((SIZE, SIZE)) + 0.1
    if grid:
        weight = np.rint(weight * 30) / 30
    x = np.asarray(rng.integers(0, 5, (N_SAMPLES, n_frames, SIZE)))
    graph = layer(make(threshold_for(make, weight, x[:20])), weight, n_frames)
    expected = counts(graph, x)
    got = counts(integer_form(graph, limits=limits).graph, x)
    return float(expected.mean()), float((got != expected).mean())


def trace_error(tau: float, n_frames: int, limits: Limits) -> float:
    """Root mean square error of a trace over its root mean square."""
    rng = np.random.default_rng(0)
    weight = np.diag(rng.uniform(0.1, 1.0, SIZE))
    x = (rng.random((8, n_frames, SIZE)) < 0.05).astype(np.int64)
    graph = layer(Trace(decay=np.array(np.exp(-1 / tau))), weight, n_frames)
    expected = counts(graph, x)
    got = counts(integer_form(graph, limits=limits).graph, x)
    return float(np.sqrt(((got - expected) ** 2).mean() / (expected**2).mean()))


def main() -> None:
    """Print the tables of docs/integer.md."""
    print("| neuron | frames | mean count | grid weights | the same, 24-bit chip | 8-bit weights |")
    print("|---|---|---|---|---|---|")
    for name, make in NEURONS.items():
        for n_frames in (4, 64):
            mean, on_grid = changed(make, True, n_frames, SIM)
            _, on_chip = changed(make, True, n_frames, CHIP)
            _, rounded = changed(make, False, n_frames, SIM)
            print(
                f"| {name} | {n_frames} | {mean:.2f} | {on_grid:.4%} | {on_chip:.4%} "
                f"| {rounded:.3%} |"
            )
    print("\n| trace, tau | error | error, 24-bit chip |\n|---|---|---|")
    for tau in (5.0, 150.0, 1000.0):
        errors = [trace_error(tau, 1000, limits) for limits in (SIM, CHIP)]
        print(f"| {tau:g} | {errors[0]:.2%} | {errors[1]:.2%} |")


if __name__ == "__main__":
    main()
