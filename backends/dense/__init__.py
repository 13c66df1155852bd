"""The dense engine: the same integers frame by frame, on ONNX Runtime."""

from snnc.backends.base import Backend
from snnc.backends.dense.engine import DenseEngine

backend = Backend(name="dense", engine=DenseEngine())

__all__ = ["DenseEngine", "backend"]
