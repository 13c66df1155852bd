"""Promise 5, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.backends.base import EngineResult
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Population
from snnc.runtime.verify.rounding import RoundingCheck
from tests.close import close
from tests.runtime.verify.graphs import chain

FLOAT = chain(np.eye(3), np.zeros(3), np.ones((2, 3)))


def integer_form() -> RoundingCheck:
    models = {
        "hidden": IntegerFire(lo=0, thresholds=np.array([[2, 3, 5, 7]])),
        "logits": Accumulator(),
    }
    nodes = [
        replace(n, model=models[n.name], bias=np.array(0), step=np.array(0.25))
        if isinstance(n, Population)
        else n
        for n in FLOAT.nodes.values()
    ]
    projections = [
        replace(p, map=p.map.with_weight(p.map.weight.astype(np.int64)))
        for p in FLOAT.projections.values()
    ]
    return RoundingCheck(FLOAT, FLOAT.replace(nodes=nodes, projections=projections, form="integer"))


def ran(counts: dict[str, np.ndarray]) -> EngineResult:
    return EngineResult(counts=counts, counters={}, node_counters={}, n_samples=2, n_ticks=1)


def test_changed_counts_agreement_and_accuracy() -> None:
    check = integer_form()
    counts = {
        "hidden": np.array([[[1, 2, 3]], [[0, 0, 4]]]),
        "logits": np.array([[[5, 3]], [[2, 8]]]),
    }
    source = {"hidden": np.array([[0.25, 0.5, 0.75], [0.25, 0.0, 0.75]])}
    outputs = [np.array([[1.25, 0.5], [1.0, 0.75]])]
    check.add(source, outputs, ran(counts))
    assert (check.changed["hidden"].n_values, check.changed["hidden"].n_changed) == (6, 2)
    assert check.largest_fraction == close(1 / 3)
    found = check.to_json(np.array([0, 1]))
    assert found["predictions_agree"] == 0.5
    assert found["accuracy"] == 1.0
    assert found["source_accuracy"] == 0.5
    assert found["largest_output_difference"] == 1.25
    assert found["changed_share"] == close(1 / 3)


def test_without_labels_there_is_no_accuracy() -> None:
    check = integer_form()
    check.add({}, [np.array([[1.0, 0.0]])], ran({"logits": np.array([[[4, 0]]])}))
    found = check.to_json(None)
    assert found["predictions_agree"] == 1.0
    assert found["accuracy"] is None
    assert found["changed_share"] is None
