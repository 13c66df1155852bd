"""ONNX Runtime's integers against exact integer arithmetic, on quantised ONNX models.

ONNX Runtime runs each model twice: with its optimisations off, and on. Every integer tensor that
both show is compared with what its operator means: exact sums of integers, one rounding.

    python benchmarks/quantised.py MODEL.onnx DATA.npz [--limit N]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from snnc.converter.sources import load_source
from snnc.runtime.verify.exact import ExactRunner

LEVELS = {
    "optimisations off": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "optimisations on": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def session(model: onnx.ModelProto, tensors: list[str], level: Any) -> ort.InferenceSession:
    """The model with some integer tensors for outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(copy.SerializeToString(), options, ["CPUExecutionProvider"])


def compare(path: Path, x: np.ndarray) -> dict[str, Any]:
    """Integers compared and, by level, how many differ."""
    source = load_source(path)
    name = source.inputs[0].name
    integers = {
        v.name
        for v in source.onnx.graph.value_info
        if v.type.tensor_type.elem_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    }
    tensors = sorted(integers & {out for node in source.onnx.graph.node for out in node.output})
    exact = ExactRunner(source.onnx, tensors)
    sessions = {label: session(source.onnx, tensors, level) for label, level in LEVELS.items()}
    n, different = 0, dict.fromkeys(LEVELS, 0)
    for sample in x.astype(source.inputs[0].dtype):
        expected = exact.run({name: sample[None]})
        n += sum(expected[t].size for t in tensors)
        for label, runner in sessions.items():
            found = dict(zip(tensors, runner.run(tensors, {name: sample[None]}), strict=True))
            different[label] += sum(int((found[t] != expected[t]).sum()) for t in tensors)
    return {"model": path.stem, "n_samples": len(x), "n_integers": n, "different": different}


def main() -> None:
    """Compare one model on one file of data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    given = parser.parse_args()
    print(json.dumps(compare(given.model, np.load(given.data)["x"][: given.limit]), indent=1))


if __name__ == "__main__":
    main()
