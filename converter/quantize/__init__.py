"""Integer activations in place of a float network's own: calibration and fine-tuning."""

from snnc.converter.quantize.measure import LayerError, Measurement
from snnc.converter.quantize.observe import Observation, Observer
from snnc.converter.quantize.onnxgraph import quantized_onnx
from snnc.converter.quantize.sites import Site, find_sites
from snnc.converter.quantize.steps import METHODS, Method, Quantizer, choose

__all__ = [
    "METHODS",
    "LayerError",
    "Measurement",
    "Method",
    "Observation",
    "Observer",
    "Quantizer",
    "Site",
    "choose",
    "find_sites",
    "quantized_onnx",
]
