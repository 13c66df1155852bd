"""Every operator that docs/support.md lists has an example, and every example converts exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from snnc.backends.conformance.compare import differences
from snnc.backends.registry import get_engine
from snnc.converter.check import check_source
from snnc.converter.integer import integer_form
from snnc.converter.lower.registry import RULES
from snnc.converter.sources.onnxrun import FrameRunner
from snnc.ir.arrays import Array
from snnc.ir.codes import Code, RunSettings
from snnc.ir.graph import Graph
from tests.converter.lower.nets import check, sample
from tests.converter.operators.examples import Example, all_examples

EXAMPLES = all_examples()
CASES = [
    pytest.param(op_type, example, id=f"{op_type}-{i}")
    for op_type, examples in sorted(EXAMPLES.items())
    for i, example in enumerate(examples)
]
ENGINES = ("oracle", "event", "dense")
CODES: tuple[Code, ...] = ("graded", "burst")


def test_every_rule_of_the_table_has_an_example() -> None:
    assert sorted(set(RULES) - set(EXAMPLES)) == []
    assert sorted(set(EXAMPLES) - set(RULES)) == []


@pytest.mark.parametrize(("op_type", "example"), CASES)
def test_operator(op_type: str, example: Example) -> None:
    source = example.source()
    report = check_source(source)
    statuses = {o.status for o in report.operators if o.operator == op_type}
    assert report.compatible
    assert example.status in statuses if example.status else not statuses
    lowered, _ = check(source)
    graph = integer_form(lowered.graph, weight_bits=16).graph
    samples = [sample(source, seed)["x"] for seed in (1, 2)]
    feeds = {"x": np.stack([np.rint(x / 0.25).astype(np.int64) for x in samples])}
    for code in CODES:
        results = [
            get_engine(name).prepare(graph, RunSettings(code)).run(feeds) for name in ENGINES
        ]
        assert [differences(results[0], other) for other in results[1:]] == [[], []]
        ours = results[0].counts
    runner = FrameRunner(source.onnx)
    expected = [runner.outputs_of(runner.run([{"x": x}])[0])[0] for x in samples]
    assert _share_alike(_output(graph, ours), np.stack(expected)) > 0.9


def _output(graph: Graph, counts: Mapping[str, Array]) -> Array:
    """Real values of what the output reads."""
    (read,) = graph.incoming(graph.outputs[0].name)
    taken = read.arrange(counts[read.source].reshape(2, -1))
    return np.asarray(taken * getattr(graph.nodes[read.source], "step", 1.0))


def _share_alike(ours: Array, source: Array) -> float:
    """What 16-bit weights leave: a count may turn, a wrong weight or step would turn them all."""
    expected = source.reshape(len(source), -1).astype(np.float64)
    assert expected.std() > 0, "the example's output says nothing"
    near = np.abs(ours - expected) <= 0.01 * np.abs(expected).max()
    return float(near.mean())
