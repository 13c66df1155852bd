"""Lowering: normalised ONNX to the float event graph.

Values are walked as affine maps of counts (`values`), with elementwise operations waiting until
it is known whether they belong to a fire rule or fold into weights (`settle`). One file for each
family of operators stands in `operators`.
"""

from snnc.converter.lower.lower import FirstLayer, Lowered, Survey, lower, survey

__all__ = ["FirstLayer", "Lowered", "Survey", "lower", "survey"]
