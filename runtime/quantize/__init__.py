"""`snnc.quantize`: a float network becomes one with integer activations."""

from snnc.runtime.quantize.facade import DEFAULT_OUTPUT, quantize
from snnc.runtime.quantize.result import Quantization

__all__ = ["DEFAULT_OUTPUT", "Quantization", "quantize"]
